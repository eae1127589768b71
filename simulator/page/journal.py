"""What the journal says of each card, and why a device denied one."""

from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from common.cards import Card
from common.events import START, Event, EventId, MalformedEventError
from common.keys import JOURNAL

PHONE = "a phone is not a card"

_REASONS = {"no-pass": "no pass", "invalid-pass": "an invalid pass", "blocked-pass": "a blocked pass"}
_SPENT = {
    "pass-used:SINGLE_USE": "no pass: its single trip is used up",
    "pass-used:TEN_TRIP": "no pass: its ten trips are used up",
    "pass-used:TWO_HOUR": "a two-hour pass that ran out",
}
"""By the last event of a card's pass: why it has none."""


@dataclass(frozen=True)
class Denial:
    """Why a card was denied.

    Args:
        card: its serial number.
        at_ms: when, by Redis's clock, in Unix milliseconds.
        reason: why, in words.
    """

    card: str
    at_ms: int
    reason: str


class Journal:
    """Follows the journal. Its `last` has each card's last kind of event, `denials` each device's last denial."""

    def __init__(self) -> None:
        self.last: dict[str, str] = {}
        self.denials: dict[str, Denial] = {}
        self._passes: dict[str, str] = {}  # by card: the channel of its pass's last event
        self._place = START

    def read(self, redis: Redis) -> None:
        """Take in what is new; nothing, if Redis is not running."""
        try:
            entries: Any = redis.xrange(JOURNAL, f"({self._place}")
        except RedisError:
            return
        for place, fields in entries:
            self._place = EventId.parse(place)
            try:
                event = Event.parse(fields.get("channel", ""), fields.get("payload", ""), self._place)
            except MalformedEventError:
                continue
            self._add(event)

    def _add(self, event: Event) -> None:
        if "cardSerialNumber" not in event.payload:
            return
        self.last[event.card] = event.kind
        if event.kind == "pass-denied":
            denial = Denial(event.card, self._place.milliseconds, self._reason(event))
            self.denials[event.device or ""] = denial
        else:
            self._passes[event.card] = event.channel

    def _reason(self, event: Event) -> str:
        reason = event.text_of("reason")
        if reason != "no-pass":
            return _REASONS.get(reason, reason)
        tapped = Card.with_short_uid(event.card)
        if tapped and tapped.is_random:
            return PHONE
        return _SPENT.get(self._passes.get(event.card, ""), _REASONS[reason])
