"""Replies of Redis; the journal's entries are read faster than by redis-py."""

import re
from typing import Any

from redis._parsers import _RESP2Parser
from redis.utils import SENTINEL

_ENTRY = re.compile(
    rb"\*2\r\n\$\d+\r\n(\d+-\d+)\r\n"
    rb"\*4\r\n\$7\r\nchannel\r\n\$(\d+)\r\n([^\r\n]*)\r\n\$7\r\npayload\r\n\$(\d{1,9})\r\n"
)
"""An entry of the journal in a reply to XRANGE (RESP2), up to its payload."""


class ReplyParser(_RESP2Parser):
    """redis-py's parser, with a short way for the entries of the journal, of which it would read each part by itself.

    What is none, or has not arrived as a whole, is left to redis-py. Text is read as UTF-8, whose errors are replaced.
    """

    def _read_response(self, disable_decoding: bool = False, timeout: object = SENTINEL) -> Any:  # noqa: ANN401
        buffered: Any = self._buffer
        buffer = buffered._buffer
        received = buffer.getvalue()
        entry = _ENTRY.match(received, buffer.tell())
        if entry and int(entry[2]) == len(entry[3]) and not disable_decoding:
            start = entry.end()
            end = start + int(entry[4])
            if end + 2 <= len(received):
                buffer.seek(end + 2)
                payload = str(received[start:end], "utf-8", "replace")
                return [str(entry[1], "ascii"), ["channel", str(entry[3], "utf-8", "replace"), "payload", payload]]
        return super()._read_response(disable_decoding, timeout)
