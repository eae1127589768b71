"""The state of the system, as the page shows it."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError

from common.devices import Devices, State, read_devices
from simulator.demo_cards import CARDS, StoredPass, read_passes, serial_number
from simulator.device import LAMPS, Device
from simulator.page.answers import Answers
from simulator.page.journal import Journal
from simulator.server import Server
from simulator.system import BUTTONS, MONITOR, System

_TYPES = {"entry_gate": "gate", "sales_terminal": "terminal"}
_BUTTON_NAMES = {pin: name for name, pin in BUTTONS.items()}


@dataclass
class Record:
    """What the page's server has recorded.

    Args:
        logs: the last lines of each device's log.
        passes: what Redis holds, by card; None if it is not running.
        pulses: what the devices have told Redis of themselves; None if it is not running.
        journal: what has happened to each card.
        answers: what each device has last said.
    """

    logs: dict[str, deque[str]] = field(default_factory=dict)
    passes: Mapping[str, StoredPass] | None = None
    pulses: Devices | None = None
    journal: Journal = field(default_factory=Journal)
    answers: Answers = field(default_factory=Answers)

    def read(self, server: Server) -> None:
        """Take in what is in Redis, over one connection."""
        with server.client() as redis:
            self.journal.read(redis)
            self.passes = read_passes(redis)
            try:
                self.pulses = read_devices(redis)
            except RedisError:
                self.pulses = None

    def why(self, system: System, device: str) -> str:
        """Return why the device denies a card; empty if it does not, or no longer."""
        return self.answers.why(device, system.cards_on(device), self.journal)


def state_of(system: System, record: Record) -> dict[str, Any]:
    """Return the state of the system as one JSON object."""
    cables = system.cables
    sale = record.answers.sale
    return {
        "kind": "state",
        "devices": [
            _device(device)
            | {
                "network": cables[name],
                "pulse": _pulse(name, record.pulses),
                "cards": system.cards_on(name),
                "why": record.why(system, name),
                "log": list(record.logs.get(name, ())),
            }
            for name, device in system.devices.items()
        ],
        "sale": {"card": sale.card, "isChosen": sale.is_chosen} if sale else None,
        "rack": [_card(name, record.journal) for name in CARDS],
        "monitor": {"network": cables[MONITOR]},
        "redis": {
            "running": record.passes is not None,
            "cards": {
                card: {"fields": pass_.fields, "secondsLeft": pass_.seconds_left}
                for card, pass_ in (record.passes or {}).items()
            },
        },
    }


def _device(device: Device) -> dict[str, Any]:
    pi = device.pi
    lit, pressed, sounding = pi.lit, pi.pressed, pi.sounding
    return {
        "name": device.name,
        "type": _TYPES[device.module],
        "lit": [name for pin, name in LAMPS.items() if pin in lit],
        "pressed": [name for pin, name in _BUTTON_NAMES.items() if pin in pressed],
        "sound": {"clip": sounding[-1].what, "at": sounding[-1].at} if sounding else None,
        "reader": pi.reader_is_plugged_in,
        "problem": device.problem,
    }


def _pulse(name: str, pulses: Devices | None) -> dict[str, Any] | None:
    """Return what whoever reads the devices' rows sees of a device: its state, and how long it has been silent."""
    for device in pulses.known if pulses else ():
        if pulses and device.name == name:
            silent_s = (pulses.now_ms - device.at_ms) // 1000 if device.state is State.SILENT else None
            return {"state": device.state, "at": device.at_ms, "silentSeconds": silent_s}
    return None


def _card(name: str, journal: Journal) -> dict[str, Any]:
    number = serial_number(name)
    return {
        "name": name,
        "number": number,
        "bytes": len(getattr(CARDS[name], "uid", b"")) or None,
        "last": journal.last.get(number or ""),
    }
