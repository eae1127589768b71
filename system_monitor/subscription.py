"""The subscription to all channels, read as its bytes come."""

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLWantReadError
from typing import Any

from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import NoPermissionError, ResponseError
from redis.exceptions import TimeoutError as SlowAnswerError

from common.keys import CHANNELS
from common.redis_connection import UnreadableReplyError

READ_SIZE = 262_144
LONGEST_LINE = 65_536
LONGEST_STRING = 512 * 2**20  # proto-max-bulk-len
MOST_PARTS = 4
PUBLISHED = "pmessage"
LINES = 9
"""How many a published message has in RESP2, if its texts have one each: its length, and four texts after theirs."""


Message = tuple[str, str, str]
"""What a subscriber is sent: its kind, `pmessage`, `psubscribe` or `pong`; where, and what was published."""


class Subscription:
    """A connection that is subscribed to all channels.

    redis-py's `get_message` takes half a message for silence, and then drops the connection. This reads the socket
    itself: bytes wait here until their message is complete. They are RESP2, arrays of strings and numbers. Most are
    published messages, of which many may come at once; they are read together.
    """

    def __init__(self, connection: Any) -> None:  # noqa: ANN401  # redis-py's types are too narrow
        self._connection = connection
        self._socket = connection._sock  # redis-py has no public name for it
        self._socket.settimeout(0)
        self._received = bytearray()
        self._messages: list[Message] = []

    def start(self, timeout_s: float) -> None:
        """Subscribe.

        Raises:
            NoPermissionError: the user may not.
            RedisError: the connection is lost, or there is no answer in time.
        """
        self._connection.send_command("PSUBSCRIBE", *CHANNELS)
        deadline = time.monotonic() + timeout_s
        messages: list[Message] = []  # others may come with the confirmations, one for each pattern
        while sum(kind == "psubscribe" for kind, _, _ in messages) < len(CHANNELS):
            if time.monotonic() >= deadline:
                raise SlowAnswerError
            messages += self.read(max(0.0, deadline - time.monotonic())) or ()
        self._messages = messages

    def ping(self) -> None:
        """Ask for a message of the kind `pong`."""
        self._connection.send_command("PING")

    def read(self, timeout_s: float) -> list[Message] | None:
        """Wait until bytes arrive, and return the messages that they complete; None if none arrive.

        Raises:
            RedisError: the connection is lost, or what arrives is no message.
        """
        if self._messages:
            messages, self._messages = self._messages, []
            return messages
        if not self._receive():  # TLS may have bytes that the socket does not have any more
            select.select([self._socket], [], [], timeout_s)
            if not self._receive():
                return None
        messages, position = _published(self._received) if len(self._received) <= 2 * READ_SIZE else ([], 0)
        while found := _message(self._received, position):
            message, position = found
            messages.append(message)
        del self._received[:position]
        return messages

    def _receive(self) -> bool:
        try:
            received = self._socket.recv(READ_SIZE)
        except (BlockingIOError, SSLWantReadError):
            return False
        except OSError as error:
            raise NoConnectionError(str(error)) from error
        if not received:
            raise NoConnectionError("the server has closed the connection")
        self._received += received
        return True


@contextmanager
def subscription(redis: Any, timeout_s: float) -> Iterator[Subscription]:  # noqa: ANN401
    """Subscribe with a connection of the client's own pool, and close that at the end.

    Raises:
        RedisError: as `Subscription.start`.
    """
    connection = redis.connection_pool.get_connection()
    try:
        subscribed = Subscription(connection)
        subscribed.start(timeout_s)
        yield subscribed
    finally:
        connection.disconnect()
        redis.connection_pool.release(connection)


def _published(data: bytearray) -> tuple[list[Message], int]:
    """Return the messages at the beginning, and where they end, if each was published and has no line within its texts.

    Whether that is so, their lengths tell; else nothing is returned.
    """
    lines = data.decode(errors="replace").split("\r\n")  # no line ends within a character, also if that is invalid
    lengths = list(map(len, lines if data.isascii() else data.split(b"\r\n")))
    end = (len(lines) - 1) // LINES * LINES
    for position, start in (0, "*4"), (1, "$8"), (2, PUBLISHED):
        if lines[position:end:LINES].count(start) * LINES != end:
            return [], 0
    for position in (3, 5, 7):
        pairs = set(zip(lines[position:end:LINES], lengths[position + 1 : end : LINES], strict=True))
        if not all(line == f"${length}" for line, length in pairs):
            return [], 0
    messages = list(zip(lines[2:end:LINES], lines[6:end:LINES], lines[8:end:LINES], strict=True))
    return messages, sum(lengths[:end]) + 2 * end


def _message(data: bytearray, position: int) -> tuple[Message, int] | None:
    """Return the message at a position, and where the next one begins; None if it is not complete."""
    line = _line(data, position, b"*")
    if line is None:
        return None
    count, position = line
    if not 1 <= count <= MOST_PARTS:
        raise UnreadableReplyError("not a message of a subscription")
    parts = []
    for _ in range(count):
        is_string = data[position : position + 1] != b":"
        line = _line(data, position, b"$" if is_string else b":")
        if line is None:
            return None
        number, position = line
        if not is_string:
            parts.append(str(number))
            continue
        end = position + number
        if len(data) < end + 2:
            return None
        parts.append(data[position:end].decode(errors="replace"))
        position = end + 2
    kind, channel, text = (parts[0], *parts[-2:]) if count > 1 else (parts[0], "", "")
    return (kind, channel, text), position


def _line(data: bytearray, position: int, kind: bytes) -> tuple[int, int] | None:
    """Return the number of a line such as `$12`, and where the next line begins; None if it is not complete."""
    end = data.find(b"\r\n", position, position + LONGEST_LINE)
    if end < 0:
        if len(data) - position >= LONGEST_LINE:
            raise UnreadableReplyError("not a message of a subscription")
        return None
    digits = data[position + 1 : end]
    if data[position : position + 1] == kind and digits.isdigit() and len(digits) < 10:
        number = int(digits)
        if number <= LONGEST_STRING:
            return number, end + 2
    if data[position : position + 1] == b"-":
        reason = digits.decode(errors="replace")
        raise (NoPermissionError if reason.startswith("NOPERM") else ResponseError)(reason)
    raise UnreadableReplyError("not a message of a subscription")
