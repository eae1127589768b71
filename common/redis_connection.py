"""Connections to Redis on which whatever goes wrong is an error of redis-py, with its reason."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import get_ident
from typing import Any

from redis.connection import Connection, SSLConnection
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import InvalidResponse, RedisError, ResponseError
from redis.exceptions import TimeoutError as SlowAnswerError
from redis.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection

from common.settings import with_port


class UnreadableReplyError(NoConnectionError):
    """A reply is not RESP, or has not the shape of an answer to its command."""


class NoFirstAnswerError(NoConnectionError):
    """A new connection ended before anything was answered on it."""


@contextmanager
def reading() -> Iterator[None]:
    """Raise one error for every malformed reply: redis-py raises whatever Python does with it.

    Raises:
        UnreadableReplyError: in place of `ValueError`, `RecursionError`, `IndexError`, and the like.
    """
    try:
        yield
    except InvalidResponse as error:
        raise UnreadableReplyError(*error.args) from error
    except (RedisError, OSError):
        raise
    except Exception as error:
        raise UnreadableReplyError("not RESP, or not the answer to what was asked") from error


class _CheckedConnection(Connection):
    """A connection that ends at a reply that cannot be read, and tells what a server says that refuses it."""

    _has_asked = False
    _has_answer = False
    _user: int | None = None  # the thread that asks and waits
    _is_given_up = False  # another thread has closed it

    def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        if not self.is_connected:
            self._has_asked = self._has_answer = self._is_given_up = False
        super().connect_check_health(check_health, retry_socket_connect)

    def disconnect(self, *args: object, **options: object) -> None:
        if self._user != get_ident():
            self._is_given_up = True
        super().disconnect(*args, **options)

    def send_packed_command(self, command: object, check_health: bool = True) -> None:
        if not self.is_connected:
            self.connect_check_health(check_health=False)
        with self._checked():
            super().send_packed_command(command, check_health)
        self._has_asked = True

    def can_read(self, timeout: float = 0) -> bool:
        """Return whether there is something to read.

        Raises:
            RedisError: it came before anything was asked: the server's reason to refuse this client.
        """
        if not self.is_connected:
            self.connect()
        with self._checked():
            is_readable = bool(super().can_read(timeout))
        if is_readable and not self._has_asked:
            self.read_response()
        return is_readable

    def read_response(self, *args: object, **options: object) -> Any:  # noqa: ANN401
        with self._checked():
            try:
                response = super().read_response(*args, **options)
            except ResponseError as error:
                self._has_answer = True
                if str(error).startswith("DENIED "):  # protected mode: the server has ended the connection
                    raise NoConnectionError(*error.args) from error
                raise
            self._has_answer = True
            return response

    @contextmanager
    def _checked(self) -> Iterator[None]:
        self._user = get_ident()
        try:
            with reading():
                yield
        except NoConnectionError as error:
            if self._is_given_up:
                raise SlowAnswerError("another thread has given up waiting") from error
            if isinstance(error, UnreadableReplyError):
                self.disconnect()
                raise
            is_answer = error.status_code or isinstance(error.__context__, ResponseError)
            if self._has_answer or is_answer:
                raise
            raise NoFirstAnswerError(*error.args) from error


class _CheckedTLSConnection(_CheckedConnection, SSLConnection):
    def _connect(self) -> ssl.SSLSocket:
        connected: ssl.SSLSocket = super()._connect()
        connected.sendall = partial(_send_all, connected)  # type: ignore[method-assign]
        return connected


class _CheckedSentinelConnection(_CheckedConnection, SentinelManagedConnection):
    """Notes in each error at which server it happened: settings name the Sentinels alone."""

    def connect_to(self, address: tuple[str, int]) -> None:
        with self._noted(address):
            super().connect_to(address)

    def send_packed_command(self, command: object, check_health: bool = True) -> None:
        with self._noted((self.host, self.port)):
            super().send_packed_command(command, check_health)

    def read_response(self, *args: object, **options: object) -> Any:  # noqa: ANN401
        with self._noted((self.host, self.port)):
            return super().read_response(*args, **options)

    @contextmanager
    def _noted(self, address: tuple[str, int]) -> Iterator[None]:
        try:
            yield
        except RedisError as error:
            error.add_note(with_port(*address))
            raise


class _CheckedSentinelTLSConnection(_CheckedSentinelConnection, _CheckedTLSConnection, SentinelManagedSSLConnection):
    pass


CHECKED: dict[type[Connection], type[Connection]] = {
    Connection: _CheckedConnection,
    SSLConnection: _CheckedTLSConnection,
    SentinelManagedConnection: _CheckedSentinelConnection,
    SentinelManagedSSLConnection: _CheckedSentinelTLSConnection,
}
"""What takes the place of redis-py's classes."""


def _send_all(connected: ssl.SSLSocket, data: bytes) -> None:
    """Send, and if the server has ended the connection, raise the alert by which it said why.

    In TLS 1.3 a server refuses a client's certificate after the handshake is over for the client (RFC 8446, 4.4.2.4).
    """
    try:
        ssl.SSLSocket.sendall(connected, data)
    except TimeoutError:
        raise
    except OSError:
        connected.settimeout(0)
        with suppress(ssl.SSLWantReadError):
            connected.recv(1)
        raise
