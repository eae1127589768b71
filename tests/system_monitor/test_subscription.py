"""Reading a subscription: pieces of messages, and what is none, over a pair of sockets."""

import random
import socket
import threading
from collections.abc import Iterator

import pytest
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import NoPermissionError, RedisError
from redis.exceptions import TimeoutError as SlowAnswerError

from common.redis_connection import UnreadableReplyError
from system_monitor.subscription import Subscription

CONFIRMED = [
    b"*3\r\n$10\r\npsubscribe\r\n$6\r\npass-*\r\n:1\r\n",
    b"*3\r\n$10\r\npsubscribe\r\n$13\r\ndevice-status\r\n:2\r\n",
]
PONG = b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"


def pmessage(channel: bytes, text: bytes) -> bytes:
    start = b"*4\r\n$8\r\npmessage\r\n$6\r\npass-*\r\n"
    return start + b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(channel), channel, len(text), text)


class Line:
    """A subscription, and the server's end of its connection."""

    def __init__(self) -> None:
        self.server, self._sock = socket.socketpair()
        self.subscription = Subscription(self)

    def send_command(self, *words: str) -> None:
        self._sock.sendall(" ".join(words).encode())

    def close(self) -> None:
        self.server.close()
        self._sock.close()


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


def test_a_message_in_two_pieces_is_not_silence(line: Line) -> None:
    whole = pmessage(b"pass-denied", b'{"cardSerialNumber":"7"}')
    for cut in range(1, len(whole)):
        line.server.sendall(PONG + whole[:cut])
        assert line.subscription.read(0) == [("pong", "pong", "")]
        assert line.subscription.read(0) is None
        line.server.sendall(whole[cut:] + PONG)
        assert line.subscription.read(0) == [
            ("pmessage", "pass-denied", '{"cardSerialNumber":"7"}'),
            ("pong", "pong", ""),
        ]


def test_any_pieces_make_the_same_messages(line: Line) -> None:
    chance = random.Random(1)
    sent = [(f"pass-{number}\r\n", "\r\n$3\r\n" * chance.randrange(30)) for number in range(300)]
    stream = b"".join(pmessage(channel.encode(), text.encode()) for channel, text in sent)
    received = []
    while stream:
        cut = chance.randrange(1, 400)
        line.server.sendall(stream[:cut])
        stream = stream[cut:]
        received += line.subscription.read(0) or []
    assert received == [("pmessage", channel, text) for channel, text in sent]


def test_many_in_any_pieces_are_the_same_messages(line: Line) -> None:
    chance = random.Random(2)
    sent = [
        (f"pass-{'é' * (number % 7)}", f'{{"device":"{number}","to":"{"ж" * (number % 5)}"}}') for number in range(500)
    ]
    stream = b"".join(pmessage(channel.encode(), text.encode()) for channel, text in sent)
    received = []
    while stream:
        cut = chance.choice([1, 50, 5_000, 20_000])
        line.server.sendall(stream[:cut])
        stream = stream[cut:]
        received += line.subscription.read(0) or []
    assert received == [("pmessage", channel, text) for channel, text in sent]


@pytest.mark.parametrize(
    "other",
    [
        pmessage(b"pass-\r\n", b"\r\n*4"),
        pmessage(b"pass-\xff\xf0\x9f", b"\xc3"),
        pmessage(b"pass-", b"$8\r\npmessage\r\n" * 9),
        pmessage(b"", b"").replace(b"$6", b"$06"),
        PONG,
        CONFIRMED[0],
        b"*1\r\n$4\r\npong\r\n",
    ],
)
def test_what_comes_between_many_is_read_as_alone(line: Line, other: bytes) -> None:
    line.server.sendall(other)
    alone = line.subscription.read(0)
    many = [pmessage(b"pass-denied", b'{"at":%d}' % number) for number in range(50)]
    line.server.sendall(b"".join([*many, other, *many]))
    messages = [("pmessage", "pass-denied", f'{{"at":{number}}}') for number in range(50)]
    assert line.subscription.read(0) == [*messages, *(alone or ()), *messages]


@pytest.mark.parametrize("length", [b"$7", b"$9", b"$-1", b"$", b"$1000000000"])
def test_a_length_that_is_wrong_is_an_error_also_among_many(line: Line, length: bytes) -> None:
    good, wrong = (
        pmessage(b"pass-", b'{"a":12}'),
        pmessage(b"pass-", b'{"a":12}').replace(b"$8\r\n{", length + b"\r\n{"),
    )
    line.server.sendall(good * 9 + wrong + good * 9)
    with pytest.raises(UnreadableReplyError):
        line.subscription.read(0)


def test_it_waits_for_bytes(line: Line) -> None:
    timer = threading.Timer(0.05, line.server.sendall, [PONG])
    timer.start()
    assert line.subscription.read(30) == [("pong", "pong", "")]
    timer.join()


def test_what_comes_with_the_confirmations_is_kept(line: Line) -> None:
    line.server.sendall(CONFIRMED[0] + pmessage(b"pass-denied", b"{}"))
    timer = threading.Timer(0.05, line.server.sendall, [CONFIRMED[1] + PONG])
    timer.start()
    line.subscription.start(30)
    timer.join()
    assert line.server.recv(99) == b"PSUBSCRIBE pass-* device-status"
    assert line.subscription.read(0) == [
        ("psubscribe", "pass-*", "1"),
        ("pmessage", "pass-denied", "{}"),
        ("psubscribe", "device-status", "2"),
        ("pong", "pong", ""),
    ]


def test_what_is_not_utf_8_is_replaced(line: Line) -> None:
    line.server.sendall(pmessage(b"pass-\xff", b"\xc3"))
    assert line.subscription.read(0) == [("pmessage", "pass-\ufffd", "\ufffd")]


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"-NOPERM this user has no permissions\r\n", NoPermissionError),
        (b"-ERR out of order\r\n", RedisError),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", UnreadableReplyError),
        (b"*4\r\n" * 50_000, UnreadableReplyError),
        (b"*999999999\r\n", UnreadableReplyError),
        (b"*0\r\n", UnreadableReplyError),
        (b"*-1\r\n", UnreadableReplyError),
        (b"*3\r\n:abc\r\n", UnreadableReplyError),
        (b"*3\r\n$-1\r\n", UnreadableReplyError),
        (b"*3\r\n$999999999\r\n", UnreadableReplyError),
        (b"*3\r\n$" + b"9" * 100_000 + b"\r\n", UnreadableReplyError),
        (b"*3\r\n$\xd9\xa3\r\n", UnreadableReplyError),
        (b"x" * 70_000, UnreadableReplyError),
    ],
)
def test_what_is_no_message_is_an_error(line: Line, sent: bytes, error: type[Exception]) -> None:
    writer = threading.Thread(target=line.server.sendall, args=(sent,), daemon=True)
    writer.start()
    with pytest.raises(error):
        list(iter(lambda: line.subscription.read(1), None))


def test_an_end_is_an_error_after_what_came_before_it(line: Line) -> None:
    line.server.sendall(PONG)
    line.server.close()
    assert line.subscription.read(0) == [("pong", "pong", "")]
    with pytest.raises(NoConnectionError):
        line.subscription.read(0)


@pytest.mark.parametrize("confirmations", [0, 1])
def test_a_confirmation_that_is_missing_is_an_error(line: Line, confirmations: int) -> None:
    line.server.sendall(b"".join(CONFIRMED[:confirmations]))
    with pytest.raises(SlowAnswerError):
        line.subscription.start(0)
