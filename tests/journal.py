"""The journal with precise types: redis-py's include bytes and None."""

import json
from typing import Any, NamedTuple

from redis import Redis

from common.keys import JOURNAL


class Entry(NamedTuple):
    """An entry; its payload is what was published, without the id."""

    id: str
    channel: str
    payload: str

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.payload)
        return event


def entries(redis: Redis) -> list[Entry]:
    """Return all entries, the oldest first."""
    found: Any = redis.xrange(JOURNAL)
    return [Entry(id_, fields["channel"], fields["payload"]) for id_, fields in found]
