"""How events look in a terminal."""

import json
import time
from datetime import datetime
from functools import lru_cache

from common.events import Event
from common.text import printable

BLUE, MAGENTA, RED, YELLOW = 34, 35, 31, 33  # ECMA-48 SGR, foreground
_DIM = 2

_PASS_NAMES = {"SINGLE_USE": "single trip", "TEN_TRIP": "ten trip", "TWO_HOUR": "two hour"}
_DENIALS = {"no-pass": "it holds no pass", "invalid-pass": "its pass makes no sense"}


class Renderer:
    """Turns an event into a line: time, device, what happened."""

    def __init__(self, colored: bool) -> None:
        self._colored = colored

    def line(self, event: Event) -> str:
        """Describe an event."""
        now_s = int(time.time())
        at = event.at
        at_s = now_s if at is None else at // 1000
        device = printable(event.device or "-", 64)
        return f"{self._paint(_clock(at_s, now_s // 60), _DIM)}  {device:<20}  {self._sentence(event)}"

    def malformed(self, channel: str, reason: str) -> str:
        """Describe a message that is no event."""
        return self._paint(f"unreadable message on {printable(channel, 64)}: {reason}", RED)

    def _sentence(self, event: Event) -> str:
        card = f"card {printable(event.card, 40)}"
        pass_type = event.pass_type
        sold = f"{_PASS_NAMES.get(pass_type) or printable(pass_type, 40)} pass"
        match event.kind:
            case "pass-issued":
                return self._paint(f"{card} was issued a {sold}", YELLOW)
            case "pass-activated":
                return self._paint(f"{card} activated its {sold}{_time_left(event)}", MAGENTA)
            case "pass-used":
                left = _trips_left(event) or _time_left(event)
                return self._paint(f"{card} used its {sold} for a journey", BLUE) + self._paint(left, YELLOW)
            case "pass-denied":
                return self._paint(f"{card} was denied{_reason(event)}", RED)
        return f"{printable(event.channel, 64)}: {printable(event.text)}"

    def _paint(self, text: str, color: int) -> str:
        return f"\x1b[{color}m{text}\x1b[0m" if self._colored and text else text


@lru_cache(maxsize=1000)
def _clock(at_s: int, now_minutes: int) -> str:
    """Write a Unix time as the time of day, and with its date unless that is today's; both are in the local zone."""
    at, now = datetime.fromtimestamp(at_s), datetime.fromtimestamp(now_minutes * 60)
    return at.strftime("%H:%M:%S" if at.date() == now.date() else "%Y-%m-%d %H:%M:%S")


def json_line(event: Event) -> str:
    """Return the event just as it was published, unless that could disturb a terminal or the line."""
    return event.text if event.text.isprintable() else json.dumps(event.payload, separators=(",", ":"))


def _reason(event: Event) -> str:
    if "reason" not in event.payload:
        return ""
    reason = str(event.payload["reason"])
    return f": {_DENIALS.get(reason, printable(reason, 40))}"


def _trips_left(event: Event) -> str:
    left = event.number("remainingTrips")
    if left is None:
        return ""
    return f", {left} {'trip' if left == 1 else 'trips'} left"


def _time_left(event: Event) -> str:
    left = event.number("remainingTime")
    if left is None:
        return ""
    hours, minutes = divmod(left // 60, 60)
    return f", {hours} h {minutes:02} min left"
