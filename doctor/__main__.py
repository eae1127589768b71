"""Run the doctor: `python -m doctor gate`."""

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from common.clock import Clock
from common.daemon import argument_parser, exit_without_output, settings_or_exit
from common.settings import Settings
from common.text import takes_colours
from doctor.finding import Finding
from doctor.hardware import ROOT, hardware_findings
from doctor.settings_file import SettingsFile, check_settings, read_settings
from doctor.sound import sound_findings


def main() -> None:
    """Print each finding as soon as it is made, and at the end how many there are."""
    parser = argument_parser("doctor", "Resets the reader, plays a clip, and says what is wrong and how to fix it.")
    devices = ["gate", "terminal", "monitor", "desk"]
    parser.add_argument("device", nargs="?", choices=devices, help="default: what they share")
    parser.add_argument("--lights", action="store_true", help="light the gate's lamps, one after another")
    parser.add_argument("--json", action="store_true", help="print JSON: name, status, text, remedy, commands")
    parser.add_argument("--settings", metavar="FILE", default=os.devnull, help="a file of settings, NAME=VALUE a line")
    options = parser.parse_args()
    if options.lights and options.device != "gate":
        parser.error("--lights is for the gate: a terminal's pins are inputs")
    try:
        file = read_settings(Path(options.settings))
        os.environ.update(file.values)
    except (OSError, ValueError) as error:
        parser.error(f"--settings: {options.settings}: {error}")
    settings = settings_or_exit("doctor", logs_unknown=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    is_coloured = takes_colours()
    count: Counter[str] = Counter()
    for finding in examine(options.device, settings, file, options.lights, Clock()):
        count[finding.status] += 1
        say(json.dumps(asdict(finding)) if options.json else finding.as_text(is_coloured), "FAIL" in count)
    if not options.json:
        verdict = "" if count.keys() & {"WARN", "FAIL"} else "all is well: "
        say(verdict + ", ".join(f"{number} {status}" for status, number in count.most_common()), "FAIL" in count)
    sys.exit("FAIL" in count)


def say(text: str, has_failed: bool) -> None:
    """Print a line at once; end if the output takes no more."""
    try:
        print(text, flush=True)
    except OSError as error:
        exit_without_output("doctor", error, has_failed)


def examine(
    device: str | None, settings: Settings, file: SettingsFile, with_lights: bool, clock: Clock
) -> Iterator[Finding]:
    """Yield the findings about a device, or about what all devices share."""
    yield from check_settings(file, os.environ)
    try:
        from doctor.server import RedisDoctor

        yield from RedisDoctor(settings, device, clock).findings()
        if device not in {"monitor", "desk"}:
            findings = hardware_findings(device, with_lights, clock, settings.lamps_active_low)
            yield (first := next(findings))
            if first.status != "SKIP":
                yield from sound_findings(settings, ROOT)
            yield from findings
    except ImportError as error:
        yield Finding("packages", "FAIL", str(error), "install it", [f"sudo scripts/install {device or 'gate'}"])


if __name__ == "__main__":
    main()
