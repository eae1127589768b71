"""The connection to Redis: every call ends in time, and it reconnects by itself."""

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from common.redis_client import redis_client
from common.redis_errors import explain
from common.settings import Settings

PATIENCE_S = 1.0
SOCKET_TIMEOUT_S = 0.45  # two attempts fit into PATIENCE_S
CHECK_INTERVAL_S = 1.0
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 4.0

_logger = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


class Unavailable(ConnectionError):  # noqa: N818  # reads as what it is: `except Unavailable`
    """Redis gave no usable answer; the message tells an operator why."""


class RedisLink:
    """Limits the time of Redis calls, and knows whether Redis can be used.

    All calls are made by one thread of its own. Socket time-outs alone bound no call: looking up a name, connecting
    again and a reply that comes byte by byte each have theirs. While nobody calls, the thread checks the connection.

    Attributes:
        problem: why Redis cannot be used, in words for an operator; None if it answered when it was last asked.
    """

    def __init__(self, settings: Settings, check: Callable[[Redis], None]) -> None:
        """Start trying to connect; the check runs after each connection, and raises `RedisError` if it fails."""
        self.redis = redis_client(settings, retries=1, socket_timeout_s=SOCKET_TIMEOUT_S)
        self._settings = settings
        self._check = check
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self.problem: str | None = "not yet connected"
        self._closing = threading.Event()
        threading.Thread(target=self._work, name="redis", daemon=True).start()

    def call(self, command: Callable[[], _Answer]) -> _Answer:
        """Run the command in the link's thread and return its answer.

        Raises:
            Unavailable: no usable answer within `PATIENCE_S`. The command may have been carried out, or may yet be.
        """
        future: Future[_Answer] = Future()
        self._jobs.put((future, command))
        try:
            return future.result(PATIENCE_S)
        except (RedisError, OSError) as error:
            if not future.done():  # the time is up
                future.cancel()
                self.redis.connection_pool.disconnect()
                self._leave_service(error)
            raise Unavailable(explain(error, self._settings)) from error

    def close(self) -> None:
        """Close the connection; calls made from now on fail."""
        self._closing.set()
        self.redis.connection_pool.disconnect()

    def _work(self) -> None:
        retry_s = FIRST_RETRY_S
        pause_s = 0.0
        while not self._closing.is_set():
            try:
                future, command = self._jobs.get(timeout=pause_s)
            except queue.Empty:
                future, command = Future(), self.redis.ping
            if future.set_running_or_notify_cancel():
                self._carry_out(future, command)
            pause_s = CHECK_INTERVAL_S if self.problem is None else retry_s
            retry_s = FIRST_RETRY_S if self.problem is None else min(retry_s * 2, LONGEST_RETRY_S)

    def _carry_out(self, future: "Future[Any]", command: Callable[[], Any]) -> None:
        try:
            if self.problem is not None:
                self._check(self.redis)
                self.problem = None
                _logger.info("connected to Redis at %s", self._settings.redis_address)
            future.set_result(command())
        except Exception as error:
            is_refusal = isinstance(error, ResponseError) and self.problem is None  # of this one command
            if isinstance(error, RedisError | OSError) and not is_refusal:
                self._leave_service(error)
            future.set_exception(error)

    def _leave_service(self, error: Exception) -> None:
        problem = explain(error, self._settings)
        if problem != self.problem and not self._closing.is_set():
            _logger.error("%s", problem)
        self.problem = problem
