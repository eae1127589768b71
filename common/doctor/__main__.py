"""Run the doctor: `python -m common.doctor gate`."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import FrameType

from common.daemon import argument_parser, settings_or_exit
from common.doctor import hardware
from common.doctor.finding import Check, Finding, Status, settle, untold, wrong
from common.doctor.gpio_library import check_gpio_library
from common.doctor.sound import check_sound
from common.settings import PREFIX, Settings

_UNITS = ("entry-gate", "sales-terminal")
_RUNNING = {"active", "activating", "reloading", "deactivating"}
_SYSTEMCTL_LIMIT_S = 2.0
_IN_USE = "if another program has the reader or the pins, stop that"


def main() -> None:
    """Parse the options, then print a line for each check as soon as it is made."""
    parser = _parser()
    options = parser.parse_args()
    if options.lights and options.device != "gate":
        parser.error("--lights is for the gate: a terminal's pins are inputs")
    if options.settings:
        os.environ.update(options.settings)
    settings = settings_or_exit("doctor")
    warnings.simplefilter("ignore")  # RPi.GPIO's, of pins that a program left as they were
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        sys.exit(_report(_findings(options.device, settings, options.lights), options.json))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit


def _report(findings: Iterator[Finding], as_json: bool) -> bool:
    """Print them; return whether anything is wrong."""
    is_any_wrong = False
    for finding in findings:
        print(finding.to_json() if as_json else finding, flush=True)
        is_any_wrong |= finding.status is Status.WRONG
    return is_any_wrong


def _findings(device: str | None, settings: Settings, with_lights: bool) -> Iterator[Finding]:
    if device != "monitor":
        yield from _hardware_findings(device, with_lights)
        yield settle("sound", lambda name: check_sound(name, settings), "sudo apt install mpg123")
    try:
        from common.doctor.server import redis_findings
    except ImportError as error:
        yield wrong("redis", str(error), ".venv/bin/pip install redis==8.1.0")
    else:
        yield from redis_findings(settings, device)


def _hardware_findings(device: str | None, with_lights: bool) -> Iterator[Finding]:
    yield settle("gpio library", check_gpio_library, _IN_USE)
    yield settle("spi", hardware.check_spi, _IN_USE)
    yield settle("groups", hardware.check_groups, _IN_USE)
    running = _running_unit()
    for name, check in _pin_checks(device, with_lights).items():
        if running:
            yield untold(name, f"{running} is running and has the pins", f"sudo systemctl stop {running}")
        else:
            yield settle(name, check, _IN_USE)


def _pin_checks(device: str | None, with_lights: bool) -> Mapping[str, Check]:
    """Return the checks that a program of a device would be disturbed by."""
    checks: dict[str, Check] = {"reader": hardware.check_reader, "reset": hardware.check_reset}
    if device == "terminal":
        checks["buttons"] = hardware.check_buttons
    if device == "gate":
        hidden = partial(untold, text="they are not lit unasked", remedy="--lights lights one after another")
        checks["lights"] = hardware.check_lights if with_lights else hidden
    return checks


def _running_unit() -> str | None:
    """Return the device that systemd runs here."""
    systemctl = shutil.which("systemctl")
    if not systemctl:
        return None
    for unit in _UNITS:
        try:
            asked = subprocess.run(  # noqa: S603  # fixed words
                [systemctl, "is-active", unit], capture_output=True, timeout=_SYSTEMCTL_LIMIT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        if asked.stdout.decode(errors="replace").strip() in _RUNNING:
            return unit
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(
        "common.doctor",
        "Says what is wrong with a device, and the command that mends it: a line for each check, which begins\n"
        "with ok, wrong or -, the last for what cannot be told. The reader is reset, and a clip is played.\n"
        "Status 1 if anything is wrong.",
    )
    parser.add_argument(
        "device", nargs="?", choices=["gate", "terminal", "monitor"], help="without one, what they share is checked"
    )
    parser.add_argument("--lights", action="store_true", help="light the gate's lamps, one after another")
    parser.add_argument(
        "--json", action="store_true", help="one object a line: name, status (ok, wrong or -), finding, remedy"
    )
    parser.add_argument(
        "--settings", metavar="FILE", type=_settings_file, help="take settings from a file of NAME=VALUE lines, too"
    )
    return parser


def _settings_file(path: str) -> dict[str, str]:
    """Read a file such as a unit names in EnvironmentFile=, as far as it holds settings of this system."""
    try:
        lines = Path(path).read_text().splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise argparse.ArgumentTypeError(f"{path} cannot be read: {reason}") from error
    pairs = (line.strip().partition("=") for line in lines)
    return {name: _unquoted(value) for name, _, value in pairs if name.startswith(PREFIX)}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _stop(number: int, _frame: FrameType | None) -> None:
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
