"""The events of the past that are shown at the start."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from common.events import Event, EventId, date_and_time
from common.journal import BATCH, Facts, Journal
from system_monitor.two_hours import TwoHours

LAST = 10
MOST_BEHIND_MS = 60_000  # how much later than its `at` an entry may have got its id; it may be any time earlier


@dataclass(frozen=True)
class Selection:
    """Which events to show: of one card or all, and how far back from now.

    Attributes:
        last: the most past events to show; None for `LAST`, or for all since a time if there is one.
        since_ms: the Unix time from which to show them.
    """

    card: str | None = None
    last: int | None = None
    since_ms: int | None = None

    def includes(self, event: Event) -> bool:
        """Return whether this event's card is one to show."""
        return self.card is None or event.card == self.card

    def __str__(self) -> str:
        card = f" of card {self.card}" if self.card else ""
        return card + (f" since {date_and_time(self.since_ms)}" if self.since_ms is not None else "")


def past_events(journal: Journal, facts: Facts, selection: Selection, two_hours: TwoHours) -> Iterable[Event]:
    """Return the selected events of a journal of which these are the facts, oldest first.

    Raises:
        RedisError: Redis cannot be reached, or refuses.
    """
    if selection.since_ms is None:
        return _last(journal, facts, selection, two_hours)
    since_ms = selection.since_ms
    entries = journal.since(EventId(max(0, since_ms - MOST_BEHIND_MS), 0), until=facts.last_id)
    events = (
        two_hours.explained(event)
        for _, event in entries
        if event and selection.includes(event) and (event.at is None or event.at >= since_ms)
    )
    return events if selection.last is None else deque(events, maxlen=selection.last)


def _last(journal: Journal, facts: Facts, selection: Selection, two_hours: TwoHours) -> Iterable[Event]:
    """Return the last events; those before them that come in the same reply may explain a denial among them."""
    most = LAST if selection.last is None else selection.last
    before: list[Event] = []
    last: list[Event] = []
    for number, (_, event) in enumerate(journal.backwards(facts.last_id)):
        if len(last) == most and number % BATCH == 0:
            break
        if event and selection.includes(event):
            (last if len(last) < most else before).append(event)
    for event in reversed(before):
        two_hours.explained(event)
    return map(two_hours.explained, reversed(last))
