"""What was shown from the journal: the ids of many entries, and of the last ones the messages too."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from common.events import Event, EventId

REMEMBERED_IDS = 100_000  # as many as a journal of the default length has
REMEMBERED_MESSAGES = 2000  # twice what arrives together


class Shown:
    """The newest entries that were shown, in the order of their ids, of which each takes 16 bytes.

    Attributes:
        begin: the id from which on none is missing.
    """

    def __init__(self, begin: EventId, ids: Iterable[EventId] = ()) -> None:
        """Remember these, in ascending order."""
        self.begin = begin
        self._milliseconds, self._sequences = array("Q"), array("Q")
        self._messages: set[str] = set()
        self._older_messages: set[str] = set()
        for id_ in ids:
            self.add(id_, None)

    def add(self, id_: EventId, event: Event | None) -> None:
        """Remember an entry that is newer than all others, and what is published with it."""
        self._milliseconds.append(id_.milliseconds)
        self._sequences.append(id_.sequence)
        if len(self._milliseconds) > REMEMBERED_IDS + REMEMBERED_IDS // 4:
            del self._milliseconds[:-REMEMBERED_IDS], self._sequences[:-REMEMBERED_IDS]
            self.begin = EventId(self._milliseconds[0], self._sequences[0])
        if event and "id" not in event.payload:
            self._messages.add(event.published)
            if len(self._messages) > REMEMBERED_MESSAGES:
                self._messages, self._older_messages = set(), self._messages

    def has_message(self, text: str) -> bool:
        """Return whether it is that of an entry that was shown lately: then its id is that of the entry."""
        return text in self._messages or text in self._older_messages

    def forget_after(self, id_: EventId) -> None:
        """Forget the entries with higher ids."""
        end = self._position(id_, after=True)
        del self._milliseconds[end:], self._sequences[end:]
        self._messages.clear()
        self._older_messages.clear()

    @property
    def is_empty(self) -> bool:
        """Whether no entry is remembered."""
        return not self._milliseconds

    def __contains__(self, id_: EventId) -> bool:
        return self._position(id_, after=True) > self._position(id_, after=False)

    def _position(self, id_: EventId, after: bool) -> int:
        """Return where the id is, or would be; or the position after it."""
        first = bisect_left(self._milliseconds, id_.milliseconds)
        last = bisect_right(self._milliseconds, id_.milliseconds, first)
        bisect = bisect_right if after else bisect_left
        return bisect(self._sequences, id_.sequence, first, last)
