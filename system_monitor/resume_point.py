"""Where to go on in the journal after a connection was lost."""

from collections import deque

from system_monitor.events import START, EventId
from system_monitor.journal import Journal

REMEMBERED_IDS = 1000


class ResumePoint:
    """How far the journal has been shown, and what has been shown live since.

    The journal alone tells the place: the id in a message is a claim, which counts only if the journal has that entry.
    """

    def __init__(self, caught_up: EventId = START) -> None:
        self.caught_up = caught_up
        self._shown_live: deque[EventId] = deque(maxlen=REMEMBERED_IDS)

    def add_live(self, id_: EventId) -> bool:
        """Add the id of a live event; return False if the journal has been shown beyond it."""
        if id_ <= self.caught_up:
            return False
        self._shown_live.append(id_)
        return True

    def find(self, journal: Journal) -> EventId | None:
        """Return the id after which the journal is yet to be shown.

        Returns:
            None if the journal no longer reaches back to what was shown last: it was trimmed or replaced.

        Raises:
            RedisError: Redis cannot be reached, or refuses.
        """
        for id_ in reversed(self._shown_live):
            if journal.holds(id_):
                return id_
        return self.caught_up if journal.reaches_back_to(self.caught_up) else None
