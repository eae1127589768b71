"""Reading the journal: the stream that keeps every event until it is trimmed."""

from collections.abc import Iterator
from typing import Any

from redis import Redis

from common.keys import JOURNAL
from system_monitor.events import START, Event, EventId, MalformedEventError

BATCH = 1000

Entry = tuple[EventId, Event | None]
"""An entry's id and its event; None if it holds no valid one."""


class Journal:
    """The journal of one Redis; every method raises `RedisError` if Redis cannot be reached or refuses."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis

    def newest(self) -> EventId:
        """Return the newest entry's id, or `START` if there is none."""
        return _only_id(self._redis.xrevrange(JOURNAL, count=1))

    def oldest(self) -> EventId:
        """Return the oldest entry's id, or `START` if there is none."""
        return _only_id(self._redis.xrange(JOURNAL, count=1))

    def holds(self, id_: EventId) -> bool:
        """Return whether the entry is still there."""
        return bool(self._redis.xrange(JOURNAL, str(id_), str(id_)))

    def has_been_trimmed(self) -> bool:
        """Return whether any entry has ever been removed."""
        if not self._redis.exists(JOURNAL):
            return False
        facts = self._redis.xinfo_stream(JOURNAL)
        return bool(facts["entries-added"] > facts["length"])

    def reaches_back_to(self, id_: EventId) -> bool:
        """Return whether no entry after this id can have been trimmed: trimming starts at the oldest."""
        return not self.has_been_trimmed() if id_ == START else START < self.oldest() <= id_

    def since(self, id_: EventId) -> Iterator[Entry]:
        """Yield the entries from this id on, oldest first."""
        return self._forwards(str(id_))

    def after(self, id_: EventId) -> Iterator[Entry]:
        """Yield the entries after this id, oldest first."""
        return self._forwards(f"({id_}")

    def backwards(self, until: EventId) -> Iterator[Entry]:
        """Yield the entries up to this id, newest first."""
        end = str(until)
        while batch := self._redis.xrevrange(JOURNAL, end, "-", count=BATCH):
            yield from map(_entry, batch)
            end = f"({batch[-1][0]}"

    def _forwards(self, start: str) -> Iterator[Entry]:
        while batch := self._redis.xrange(JOURNAL, start, "+", count=BATCH):
            yield from map(_entry, batch)
            start = f"({batch[-1][0]}"


def _only_id(entries: list[tuple[str, dict[str, str]]]) -> EventId:
    return EventId.parse(entries[0][0]) if entries else START


def _entry(raw: tuple[str, dict[str, str]]) -> Entry:
    id_, fields = EventId.parse(raw[0]), raw[1]
    try:
        return id_, Event.parse(fields["channel"], fields["payload"], id_)
    except (KeyError, MalformedEventError):
        return id_, None
