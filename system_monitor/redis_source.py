"""The monitor's side of Redis: the journal, and a subscription to all channels."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from redis.exceptions import RedisError

from common.redis_link import explain, redis_client
from common.rights import subscribe
from common.settings import Settings
from system_monitor.journal import Journal

SOCKET_TIMEOUT_S = 4.0


class Subscription(Protocol):
    """What the monitor uses of redis-py's `PubSub`."""

    def get_message(self, *, timeout: float) -> dict[str, Any] | None:
        """Return the next message, or None if none comes within the time-out, in seconds."""

    def ping(self) -> object:
        """Ask for a message of the type `pong`."""


class RedisSource:
    """Where events come from: one Redis, which has not been connected to yet."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redis: Any = redis_client(settings, retries=0, socket_timeout_s=SOCKET_TIMEOUT_S)
        self.journal = Journal(self._redis)

    @contextmanager
    def subscription(self) -> Iterator[Subscription]:
        """Subscribe to all channels; when this ends, all connections are given up.

        Raises:
            RedisError: Redis cannot be reached, or refuses.
        """
        try:
            with self._redis.pubsub() as pubsub:
                subscribe(self._redis, pubsub, SOCKET_TIMEOUT_S)
                yield pubsub
        finally:
            self._redis.connection_pool.disconnect()

    def explain(self, error: RedisError) -> str:
        """Say in one line, to an operator, what went wrong and what to do."""
        return explain(error, self._settings)
