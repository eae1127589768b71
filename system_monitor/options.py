"""The monitor's options: what to show of the past, and how."""

import argparse
import re
from datetime import datetime, timedelta
from functools import partial

from common.cards import Card
from common.daemon import argument_parser

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argument_parser("system-monitor", "Shows everything that happens in the system, as it happens.")
    parser.add_argument(
        "-n",
        dest="last",
        metavar="N",
        type=_count,
        help="start with the last N events (default: 10); with --since, the last N since then (default: all)",
    )
    parser.add_argument(
        "--since",
        metavar="WHEN",
        type=partial(milliseconds, now=datetime.now().astimezone()),
        help="start at a time (14:00, 2026-01-31 14:00), or that long ago (90s, 30m, 2h, 1d)",
    )
    parser.add_argument("--no-follow", dest="follow", action="store_false", help="exit after the events so far")
    parser.add_argument(
        "--card",
        metavar="NUMBER",
        type=serial_number,
        help="show only this card's events; the number, or the UID as 0A:1B:2C:3D",
    )
    parser.add_argument("--devices", action="store_true", help="show the devices and how they do, not the events")
    parser.add_argument("--json", action="store_true", help="print each event as a line of JSON, as published")
    parser.add_argument("--color", choices=["auto", "always", "never"], default="auto")
    return parser


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise argparse.ArgumentTypeError("expected a number of events")
    return int(text)


def milliseconds(text: str, now: datetime) -> int:
    """Return the Unix time in ms of `2h` ago, of `14:00` today or of `2026-01-31 14:00`.

    Args:
        text: what was typed; its times are local unless they name their zone.
        now: the time, with its zone.

    Raises:
        argparse.ArgumentTypeError: the text is none of these.
    """
    try:
        if ago := re.fullmatch(r"(\d{1,9})([smhd])", text, re.ASCII):
            time = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        elif re.fullmatch(r"\d\d:\d\d(:\d\d)?", text, re.ASCII):
            time = datetime.fromisoformat(f"{now:%Y-%m-%d} {text}").astimezone()
        else:
            time = datetime.fromisoformat(text).astimezone()
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
    if re.fullmatch(r"([0-9A-Fa-f]{2}){4}|([0-9A-Fa-f]{2}){7}|([0-9A-Fa-f]{2}){10}", digits):
        return Card(bytes.fromhex(digits)).serial_number
    raise argparse.ArgumentTypeError("expected a serial number such as 43405556992, or a UID such as 0A:1B:2C:3D")
