"""Reading on in the journal: every entry once, however its ids run."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from common.events import START, Event, EventId
from common.journal import BATCH, Entry, Facts, Journal
from common.keys import JOURNAL
from system_monitor.shown import Shown


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
        self._shown = Shown(START)

    def entries(self, asks_why: bool = True) -> Iterator[Entry]:
        """Yield the entries that were not shown yet, oldest first; the caller calls `advance` after each.

        Args:
            asks_why: whether to ask, and tell, why there are none, if there never were.

        Raises:
            RedisError: Redis cannot be reached, or refuses.
        """
        entries = self._journal.since(self.place.id)
        first = next(entries, None)
        if first is None and self.place.id == START and not asks_why:
            return
        is_there = first is not None and first[0] == self.place.id
        if self._shown.is_empty:
            self._shown = self._recalled() if is_there else Shown(self.place.id)
        yield from entries if is_there else self._entries_without_place()

    def advance(self, id_: EventId, event: Event | None) -> None:
        """Note that this entry was shown."""
        self.place = Place(id_, self.place.added + 1)
        self._shown.add(id_, event)

    def has_shown_message(self, text: str) -> bool:
        """Return whether this is the message of an entry that was shown lately."""
        return self._shown.has_message(text)

    def has_passed(self, event: Event) -> bool:
        """Return whether the entry whose id a message claims was shown, or was there before this reader began.

        Raises:
            RedisError: Redis cannot be reached, or refuses.
        """
        if self.place.id == START:
            return False
        id_ = event.claimed_id
        if id_ is None or id_ > self.place.id:
            return False
        return id_ in self._shown or (id_ < self._shown.begin and self._journal.holds(id_))

    def _recalled(self) -> Shown:
        """Return the entries up to the place, as if this reader had shown them."""
        before = list(islice(self._journal.backwards(self.place.id), BATCH))[::-1]
        for _, event in before:
            if event:
                self._recall(event)
        ids = sorted(id_ for id_, _ in before)
        return Shown(ids[0] if len(ids) == BATCH else START, ids)

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
        for id_, event in self._journal.since(self.place.id, until=facts.last_id) if facts.newest else ():
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
            if id_ in self._shown:
                break
            newer += 1
        else:
            id_ = START
        self._shown.forget_after(id_)
        self.place = Place(id_, facts.added - newer)
