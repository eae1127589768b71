"""How events look in a terminal."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from common.cards import Card
from common.text import printable
from system_monitor.events import Event

_PASS_NAMES = {"SINGLE_USE": "single trip", "TEN_TRIP": "ten trip", "TWO_HOUR": "two hour"}
_DENIALS = {
    "no-pass": "it holds no pass",
    "invalid-pass": "its pass is invalid",
    "blocked-pass": "its pass is blocked",
}


@dataclass(frozen=True)
class Style:
    """What is written before each part of a line, and after it (ECMA-48 SGR)."""

    time: str = ""
    issued: str = ""
    activated: str = ""
    used: str = ""
    left: str = ""
    denied: str = ""
    reversed: str = ""
    owed: str = ""
    malformed: str = ""
    end: str = ""


PLAIN = Style()
COLORED = Style(
    time="\x1b[2m",
    issued="\x1b[33m",
    activated="\x1b[35m",
    used="\x1b[34m",
    left="\x1b[33m",
    denied="\x1b[31m",
    reversed="\x1b[36m",
    owed="\x1b[31m",
    malformed="\x1b[31m",
    end="\x1b[0m",
)


class Renderer:
    """Turns an event into a line: time, device, what happened."""

    def __init__(self, style: Style, now: Callable[[], float] = time.time) -> None:
        """Create a renderer.

        Args:
            style: the colours.
            now: the Unix time in seconds. Today's events are written without their date, and an event without a
                time gets this one.
        """
        self._style = style
        self._now = now
        self._time = lru_cache(maxsize=1000)(_time)

    def line(self, event: Event) -> str:
        """Describe an event."""
        now_s = int(self._now())
        at = event.at
        at_s = now_s if at is None else at // 1000
        device = printable(event.device or "-", 64)
        style = self._style
        return f"{style.time}{self._time(at_s, now_s // 60)}{style.end}  {device:<20}  {self._sentence(event)}"

    def malformed(self, channel: str, reason: str) -> str:
        """Describe a malformed message."""
        return f"{self._style.malformed}malformed message on {printable(channel, 64)}: {reason}{self._style.end}"

    def _sentence(self, event: Event) -> str:
        style = self._style
        card = f"card {printable(event.card, 40)}"
        pass_type = event.pass_type
        its_pass = f"{_PASS_NAMES.get(pass_type) or printable(pass_type, 40)} pass"
        match event.kind:
            case "pass-issued":
                colour, what = style.issued, f"was issued a {its_pass}"
            case "pass-activated":
                colour, what = style.activated, f"activated its {its_pass}{_time_left(event)}"
            case "pass-used":
                left = _trips_left(event.number("remainingTrips")) or _time_left(event)
                colour, what = style.used, f"used its {its_pass} for a journey{style.left}{left}"
            case "pass-denied":
                colour, what = style.denied, f"was denied{_reason(event)}"
            case "pass-reversed":
                left = _trips_left(event.pass_trips)
                colour, what = style.reversed, f"was given back a trip of its {its_pass}{style.left}{left}"
            case "pass-owed":
                tap = printable(event.text_of("tap"), 64)
                colour, what = style.owed, f"is owed a trip of its {its_pass}, not given back for tap {tap}"
            case _:
                return f"{printable(event.channel, 64)}: {printable(event.text)}"
        return f"{colour}{card} {what}{style.end}"


def json_line(event: Event) -> str:
    """Return the event as it was published, with what is unsafe to print escaped (RFC 8259, 7)."""
    text = event.text
    return text if text.isprintable() else "".join(each if each.isprintable() else json_escaped(each) for each in text)


def json_escaped(character: str) -> str:
    """Return a character as JSON escapes it; white space, which in JSON stands between two tokens, as a blank."""
    if character in "\t\n\r":
        return " "
    return json.dumps(character)[1:-1]


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _time(at_s: int, now_minutes: int) -> str:
    """Write a Unix time as the time of day, and with its date unless that is today's; both are in the local zone."""
    at, now = datetime.fromtimestamp(at_s), datetime.fromtimestamp(now_minutes * 60)
    return at.strftime("%H:%M:%S" if at.date() == now.date() else "%Y-%m-%d %H:%M:%S")


def _reason(event: Event) -> str:
    if doubt := _doubt(event.card):
        return f": {doubt}"
    if "reason" not in event.payload:
        return ""
    reason = event.text_of("reason")
    return f": {_DENIALS.get(reason) or printable(reason, 40)}"


def _doubt(card: str) -> str:
    """Return why no pass can be sold to what has this serial number; empty if it is a card."""
    if not re.fullmatch(r"\d{1,12}", card, re.ASCII) or not 2**32 <= int(card) < 2**40:
        return ""
    tapped = Card(int(card).to_bytes(5)[:4])
    if tapped.serial_number != card or tapped.can_hold_pass:
        return ""
    return "it is no card: a phone" if tapped.is_random else "its UID is one that many phones and copies share"


def _trips_left(left: int | None) -> str:
    return "" if left is None else f", {count(left, 'trip')} left"


def _time_left(event: Event) -> str:
    left = event.number("remainingTime")
    if left is None:
        return ""
    hours, minutes = divmod(left // 60, 60)
    return f", {hours} h {minutes:02} min left"
