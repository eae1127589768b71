"""The journal with precise types: redis-py's include bytes and None."""

import json
from typing import Any, NamedTuple

from redis import Redis

from common.keys import DEVICE_STATUS, JOURNAL


class Entry(NamedTuple):
    """An entry; its payload is what was published, without the id."""

    id: str
    channel: str
    payload: str

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.payload)
        return event


def all_entries(redis: Redis) -> list[Entry]:
    """Return all entries, the oldest first."""
    found: Any = redis.xrange(JOURNAL)
    return [Entry(id_, fields["channel"], fields["payload"]) for id_, fields in found]


def entries(redis: Redis) -> list[Entry]:
    """Return the entries about cards, the oldest first."""
    return [entry for entry in all_entries(redis) if entry.channel != DEVICE_STATUS]


def statuses(redis: Redis) -> list[tuple[str, str, str]]:
    """Return what devices have told, the oldest first: device, state, problem."""
    told = (entry.event for entry in all_entries(redis) if entry.channel == DEVICE_STATUS)
    return [(event["device"], event["state"], event.get("problem", "")) for event in told]
