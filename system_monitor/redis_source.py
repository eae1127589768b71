"""The monitor's side of Redis: the journal, and a subscription to all channels."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis.exceptions import NoPermissionError, RedisError, ResponseError

from common.devices import Devices, read_devices
from common.journal import Journal, is_absent
from common.keys import CHANNELS, JOURNAL
from common.redis_client import redis_client
from common.redis_connection import reading
from common.redis_errors import explain
from common.settings import Settings
from system_monitor.subscription import Subscription, subscription

SOCKET_TIMEOUT_S = 4.0
NEEDS: Sequence[tuple[str, ...]] = (
    ("XRANGE", JOURNAL, "-", "+", "COUNT", "1"),
    ("XREVRANGE", JOURNAL, "+", "-", "COUNT", "1"),
    ("XINFO", "STREAM", JOURNAL),
)
"""The commands that the monitor needs beside its subscription."""


class RedisSource:
    """Where events come from: one Redis, not connected to yet."""

    def __init__(self, settings: Settings, each_batch: Callable[[], None] = lambda: None) -> None:
        """Create a source.

        Args:
            settings: where Redis is.
            each_batch: called before each batch of entries that is read from the journal.
        """
        self._settings = settings
        self._redis: Any = redis_client(settings, retries=0, socket_timeout_s=SOCKET_TIMEOUT_S)
        self.journal = Journal(self._redis, each_batch)

    @contextmanager
    def subscription(self) -> Iterator[Subscription]:
        """Subscribe to all channels; all connections are closed at the end.

        Raises:
            RedisError: Redis cannot be reached, or refuses this or a command that the journal's reading needs.
        """
        try:
            with subscribed(self._redis) as subscription:
                yield subscription
        finally:
            self._redis.connection_pool.disconnect()

    def devices(self, own_row: tuple[str, str] | None = None) -> Devices:
        """Return all devices, in one round trip, in which the monitor's own name and row may be written first.

        Raises:
            RedisError: Redis cannot be reached, or refuses.
        """
        return read_devices(self._redis, own_row)

    @property
    def place(self) -> str:
        """Where they come from, for an operator."""
        return f"Redis at {self._settings.redis_address}"

    def explain(self, error: RedisError) -> str:
        """Tell an operator in one line what went wrong and what to do."""
        return explain(error, self._settings)


@contextmanager
def subscribed(redis: Any) -> Iterator[Subscription]:  # noqa: ANN401  # redis-py's types are too narrow
    """Subscribe to all channels, and try every other command: this user may not run a script that checks rights.

    Raises:
        NoPermissionError: the user lacks rights; the message names them.
        RedisError: the server cannot be asked, or refuses for another reason.
    """
    refused = missing_rights(redis, NEEDS)
    try:
        with subscription(redis, SOCKET_TIMEOUT_S) as found:
            if not refused:
                yield found
                return
    except NoPermissionError:
        refused.append(f"PSUBSCRIBE {' '.join(CHANNELS)}")
    raise NoPermissionError(f"missing are {', '.join(refused)}")


def missing_rights(redis: Any, commands: Iterable[Sequence[str]]) -> list[str]:  # noqa: ANN401
    """Try commands, and return those that this user may not run.

    Raises:
        RedisError: the server cannot be asked, or refuses for another reason.
    """
    return [" ".join(command[:2]) for command in commands if not _is_permitted(redis, command)]


def _is_permitted(redis: Any, command: Sequence[str]) -> bool:  # noqa: ANN401
    try:
        with reading():
            redis.execute_command(*command)
    except NoPermissionError:
        return False
    except ResponseError as error:
        if not is_absent(error):
            raise
    return True
