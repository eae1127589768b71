"""The state of the system, as the page shows it."""

from collections.abc import Iterable, Mapping
from typing import Any

from simulator.demo_cards import CARDS, StoredPass, serial_number
from simulator.device import LAMPS, Device
from simulator.system import BUTTONS, MONITOR, System

_TYPES = {"entry_gate": "gate", "sales_terminal": "terminal"}
_BUTTON_NAMES = {pin: name for name, pin in BUTTONS.items()}


def state_of(
    system: System, logs: Mapping[str, Iterable[str]], passes: Mapping[str, StoredPass] | None
) -> dict[str, Any]:
    """Return the whole state as one JSON object.

    Args:
        system: what is shown.
        logs: the last lines of each device's log.
        passes: what Redis holds, by card; None if it is not running.
    """
    cables = system.cables
    return {
        "kind": "state",
        "devices": [
            _device(system, device, logs.get(name, ())) | {"network": cables[name]}
            for name, device in system.devices.items()
        ],
        "rack": [
            {"name": name, "number": serial_number(name), "bytes": len(getattr(card, "uid", b"")) or None}
            for name, card in CARDS.items()
        ],
        "monitor": {"network": cables[MONITOR]},
        "redis": {
            "running": passes is not None,
            "cards": {
                card: {"fields": pass_.fields, "secondsLeft": pass_.seconds_left}
                for card, pass_ in (passes or {}).items()
            },
        },
    }


def _device(system: System, device: Device, log: Iterable[str]) -> dict[str, Any]:
    pi = device.pi
    lit, pressed, sounding = pi.lit, pi.pressed, pi.sounding
    return {
        "name": device.name,
        "type": _TYPES[device.module],
        "lit": [name for pin, name in LAMPS.items() if pin in lit],
        "pressed": [name for pin, name in _BUTTON_NAMES.items() if pin in pressed],
        "sound": {"clip": sounding[-1].what, "at": sounding[-1].at} if sounding else None,
        "cards": system.cards_on(device.name),
        "reader": pi.reader_is_plugged_in,
        "log": list(log),
    }
