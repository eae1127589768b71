"""Two hour passes that ran out: a denial says only that the card has no pass, the events before it say more."""

from itertools import islice

from common.events import Event
from common.rendering import RAN_OUT

MOST_CARDS = 10_000
_LONGEST_NUMBER = 25  # the digits of a 10-byte UID
_ROUNDING_MS = 1000  # `remainingTime` is in whole seconds


class TwoHours:
    """Remembers when the two hours of a card end, as long as nothing else has happened to its pass."""

    def __init__(self) -> None:
        self._ends_ms: dict[str, int] = {}  # by serial number; the one that was noted last comes last

    def explained(self, event: Event) -> Event:
        """Take note of an event, and return it.

        A denial for want of a pass gets `RAN_OUT` as its reason if the card's two hours have ended.
        """
        card = event.payload.get("cardSerialNumber")
        if type(card) is not str:
            return event
        channel = event.channel
        if channel in {"pass-used:TWO_HOUR", "pass-activated:TWO_HOUR"}:
            self._note(card, event.at, event.number("remainingTime"))
        elif card not in self._ends_ms:
            return event
        elif channel != "pass-denied":
            del self._ends_ms[card]
        elif event.payload.get("reason") == "no-pass":
            at = event.at
            if at is not None and at > self._ends_ms[card] - _ROUNDING_MS:
                return event._replace(payload={**event.payload, "reason": RAN_OUT})
        return event

    def _note(self, card: str, at: int | None, remaining_s: int | None) -> None:
        self._ends_ms.pop(card, None)
        if at is None or remaining_s is None or len(card) > _LONGEST_NUMBER:
            return
        self._ends_ms[card] = at + remaining_s * 1000
        if len(self._ends_ms) > 2 * MOST_CARDS:
            self._ends_ms = dict(islice(self._ends_ms.items(), MOST_CARDS, None))
