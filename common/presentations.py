"""Presentations: what the single looks at the reader amount to."""

from dataclasses import dataclass
from math import inf

from common.cards import Card

END_S = 0.3
UNREADABLE_S = 1.0
REMEMBERED_S = 60.0


@dataclass(frozen=True)
class Presentation:
    """A card that has been presented, or something that cannot be read.

    Attributes:
        card: the card; None if what lies on the reader has answered for a second and not once could be read.
        away_s: how long ago the card was last seen before this presentation; inf if not within a minute. All cards
            with a random UID count as one here: a phone has a new UID each time.
    """

    card: Card | None
    away_s: float = inf


class Presentations:
    """Tells presentations apart: one begins when a card answers, and ends when none has answered for 300 ms.

    Within one, each card is presented once, also if two are read in turn, and a phone once for all its UIDs. Times
    are the clock's; the time between two looks counts only if the second finds nothing.
    """

    def __init__(self) -> None:
        self._last_seen: dict[Card, float] = {}  # the one seen last is the last
        self._began_at: float | None = None
        self._empty_since: float | None = None
        self._unreadable_since: float | None = None
        self._has_sign = False

    def read(self, card: Card, now: float) -> Presentation | None:
        """Note that a card has been read; return its presentation if that begins now."""
        began_at = self._answered(now)
        self._has_sign = True
        seen_at = self._last_seen.pop(card.known_as, -inf)
        self._last_seen[card.known_as] = now
        self._forget(now - REMEMBERED_S)
        if seen_at >= began_at:
            return None
        return Presentation(card, now - seen_at if now - seen_at <= REMEMBERED_S else inf)

    def unreadable(self, now: float) -> Presentation | None:
        """Note that something has answered that cannot be read; return the sign for it, once if no card is read."""
        self._answered(now)
        if self._unreadable_since is None:
            self._unreadable_since = now
        if self._has_sign or now - self._unreadable_since < UNREADABLE_S:
            return None
        self._has_sign = True
        return Presentation(None)

    def empty(self, now: float) -> None:
        """Note that nothing has answered."""
        if self._empty_since is None:
            self._empty_since = now
        if now - self._empty_since >= END_S:
            self._began_at = self._unreadable_since = None
            self._has_sign = False

    def _answered(self, now: float) -> float:
        """Return when the presentation began that this answer belongs to."""
        self._empty_since = None
        if self._began_at is None:
            self._began_at = now
        return self._began_at

    def _forget(self, before: float) -> None:
        while self._last_seen[oldest := next(iter(self._last_seen))] < before:
            del self._last_seen[oldest]
