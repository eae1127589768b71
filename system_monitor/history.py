"""The events of the past that are shown at the start."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo

from common.events import START, Event, EventId, date_and_time
from common.journal import BATCH, Entry, Facts, Journal
from system_monitor.two_hours import TwoHours

LAST = 10
MOST_BEHIND_MS = 60_000  # how much later than its `at` an entry may have got its id; it may be any time earlier


@dataclass(frozen=True)
class Selection:
    """Which events to show: which of them, and how far back from now.

    Attributes:
        card: the card; None for all, also of events that are about none.
        last: the most past events to show; None for `LAST`, or for all since a time if there is one.
        since_ms: the Unix time from which to show them.
        until_ms: the Unix time before which they must be.
        devices: the names of the devices; empty for all.
        kinds: the kinds of event, such as `pass-used`; empty for all.
        zone: the zone in which times are told; None for the local one.
    """

    card: str | None = None
    last: int | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    devices: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    zone: tzinfo | None = None

    def includes(self, event: Event) -> bool:
        """Return whether this event is one to show, from whatever time on."""
        if self.card is not None and event.card != self.card and event.text_of("to") != self.card:
            return False
        if (self.devices and event.device not in self.devices) or (self.kinds and event.kind not in self.kinds):
            return False
        if self.until_ms is None:
            return True
        at = event.at
        return at is None or at < self.until_ms

    def __str__(self) -> str:
        card = f" of card {self.card}" if self.card else ""
        return card + (f" since {date_and_time(self.since_ms, self.zone)}" if self.since_ms is not None else "")


def past_events(journal: Journal, facts: Facts, selection: Selection, two_hours: TwoHours) -> Iterable[Event]:
    """Return the selected events of a journal of which these are the facts, oldest first.

    Raises:
        RedisError: Redis cannot be reached, or refuses.
    """
    last = selection.last
    if last == 0:
        return ()
    if selection.since_ms is None:
        last = last or LAST
        start = _start_of_last(last, journal, facts, selection)
    else:
        start = EventId(max(0, selection.since_ms - MOST_BEHIND_MS), 0)
    events = _selected(journal.since(start, until=facts.last_id), selection, two_hours)
    return events if last is None else deque(events, maxlen=last)


def _start_of_last(last: int, journal: Journal, facts: Facts, selection: Selection) -> EventId:
    """Return where to begin for the last events; those that come in the same reply may explain a denial among them."""
    found, start = 0, START
    for number, (id_, event) in enumerate(journal.backwards(facts.last_id)):
        if found == last and number % BATCH == 0:
            break
        start = id_
        found += found < last and event is not None and selection.includes(event)
    return start


def _selected(entries: Iterable[Entry], selection: Selection, two_hours: TwoHours) -> Iterator[Event]:
    """Yield the selected events; all of them are taken note of, since others may explain a denial."""
    since_ms = selection.since_ms
    for _, event in entries:
        if event is None:
            continue
        explained = two_hours.explained(event)
        if selection.includes(event) and (since_ms is None or event.at is None or event.at >= since_ms):
            yield explained
