"""How events look in a terminal."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache

from common.cards import Card
from common.events import Event
from common.text import printable

RAN_OUT = "two-hours-ran-out"
"""A reason that no program publishes: `no-pass`, of a card whose two hours have ended."""

PASS_NAMES = {"SINGLE_USE": "single trip", "TEN_TRIP": "ten trip", "TWO_HOUR": "two hour"}
_DENIALS = {
    "no-pass": "no pass",
    "invalid-pass": "invalid pass",
    "blocked-pass": "blocked pass",
    RAN_OUT: "two hours ran out",
}
LONGEST_REASON = 60
WIDEST_DEVICE = 20
MOST_DEVICES = 1000
WIDEST_CARD = len("card ") + 17  # of a 7-byte UID
WIDEST_BOTH = WIDEST_DEVICE + len("card ") + 13  # of a 4-byte UID, so that its line has at most 80 columns


@dataclass(frozen=True)
class Style:
    """What is written before each part of a line, by its role, and after it (SGR, ECMA-48, 8.3.117)."""

    time: str = ""
    device: str = ""
    sold: str = ""
    activated: str = ""
    used: str = ""
    left: str = ""
    denied: str = ""
    reversed: str = ""
    owed: str = ""
    malformed: str = ""
    end: str = ""

    def paint(self, code: str, text: str) -> str:
        """Return the text with the code of a role around it."""
        return f"{code}{text}{self.end}" if code else text


# Colours of the 6 x 6 x 6 cube look the same in every terminal, while the first sixteen are each terminal's own. These
# have a contrast of at least 3:1 on black, on white and on both backgrounds of Solarized.
_YELLOW, _MAGENTA, _BLUE, _RED, _CYAN = (f"\x1b[38;5;{number}m" for number in (136, 164, 63, 196, 30))
PLAIN = Style()
COLORED = Style(
    sold=_YELLOW,
    activated=_MAGENTA,
    used=_BLUE,
    left=_YELLOW,
    denied=_RED,
    reversed=_CYAN,
    owed=_RED,
    malformed=_RED,
    end="\x1b[0m",
)


class Renderer:
    """Turns an event into a line: time, device, card, what happened.

    The columns of devices and cards grow with what they meet. A line of today has at most 80 columns if the device's
    name has at most 20 characters and the card a 4-byte UID.
    """

    def __init__(self, style: Style, now: Callable[[], float] = time.time, zone: tzinfo | None = None) -> None:
        """Create a renderer.

        Args:
            style: the colours.
            now: the Unix time in seconds. Today's events are written without their date, and an event without a
                time gets this one.
            zone: the zone of the times that are written; None for the local one.
        """
        self._style = style
        self._now = now
        self._time = lru_cache(maxsize=1000)(lambda at_s, now: style.paint(style.time, _time(at_s, now, zone)))
        codes = {
            "issued": style.sold,
            "activated": style.activated,
            "used": style.used,
            "denied": style.denied,
            "reversed": style.reversed,
            "owed": style.owed,
            "blocked": style.denied,
            "unblocked": style.reversed,
            "voided": style.denied,
            "moved": style.reversed,
            "credited": style.reversed,
        }
        self._words = {word: style.paint(code, word) for word, code in codes.items()}
        self._states = {
            "in-service": "in service",
            "out-of-service": style.paint(style.denied, "out of service"),
        }
        self._devices: dict[str | None, str] = {}
        self._device_width = len("terminal")
        self._card_width = len("card 112125033744")
        self._fit_cards()

    def line(self, event: Event) -> str:
        """Describe an event."""
        now_s = int(self._now())
        at = event.at
        at_text = self._time(now_s if at is None else at // 1000, now_s // 60)
        device = event.device
        return f"{at_text}  {self._devices.get(device) or self._device(device)}  {self._sentence(event)}"

    def malformed(self, channel: str, reason: str) -> str:
        """Describe a malformed message."""
        malformed = self._style.paint(self._style.malformed, "malformed message")
        return f"{malformed} on {printable(channel, 64)}: {reason}"

    def _sentence(self, event: Event) -> str:
        words = self._words
        pass_type = event.pass_type
        name = PASS_NAMES.get(pass_type) or printable(pass_type, 40)
        match event.kind:
            case "pass-used":
                trips = event.number("remainingTrips")
                left = self._time_left(event) if trips is None else self._left(trips)
                what = f"{name} {words['used']}{left}"
            case "pass-issued":
                what = f"{words['issued']} {name}"
            case "pass-activated":
                what = f"{words['activated']} {name}"
            case "pass-denied":
                what = f"{words['denied']}{_reason(event)}"
            case "pass-reversed":
                what = f"{words['reversed']} {name}{self._left(event.pass_trips)}"
            case "pass-owed":
                what = f"{words['owed']} one trip ({name})"
            case "pass-blocked" | "pass-voided" as kind:
                what = f"{words[kind.removeprefix('pass-')]} {name}{_because(event, 'reason')}"
            case "pass-unblocked":
                what = f"{words['unblocked']} {name}"
            case "pass-moved":
                what = f"{words['moved']} to card {printable(event.text_of('to'), 40)}"
            case "pass-credited":
                trips = event.number("trips")
                given = name if trips is None else count(trips, "trip")
                what = f"{words['credited']} {given}{self._left(event.pass_trips)}"
            case "device-status":
                state = event.text_of("state")
                in_words = self._states.get(state) or printable(state, 40)
                return f"{in_words}{_because(event, 'problem')}"
            case _:
                return f"{printable(event.channel, 64)}: {printable(event.published)}"
        return f"{self._card(event)}  {what}"

    def _device(self, name: str | None) -> str:
        """Return the column of a device, and keep it: few devices tell of many events."""
        device = printable(name or "-", 64)
        if len(device) > self._device_width or len(self._devices) == MOST_DEVICES:
            self._devices.clear()
            self._device_width = max(self._device_width, min(len(device), WIDEST_DEVICE))
            self._fit_cards()
        self._devices[name] = self._style.paint(self._style.device, device.ljust(self._device_width))
        return self._devices[name]

    def _card(self, event: Event) -> str:
        card = f"card {printable(event.card, 40)}"
        if len(card) > self._card_width:
            self._card_width = min(len(card), WIDEST_CARD)
            self._fit_cards()
        return card.rjust(self._card_column)

    def _fit_cards(self) -> None:
        self._card_column = min(self._card_width, WIDEST_BOTH - self._device_width)

    def _time_left(self, event: Event) -> str:
        seconds = event.number("remainingTime")
        return "" if seconds is None or seconds < 0 else self._left(seconds // 60, " min")

    def _left(self, number: int | None, unit: str = "") -> str:
        return "" if number is None else f", {self._style.left}{number}{unit} left{self._style.end}"


def json_line(event: Event) -> str:
    """Return the event as it was published, with what is unsafe to print escaped (RFC 8259, 7)."""
    text = event.published
    return text if text.isprintable() else "".join(each if each.isprintable() else json_escaped(each) for each in text)


def json_escaped(character: str) -> str:
    """Return a character as JSON escapes it; white space, which in JSON stands between two tokens, as a blank."""
    if character in "\t\n\r":
        return " "
    return json.dumps(character)[1:-1]


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _time(at_s: int, now_minutes: int, zone: tzinfo | None) -> str:
    """Write a Unix time as the time of day, and with its date unless that is today's; both are in the zone."""
    at, now = datetime.fromtimestamp(at_s, zone), datetime.fromtimestamp(now_minutes * 60, zone)
    return at.strftime("%H:%M:%S" if at.date() == now.date() else "%Y-%m-%d %H:%M:%S")


def _reason(event: Event) -> str:
    if doubt := _doubt(event.card):
        return f": {doubt}"
    if "reason" not in event.payload:
        return ""
    reason = event.text_of("reason")
    return f": {_DENIALS.get(reason) or printable(reason, 40)}"


def _because(event: Event, field: str) -> str:
    """Return what a field says, after a colon; nothing if it is missing or empty."""
    reason = event.payload.get(field)
    return f": {printable(reason, LONGEST_REASON)}" if reason and isinstance(reason, str) else ""


def _doubt(card: str) -> str:
    """Return why no pass can be sold to what has this serial number; empty if it is a card."""
    tapped = Card.with_short_uid(card)
    if tapped is None or tapped.can_hold_pass:
        return ""
    return "a phone, not a card" if tapped.is_random else "a UID shared by many"
