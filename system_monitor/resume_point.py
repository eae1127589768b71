"""Where to resume in the journal after a lost connection."""

from collections import deque

from system_monitor.events import START, EventId
from system_monitor.journal import Journal

REMEMBERED_IDS = 1000


class ResumePoint:
    """How far the journal has been shown, and what has been shown live since.

    An id in a message is a claim, which counts only if the journal has that entry.
    """

    def __init__(self, caught_up: EventId = START) -> None:
        self._caught_up = caught_up
        self._shown: deque[EventId] = deque([caught_up], maxlen=REMEMBERED_IDS)

    def advance(self, id_: EventId) -> None:
        """Add an entry of the journal: all up to it have been shown."""
        self._caught_up = id_
        self._shown.append(id_)

    def add_live(self, id_: EventId) -> bool:
        """Add the id of a live event; return False if the journal has been shown beyond it."""
        if id_ <= self._caught_up:
            return False
        self._shown.append(id_)
        return True

    def find(self, journal: Journal) -> EventId | None:
        """Return the id after which to resume.

        A promoted replica may lack the newest entries, and its clock may be behind: its new ids are then lower than
        some that have been shown.

        Returns:
            None if the journal does not reach back to what was shown last: it was trimmed or replaced.

        Raises:
            RedisError: Redis cannot be reached, or refuses.
        """
        for id_ in reversed(self._shown):
            if journal.holds(id_):
                return id_
        if journal.reaches_back_to(self._caught_up):
            return min(self._caught_up, journal.newest())
        return None
