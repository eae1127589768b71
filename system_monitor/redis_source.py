"""The monitor's side of Redis: the journal, and a subscription to all channels."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from redis.client import PubSub
from redis.exceptions import NoPermissionError, RedisError, ResponseError
from redis.exceptions import TimeoutError as SlowAnswerError

from common.keys import CHANNELS, JOURNAL
from common.redis_client import redis_client
from common.redis_errors import explain
from common.settings import Settings
from system_monitor.journal import Journal

SOCKET_TIMEOUT_S = 4.0
NEEDS: Sequence[tuple[str, ...]] = (
    ("EXISTS", JOURNAL),
    ("XRANGE", JOURNAL, "-", "+", "COUNT", "1"),
    ("XREVRANGE", JOURNAL, "+", "-", "COUNT", "1"),
    ("XINFO", "STREAM", JOURNAL),
)
"""The commands that the monitor needs beside its subscription."""


class Subscription(Protocol):
    """What the monitor uses of redis-py's `PubSub`."""

    def get_message(self, *, timeout: float) -> dict[str, Any] | None:
        """Return the next message, or None if none comes within the time-out, in seconds."""

    def ping(self) -> object:
        """Ask for a message of the type `pong`."""


class RedisSource:
    """Where events come from: one Redis, not connected to yet."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redis: Any = redis_client(settings, retries=0, socket_timeout_s=SOCKET_TIMEOUT_S)
        self.journal = Journal(self._redis)

    @contextmanager
    def subscription(self) -> Iterator[Subscription]:
        """Subscribe to all channels; all connections are closed at the end.

        Raises:
            RedisError: Redis cannot be reached, or refuses.
        """
        try:
            with self._redis.pubsub() as pubsub:
                subscribe(self._redis, pubsub)
                yield pubsub
        finally:
            self._redis.connection_pool.disconnect()

    def explain(self, error: RedisError) -> str:
        """Tell an operator in one line what went wrong and what to do."""
        return explain(error, self._settings)


def subscribe(redis: Any, pubsub: PubSub) -> None:  # noqa: ANN401  # redis-py's types are too narrow
    """Subscribe to all channels, and try every other command: this user may not run a script that checks rights.

    Args:
        redis: a client that has logged in as the user.
        pubsub: the subscription's connection.

    Raises:
        NoPermissionError: the user lacks rights; the message names them.
        RedisError: the server cannot be asked.
    """
    refused = [" ".join(command[:2]) for command in NEEDS if not _is_permitted(redis, command)]
    try:
        pubsub.psubscribe(CHANNELS)
        if pubsub.get_message(timeout=SOCKET_TIMEOUT_S) is None:
            raise SlowAnswerError
    except NoPermissionError:
        refused.append(f"PSUBSCRIBE {CHANNELS}")
    if refused:
        raise NoPermissionError(f"missing are {', '.join(refused)}")


def _is_permitted(redis: Any, command: Sequence[str]) -> bool:  # noqa: ANN401
    try:
        redis.execute_command(*command)
    except ResponseError as error:  # or there is no journal yet
        return not isinstance(error, NoPermissionError)
    return True
