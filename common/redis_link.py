"""The connection to Redis: a client whose every call ends in time, and that reconnects by itself."""

import logging
import queue
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from ssl import SSLCertVerificationError
from typing import Any, NamedTuple, TypeVar, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import TimeoutError as SlowAnswerError
from redis.retry import Retry
from redis.sentinel import Sentinel

from common.settings import PREFIX, Settings
from common.text import printable

PATIENCE_S = 1.0
SOCKET_TIMEOUT_S = 0.45  # two attempts fit into PATIENCE_S
CHECK_INTERVAL_S = 1.0
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 4.0

_logger = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


class Unavailable(ConnectionError):  # noqa: N818  # reads as what it is: `except Unavailable`
    """Redis gave no usable answer; the message tells an operator why."""


def redis_client(settings: Settings, retries: int, socket_timeout_s: float) -> Redis:
    """Return a client that has not connected yet.

    Args:
        settings: where Redis is.
        retries: how often a command is retried after its connection failed.
        socket_timeout_s: the limit of each wait on the socket: to connect, to send, to receive.
    """
    options: dict[str, Any] = {
        "socket_timeout": socket_timeout_s,
        "socket_connect_timeout": socket_timeout_s,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), retries),
        "protocol": 2,
        "driver_info": None,  # saves the round trips and the right of CLIENT SETINFO
        "ssl": settings.redis_tls,
    }
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # or the kernel delivers a request after its sender gave up (tcp(7))
        options["socket_keepalive_options"] = {socket.TCP_USER_TIMEOUT: int(socket_timeout_s * 1000)}
    if settings.redis_tls:
        options["ssl_ca_certs"] = settings.redis_tls_ca
    login: dict[str, Any] = {
        "username": settings.redis_username,
        "password": settings.redis_password,
        "encoding_errors": "replace",
        "decode_responses": True,
    }
    if settings.redis_sentinels:
        sentinel = Sentinel(settings.redis_sentinels, sentinel_kwargs=options)
        return cast("Redis", sentinel.master_for(settings.redis_sentinel_master, **options, **login))
    return Redis(host=settings.redis_host, port=settings.redis_port, **options, **login)


def explain(error: BaseException, settings: Settings) -> str:
    """Say in one line, to an operator, what went wrong with Redis and what to do."""
    where = f"Redis at {settings.redis_address}"
    match error:
        case AuthenticationError():
            return f"{where} refuses the login: check {PREFIX}REDIS_USERNAME and {PREFIX}REDIS_PASSWORD"
        case NoPermissionError():
            return f"{where} does not permit this: {printable(error)}: check the rights of this device's user"
        case SlowAnswerError() | TimeoutError():
            return f"{where} does not answer in time: check the network"
        case NoConnectionError() | OSError() if isinstance(error.__context__, SSLCertVerificationError):
            doubt = printable(error.__context__.verify_message)
            return f"{where} has a certificate that is not trusted ({doubt}): check {PREFIX}REDIS_TLS_CA"
        case NoConnectionError() | OSError():
            reason = getattr(error.__context__, "strerror", None) or error
            return f"no connection to {where} ({printable(reason, 120)}): check the address and the network"
    return f"{where} reports an error: {printable(error)}"


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
    again and a reply that comes byte by byte each have theirs. After each connection and failure, and while nobody
    calls, the thread runs the check.

    Attributes:
        problem: why no call would be taken, in words for an operator; None if the last call or check was.
    """

    def __init__(self, settings: Settings, check: Callable[[Redis], None]) -> None:
        """Start trying to connect; the check raises `RedisError` if a call would not be taken."""
        self._redis = redis_client(settings, retries=1, socket_timeout_s=SOCKET_TIMEOUT_S)
        self._settings = settings
        self._check = check
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self.problem: str | None = "not yet connected"
        self._closing = threading.Event()
        threading.Thread(target=self._work, name="redis", daemon=True).start()

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
        except (RedisError, OSError) as error:
            if not job.future.done():
                job.future.cancel()
                self._redis.connection_pool.disconnect()
            self._leave_service(error)
            raise Unavailable(explain(error, self._settings)) from error
        return answer

    def close(self) -> None:
        """Close the connection; calls made from now on fail."""
        self._closing.set()
        self._redis.connection_pool.disconnect()

    def _work(self) -> None:
        retry_s = FIRST_RETRY_S
        pause_s = 0.0
        while not self._closing.is_set():
            try:
                job = self._jobs.get(timeout=pause_s)
            except queue.Empty:
                job = None
            if job is None or job.future.set_running_or_notify_cancel():
                self._carry_out(job)
            pause_s = CHECK_INTERVAL_S if self.problem is None else retry_s
            retry_s = FIRST_RETRY_S if self.problem is None else min(retry_s * 2, LONGEST_RETRY_S)

    def _carry_out(self, job: _Job | None) -> None:
        try:
            if job is None or self.problem is not None:
                self._check(self._redis)
            if self.problem is not None:
                self.problem = None
                _logger.info("connected to Redis at %s", self._settings.redis_address)
            if job:
                job.require_time()
                job.future.set_result(job.command(self._redis))
        except Exception as error:
            self._leave_service(error)
            if job:
                job.future.set_exception(error)

    def _leave_service(self, error: Exception) -> None:
        problem = explain(error, self._settings)
        if problem != self.problem and not self._closing.is_set():
            _logger.error("%s", problem)
        self.problem = problem
