"""The devices, as their rows in Redis tell: in service or not, or silent."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from redis import Redis

from common.events import LATEST_MS
from common.keys import DEVICES
from common.redis_connection import reading

SILENT_MS = 15_000


class State(StrEnum):
    """What a device says of itself; that one is silent is worked out by whoever reads, and never written."""

    IN_SERVICE = "in-service"
    OUT_OF_SERVICE = "out-of-service"
    STOPPED = "stopped"
    SILENT = "silent"


class MalformedRowError(ValueError):
    """A malformed row."""


@dataclass(frozen=True)
class Device:
    """What a device has told last. Times are Unix milliseconds by Redis's clock.

    Attributes:
        name: its name.
        program: `entry-gate`, `sales-terminal` or `system-monitor`.
        version: the program's version.
        state: its state, or that it has been silent for `SILENT_MS`.
        problem: why it is out of service; empty if it is not.
        since_ms: since when it is in this state.
        at_ms: when it told so.
        tapped_ms: when a card was tapped last; None if none was.
        is_shared: whether two devices have this name.
    """

    name: str
    program: str
    version: str
    state: State
    problem: str
    since_ms: int
    at_ms: int
    tapped_ms: int | None
    is_shared: bool

    @classmethod
    def parse(cls, name: str, text: str, now_ms: int) -> "Device":
        """Read a row.

        Raises:
            MalformedRowError: it is malformed; nothing in a row is trusted.
        """
        try:
            row = json.loads(text)
            program, version, state = row["program"], row["version"], State(row["state"])
            problem = row.get("problem", "")
            since_ms, at_ms = row["since"], row["at"]
            tapped_ms, shared_ms = row.get("lastTap"), row.get("shared", 0)
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
            raise MalformedRowError from error
        times = since_ms, at_ms, tapped_ms or 0, shared_ms
        if not (
            all(type(each) is str for each in (program, version, problem))
            and all(type(each) is int and 0 <= each < LATEST_MS for each in times)
            and state is not State.SILENT
        ):
            raise MalformedRowError
        if state is not State.STOPPED and now_ms - at_ms > SILENT_MS:
            state, since_ms = State.SILENT, at_ms
        is_shared = now_ms - shared_ms <= SILENT_MS
        return cls(name, program, version, state, problem, since_ms, at_ms, tapped_ms, is_shared)


class Devices(NamedTuple):
    """All devices, those in service last, and the names of malformed rows, at this time of Redis's clock."""

    now_ms: int
    known: Sequence[Device]
    malformed: Sequence[str]


def read_devices(redis: Redis, own_row: tuple[str, str] | None = None) -> Devices:
    """Return all devices, in one round trip.

    Args:
        redis: the client.
        own_row: the reader's own name and row, to be written first.

    Raises:
        RedisError: Redis cannot be reached, or refuses.
    """
    with reading(), redis.pipeline(transaction=False) as pipeline:
        if own_row:
            pipeline.hset(DEVICES, own_row[0], own_row[1])
        pipeline.time()
        pipeline.hgetall(DEVICES)
        answers: Any = pipeline.execute(raise_on_error=False)
        for error in answers:
            if isinstance(error, Exception):
                raise error
        *_, (seconds, microseconds), rows = answers
        return _sorted(rows, seconds * 1000 + microseconds // 1000)


def _sorted(rows: dict[str, str], now_ms: int) -> Devices:
    known, malformed = [], []
    for name in sorted(rows, key=_by_number):
        try:
            known.append(Device.parse(name, rows[name], now_ms))
        except MalformedRowError:
            malformed.append(name)
    known.sort(key=lambda device: device.state is State.IN_SERVICE)
    return Devices(now_ms, known, malformed)


def _by_number(name: str) -> list[tuple[str, int]]:
    """Order names so that gate-2 comes before gate-10."""
    return [(text, int(digits[:20] or 0)) for text, digits in re.findall(r"(\D*)(\d*)", name, re.ASCII)]
