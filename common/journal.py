"""Reading the journal: the stream that keeps every event until it is trimmed."""

from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import ResponseError

from common.events import START, Event, EventId, MalformedEventError, date_and_time
from common.keys import JOURNAL
from common.redis_connection import reading

BATCH = 1000

Entry = tuple[EventId, Event | None]
"""An entry's id and its event; None if it holds no valid one."""


class Facts(NamedTuple):
    """What the server knows of the journal (XINFO STREAM).

    Attributes:
        last_id: the highest id that it has ever had.
        added: how many entries it has ever had.
        length: how many it has.
        oldest, newest: those of now; None if it has none.
        is_stream: False if the key holds another type.
    """

    last_id: EventId = START
    added: int = 0
    length: int = 0
    oldest: Entry | None = None
    newest: Entry | None = None
    is_stream: bool = True

    def begin_after(self, milliseconds: int, zone: tzinfo | None) -> str | None:
        """Return since when it has events, if those between this Unix time and then may have been trimmed.

        In words, in the zone (None for the local one), or the id of an entry without a time. None if it has them all.
        """
        if not self.oldest or self.added <= self.length:
            return None
        id_, event = self.oldest
        at = event.at if event else None
        if at is None:
            return str(id_)
        return date_and_time(at, zone) if at > milliseconds else None

    @property
    def newest_id(self) -> EventId:
        """The newest entry's id, or `START` if there is none."""
        return self.newest[0] if self.newest else START


class Journal:
    """The journal of one Redis; every method raises `RedisError` if Redis cannot be reached or refuses."""

    def __init__(self, redis: Redis, each_batch: Callable[[], None]) -> None:
        """Create one that calls `each_batch` before each batch of entries: reading all can take long.

        The client then returns the replies of XRANGE and XREVRANGE as they are: what redis-py makes of them costs time.
        """
        self._redis: Any = redis
        for command in ("XRANGE", "XREVRANGE"):
            redis.set_response_callback(command, lambda reply: reply)
        self._each_batch = each_batch

    def facts(self) -> Facts:
        """Return what the server knows of the journal."""
        try:
            with reading():
                info = self._redis.xinfo_stream(JOURNAL)
                oldest, newest = (info[name] and _entry(*info[name]) for name in ("first-entry", "last-entry"))
                last_id = EventId.parse(info["last-generated-id"])
                return Facts(last_id, int(info["entries-added"]), int(info["length"]), oldest, newest)
        except ResponseError as error:
            if is_absent(error):
                return Facts(is_stream=not str(error).startswith("WRONGTYPE"))
            raise

    def holds(self, id_: EventId) -> bool:
        """Return whether the entry is still there."""
        return bool(self._batch("XRANGE", str(id_), str(id_)))

    def since(self, id_: EventId, until: EventId | None = None) -> Iterator[Entry]:
        """Yield the entries from one id on, up to another or all, oldest first."""
        return self._entries("XRANGE", str(id_), str(until or "+"))

    def backwards(self, until: EventId) -> Iterator[Entry]:
        """Yield the entries up to this id, newest first."""
        return self._entries("XREVRANGE", str(until), "-")

    def _entries(self, command: str, start: str, end: str) -> Iterator[Entry]:
        while batch := self._batch(command, start, end):
            yield from batch
            if len(batch) < BATCH:
                return
            start = f"({batch[-1][0]}"

    def _batch(self, command: str, start: str, end: str) -> list[Entry]:
        self._each_batch()
        try:
            with reading():
                reply = self._redis.execute_command(command, JOURNAL, start, end, "COUNT", BATCH)
                return [_entry(id_, dict(zip(parts[::2], parts[1::2], strict=True))) for id_, parts in reply]
        except ResponseError as error:
            if is_absent(error):
                return []
            raise


def is_absent(error: ResponseError) -> bool:
    """Return whether the server means that there is no journal, or another type of key in its place."""
    return str(error).startswith(("WRONGTYPE", "no such key"))


def _entry(id_text: str, fields: Mapping[str, str]) -> Entry:
    id_ = EventId.parse(id_text)
    try:
        return id_, Event.parse(fields["channel"], fields["payload"], id_)
    except (KeyError, MalformedEventError):
        return id_, None
