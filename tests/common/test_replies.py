"""The journal's replies are read as redis-py reads them, however they arrive and whatever they hold."""

import random
from collections.abc import Iterable
from typing import Any

import pytest
from redis._parsers import _RESP2Parser
from redis._parsers.encoders import Encoder
from redis._parsers.socket import SocketBuffer
from redis.exceptions import ResponseError

from common.replies import ReplyParser


def text(content: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(content), content)


def array(*parts: bytes) -> bytes:
    return b"*%d\r\n" % len(parts) + b"".join(parts)


def entry(channel: bytes, payload: bytes, id_: bytes = b"1700000000000-0") -> bytes:
    return array(text(id_), array(text(b"channel"), text(channel), text(b"payload"), text(payload)))


REPLIES = {
    "page": array(*(entry(b"pass-denied", b'{"cardSerialNumber":"%d"}' % number) for number in range(50))),
    "empty page": array(),
    "empty texts": array(entry(b"", b"")),
    "lines within": array(entry(b"pass-\r\n$7\r\npayload\r\n$1\r\nx\r\n", b"\r\n*2\r\n$3\r\n"), entry(b"a", b"b")),
    "no UTF-8": array(entry(b"pass-\xff", b"\xc3")),
    "other fields": array(array(text(b"1-0"), array(text(b"payload"), text(b"{}")))),
    "deleted": array(array(text(b"1-0"), b"*-1\r\n"), b"*-1\r\n", b"$-1\r\n"),
    "other types": array(b":7\r\n", b"+OK\r\n", text(b"x"), array(array(text(b"y")))),
    "refusal within": array(b"-ERR not now\r\n", entry(b"a", b"b")),
    "text": text(b"*2\r\n$3\r\n1-0\r\n"),
}


class Pieces:
    """A socket on which a reply arrives in pieces."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)

    def recv(self, _: int) -> bytes:
        return next(self._pieces)


def read(parser_class: type[_RESP2Parser], pieces: Iterable[bytes], decodes: bool = True) -> Any:
    parser: Any = parser_class(65_536)
    parser.encoder = Encoder("utf-8", "replace", decodes)
    parser._buffer = SocketBuffer(Pieces(pieces), 65_536, 1)  # type: ignore[arg-type]
    replies = [parser.read_response(disable_decoding=not decodes) for _ in range(2)]  # what follows is in its place
    return [str(reply) if isinstance(reply, ResponseError) else repr(reply) for reply in replies]


@pytest.mark.parametrize("decodes", [True, False])
@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_is_read_as_by_redis_py(name: str, decodes: bool) -> None:
    whole = REPLIES[name] * 2
    expected = read(_RESP2Parser, [whole], decodes)
    assert read(ReplyParser, [whole], decodes) == expected
    assert read(ReplyParser, [whole[i : i + 1] for i in range(len(whole))], decodes) == expected
    chance = random.Random(name)
    for _ in range(20):
        cuts = sorted(chance.choices(range(1, len(whole)), k=3))
        pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True) if start < end]
        assert read(ReplyParser, pieces, decodes) == expected
