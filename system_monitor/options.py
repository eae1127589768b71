"""The monitor's options: which events to show, and how."""

import argparse
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from common.cards import Card
from common.daemon import argument_parser
from common.settings import PREFIX
from system_monitor.terminal import KINDS

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_EXAMPLES = f"""\
examples:
  python -m system_monitor --since 1d --no-follow --card 43405556992
  python -m system_monitor --device gate-1 --device gate-2 --kind denied,status
  python -m system_monitor --since 07:00 --until 09:00 --json > morning.jsonl
  python -m system_monitor --stats

settings: environment variables, {PREFIX}...: see docs/operating.md"""


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the options; times become Unix times in ms, and `zone` the zone of all times: None for the local one.

    A mistake ends the program with status 2 and a line that tells it.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    options.zone = UTC if options.utc else None
    now = datetime.now(UTC)
    for name in ("since", "until"):
        try:
            text = getattr(options, name)
            setattr(options, name, None if text is None else milliseconds(text, now, options.zone))
        except argparse.ArgumentTypeError as error:
            parser.error(f"argument --{name}: {error}")
    if options.until is not None:
        if options.since is not None and options.since >= options.until:
            parser.error("--until must be later than --since")
        options.follow = options.follow and options.until > now.timestamp() * 1000
    if options.stats:
        if options.json:
            parser.error("--stats prints no JSON")
        if options.since is None and options.last is None:  # the minute that has begun, or all
            options.since = int(now.timestamp()) // 60 * 60_000 if options.follow else 0
    return options


def _parser() -> argparse.ArgumentParser:
    """Return the parser; its help fits a screen of 24 lines and 80 columns, or not much more."""
    parser = argument_parser("system-monitor", "Shows everything that happens in the system, as it happens.")
    parser.usage, parser.epilog = "python -m system_monitor [options]", _EXAMPLES
    add = parser.add_argument
    add("-n", dest="last", metavar="N", type=_count, help="start with the last N events (10; since a time: all)")
    add("--since", metavar="WHEN", help="start at 14:00 or 2026-01-31, or 90s, 30m, 2h, 1d ago")
    add("--until", metavar="WHEN", help="end at a time, in the same words")
    add("--no-follow", dest="follow", action="store_false", help="end after the events so far")
    add("--card", metavar="NUMBER", type=serial_number, help="only this card's events; its UID as 0A:1B:2C:3D")
    add("--device", metavar="NAME", action="append", default=[], help="only this device's events; may be repeated")
    add(
        "--kind",
        metavar="KIND,...",
        type=_kinds,
        action="extend",
        default=[],
        help="only issued, used, denied, ...; likewise",
    )
    add("--devices", action="store_true", help="the devices and how they do, not the events")
    add("--stats", action="store_true", help="a line a minute: entries, sales, denials, events")
    add("--json", action="store_true", help="each event as a line of JSON, as published")
    add("--utc", action="store_true", help="times in UTC, also those of --since and --until")
    add("--color", metavar="WHEN", choices=["auto", "always", "never"], default="auto", help="auto, always or never")
    return parser


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise argparse.ArgumentTypeError("expected a number of events")
    return int(text)


def _kinds(text: str) -> list[str]:
    """Return the kinds of event that are called so."""
    names = text.split(",")
    if not set(names) <= KINDS.keys():
        raise argparse.ArgumentTypeError(f"expected some of {','.join(KINDS)}")
    return [KINDS[name] for name in names]


def milliseconds(text: str, now: datetime, zone: tzinfo | None = None) -> int:
    """Return the Unix time in ms of `2h` ago, of `14:00` today or of `2026-01-31 14:00`.

    Args:
        text: what was typed.
        now: the time, with its zone.
        zone: the zone of what was typed, unless that names one; None for the local one.

    Raises:
        argparse.ArgumentTypeError: the text is none of these.
    """
    try:
        if ago := re.fullmatch(r"(\d{1,9})([smhd])", text, re.ASCII):
            time = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            is_today = re.fullmatch(r"\d\d:\d\d(:\d\d)?", text, re.ASCII)
            time = datetime.fromisoformat(f"{now.astimezone(zone):%Y-%m-%d} {text}" if is_today else text)
            if time.tzinfo is None:
                time = time.replace(tzinfo=zone)
        return max(0, int(time.timestamp() * 1000))
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError("expected 90s, 30m, 2h, 1d, 14:00 or 2026-01-31 14:00") from error


def serial_number(text: str) -> str:
    """Return a card's serial number, given that, or the UID's 4, 7 or 10 bytes in hexadecimal, with colons.

    Raises:
        argparse.ArgumentTypeError: the text is neither.
    """
    if re.fullmatch(r"\d{1,25}", text, re.ASCII):
        return str(int(text))
    digits = re.sub(r"(?<=[0-9A-Fa-f]{2})[:\- ](?=[0-9A-Fa-f]{2})", "", text)
    if card := Card.with_uid(digits):
        return card.serial_number
    raise argparse.ArgumentTypeError("expected a serial number such as 43405556992, or a UID such as 0A:1B:2C:3D")
