"""The connection to Redis: every call ends in time, and it reconnects by itself."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from math import inf
from typing import Any, NamedTuple, TypeVar

from redis import Redis
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as SlowAnswerError

from common.redis_client import redis_client
from common.redis_errors import explain
from common.settings import Settings

PATIENCE_S = 1.0
SOCKET_TIMEOUT_S = 0.45  # two attempts fit into PATIENCE_S
CHECK_INTERVAL_S = 1.0
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 4.0
NOT_YET_CONNECTED = "not yet connected"

_logger = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


class Unavailable(ConnectionError):  # noqa: N818  # reads as what it is: `except Unavailable`
    """Redis gave no usable answer; the message tells an operator why."""


class _Job(NamedTuple):
    """A command, and by when it must have been carried out, in seconds of the monotonic clock."""

    future: "Future[Any]"
    command: Callable[[Redis], Any]
    deadline: float

    def require_time(self) -> None:
        """Raise `SlowAnswerError` if the time is up."""
        if time.monotonic() > self.deadline:
            raise SlowAnswerError("the time is up")


class RedisLink:
    """Limits the time of Redis calls, and knows whether the next one would be taken.

    All calls are made by one thread of its own. Socket time-outs alone bound no call: looking up a name, connecting
    again and a reply that comes byte by byte each have theirs. After each connection and failure, and every second, the
    thread runs the check.
    """

    def __init__(self, settings: Settings, check: Callable[[Redis, bool], None]) -> None:
        """Start trying to connect.

        Args:
            settings: where Redis is.
            check: raises `RedisError` if a call would not be taken. It is told whether Redis has answered what was
                asked last, if only by a refusal.
        """
        self._redis = redis_client(settings, retries=1, socket_timeout_s=SOCKET_TIMEOUT_S)
        self._settings = settings
        self._check = check
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._problem: str | None = NOT_YET_CONNECTED
        self._hangs = explain(SlowAnswerError(), settings)
        self._has_answered = False
        self._busy_since = inf
        self._closing = threading.Event()
        threading.Thread(target=self._work, name="redis", daemon=True).start()

    @property
    def problem(self) -> str | None:
        """Why no call would be taken, in words for an operator; None if the last call or check was."""
        if self._problem is None and time.monotonic() - self._busy_since > PATIENCE_S:  # most often a name's look-up
            return self._hangs
        return self._problem

    def call(self, command: Callable[[Redis], _Answer]) -> _Answer:
        """Run the command in the link's thread and return its answer.

        Raises:
            Unavailable: no usable answer within `PATIENCE_S`. The command may have been carried out, or may yet be.
        """
        job = _Job(Future(), command, time.monotonic() + PATIENCE_S)
        self._jobs.put(job)
        try:
            answer: _Answer = job.future.result(PATIENCE_S)
            job.require_time()  # it is over if this program was stopped, and has just been continued
        except Exception as error:  # a reply of a wrong type raises anything
            if not job.future.done():
                job.future.cancel()
                self._redis.connection_pool.disconnect()
            if self._problem in {None, NOT_YET_CONNECTED}:  # or the thread, which knows more, has told it
                self._leave_service(error)
            raise Unavailable(explain(error, self._settings)) from error
        return answer

    def close(self) -> None:
        """Close the connection; calls made from now on fail."""
        self._closing.set()
        self._redis.connection_pool.disconnect()

    def _work(self) -> None:
        retry_s = FIRST_RETRY_S
        check_at = time.monotonic()
        while not self._closing.is_set():
            try:
                job = self._jobs.get(timeout=max(0.0, check_at - time.monotonic()))
            except queue.Empty:
                job = None
            is_check = job is None or self._problem is not None
            if job is None or job.future.set_running_or_notify_cancel():
                self._carry_out(job)
            if self._problem is not None:
                check_at = time.monotonic() + retry_s
                retry_s = min(retry_s * 2, LONGEST_RETRY_S)
            elif is_check:
                check_at = time.monotonic() + CHECK_INTERVAL_S
                retry_s = FIRST_RETRY_S

    def _carry_out(self, job: _Job | None) -> None:
        try:
            self._busy_since = time.monotonic()
            if job is None or self._problem is not None:
                self._check(self._redis, self._has_answered)
            self._has_answered = True
            if self._problem is not None:
                self._problem = None
                _logger.info("connected to Redis at %s", self._settings.redis_address)
            if job:
                job.require_time()
                job.future.set_result(job.command(self._redis))
        except Exception as error:
            self._leave_service(error)
            if job:
                job.future.set_exception(error)
        finally:
            self._busy_since = inf

    def _leave_service(self, error: Exception) -> None:
        problem = explain(error, self._settings)
        if problem != self._problem and not self._closing.is_set():
            _logger.error("%s", problem)
        self._problem = problem
        self._has_answered = isinstance(error, ResponseError)
