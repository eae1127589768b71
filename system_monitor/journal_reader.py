"""Reading on in the journal: every entry once, however its ids run."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from common.events import START, Event, EventId
from common.journal import BATCH, Entry, Facts, Journal
from common.keys import JOURNAL

REMEMBERED_IDS = 100_000  # as many as a journal of the default length has


class Place(NamedTuple):
    """A place in the journal: its newest entry that was shown, and how many it had ever had up to that one."""

    id: EventId = START
    added: int = 0


class JournalReader:
    """Reads on from where it was.

    Attributes:
        place: where that is.
    """

    def __init__(
        self, journal: Journal, notice: Callable[[str], None], recall: Callable[[Event], object] = lambda _: None
    ) -> None:
        """Create a reader that begins before the first entry.

        Args:
            journal: what to read.
            notice: tells an operator what may be missing.
            recall: called with events from just before the place at which it goes on, oldest first.
        """
        self.place = Place()
        self._journal = journal
        self.notice = notice
        self._recall = recall
        self._is_stream = True
        self._shown: list[EventId] = []  # in ascending order

    def entries(self) -> Iterator[Entry]:
        """Yield the entries that were not shown yet, oldest first; the caller calls `advance` after each.

        Raises:
            RedisError: Redis cannot be reached, or refuses.
        """
        entries = self._journal.since(self.place.id)
        first = next(entries, None)
        if first is None or first[0] != self.place.id:
            yield from self._entries_without_place()
            return
        if not self._shown:
            before = list(islice(self._journal.backwards(self.place.id), BATCH))[::-1]
            for _, event in before:
                if event:
                    self._recall(event)
            self._shown = sorted(id_ for id_, _ in before)
        yield from entries

    def advance(self, id_: EventId) -> None:
        """Note that this entry was shown."""
        self.place = Place(id_, self.place.added + 1)
        self._shown.append(id_)
        if len(self._shown) > 2 * REMEMBERED_IDS:
            del self._shown[:REMEMBERED_IDS]

    def has_shown(self, id_: EventId) -> bool:
        """Return whether the entry was shown, as far as is remembered."""
        index = bisect_left(self._shown, id_)
        return index < len(self._shown) and self._shown[index] == id_

    def has_passed(self, id_: EventId) -> bool:
        """Return whether the entry was shown, or was there before this reader began."""
        return self.has_shown(id_) or (id_ <= self.place.id and self._journal.holds(id_))

    def _entries_without_place(self) -> Iterator[Entry]:
        """Yield what is new in a journal that does not have the entry that was shown last."""
        facts = self._journal.facts()
        has_gone_back = facts.last_id < self.place.id or facts.added < self.place.added
        if self._is_stream and not facts.is_stream:
            self.notice(f"{JOURNAL} is no journal but another type of key: delete it; events may be missing")
        elif has_gone_back:
            self.notice("the journal was deleted or has gone back: events may be missing")
        self._is_stream = facts.is_stream
        if has_gone_back:
            self._go_back(facts)
        for id_, event in self._journal.since(self.place.id, until=facts.last_id):
            if id_ != self.place.id:
                yield id_, event
        missing = facts.added - self.place.added
        if missing > 0:
            self.notice(f"events are missing that were trimmed or deleted before they were shown: {missing}")
        elif missing < 0:
            self.notice("the journal was replaced: events may be missing")
        self.place = Place(self.place.id, facts.added)

    def _go_back(self, facts: Facts) -> None:
        """Go to the newest entry that there is and that was shown, or before the first."""
        newer = 0
        for id_, _ in self._journal.backwards(facts.last_id):
            if self.has_shown(id_):
                break
            newer += 1
        else:
            id_ = START
        del self._shown[bisect_left(self._shown, id_) + 1 :]
        self.place = Place(id_, facts.added - newer)
