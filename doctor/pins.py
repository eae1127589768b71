"""Who uses the pins and the bus: units of systemd, other programs, the kernel."""

import os
import re
from contextlib import suppress
from pathlib import Path

from common import wiring
from common.pins import PinError
from doctor.finding import Finding

UNITS = "entry-gate", "sales-terminal"

_DEVICES = re.compile(r"/dev/(gpiochip\d+|gpiomem\d*|spidev0\.0)")
_WHO = "sudo fuser -v /dev/gpiochip* /dev/gpiomem* /dev/spidev0.0"
_FREE = r"\(|GPIO |UNCLAIMED"  # how pinmux-pins says that no driver has taken a pin's function


def running_unit(root: Path) -> str | None:
    """Return the unit that has processes in its control group, or None."""
    groups = root / "sys/fs/cgroup/system.slice"
    return next((unit for unit in UNITS if read(groups / f"{unit}.service/cgroup.procs")), None)


def pins_held(root: Path) -> Finding | None:
    """Return a finding if the kernel's lists, which root may read, have an owner for a pin of ours."""
    lines = read(root / "sys/kernel/debug/gpio")
    functions = "".join(map(read, (root / "sys/kernel/debug/pinctrl").glob("*.gpio*/pinmux-pins")))
    held = []
    for wire in (wiring.RESET, *wiring.COLOURS):
        line = re.search(rf"\((?:GPIO{wire.bcm}|PIN{wire.header_pin}) *\|(.+?) *\)", lines)
        function = re.search(rf"(?m)^pin {wire.bcm} \(gpio{wire.bcm}\): (?:device )?(?!{_FREE})(\S+)", functions)
        held += [f"GPIO {wire.bcm} is held by {owner[1]}" for owner in (line, function) if owner]
    return _finding("pins", ", ".join(held), root) if held else None


def pins_refused(error: BaseException, root: Path) -> Finding:
    """Return the finding for an error of the GPIO library, or of the bus, which is any other `OSError`."""
    cause = error.__cause__ or error if isinstance(error, PinError) else error
    if isinstance(cause, BlockingIOError):
        return Finding("reader", "SKIP", str(error))
    text = f"{type(cause).__name__}: {cause}"
    if "/dev/mem" in text or isinstance(cause, PermissionError):
        return Finding("pins", "FAIL", text, "join the group, then log in again", ["sudo usermod -aG gpio $USER"])
    if "SOC peripheral" in text:
        return Finding("pins", "FAIL", text, "use rpi-lgpio", ["sudo apt install python3-rpi-lgpio"])
    if isinstance(error, OSError) and not isinstance(error, PinError):
        return _finding("reader", f"its bus fails: {error}", root)
    return _finding("pins", text, root)


def _finding(name: str, text: str, root: Path) -> Finding:
    """Return the finding, with the programs that have the pins or the bus open, and how to stop them."""
    commands = []
    for process in (root / "proc").glob("[0-9]*"):
        devices: list[str] = []
        with suppress(OSError):  # it has ended, or is another user's
            devices = sorted(filter(_DEVICES.fullmatch, {str(link.readlink()) for link in (process / "fd").iterdir()}))
        if devices and process.name != str(os.getpid()):
            unit = re.search(r"(?m)/([^/\n]+)\.service$", read(process / "cgroup"))
            commands.append(f"sudo systemctl stop {unit[1]}" if unit else f"sudo kill {process.name}")
            text += f"; {read(process / 'comm').strip()} has {' and '.join(devices)} open"
    remedy = "stop what uses them, or remove its dtoverlay line from /boot/firmware/config.txt:"
    return Finding(name, "FAIL", text, remedy, commands or [_WHO])


def read(path: Path) -> str:
    """Return the text of a file, '' if it cannot be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
