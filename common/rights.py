"""The rights that each device's Redis user needs, and how a device checks them when it connects."""

import json
from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.exceptions import NoPermissionError

from common.keys import JOURNAL, RECEIPT_PREFIX
from common.passes import PassType

Commands = Sequence[tuple[str, ...]]

_ANY_CARD = "1"
_ANY_RECEIPT = RECEIPT_PREFIX + "check"
_BOTH_SCRIPTS: Commands = (
    ("EVALSHA", "0" * 40, "0"),
    ("TIME",),
    ("GET", _ANY_RECEIPT),
    ("XADD", JOURNAL, "*", "channel", "payload"),
    ("SETEX", _ANY_RECEIPT, "1", ""),
)
TO_USE: Commands = (
    *_BOTH_SCRIPTS,
    ("HGETALL", _ANY_CARD),
    ("TTL", _ANY_CARD),
    ("HINCRBY", _ANY_CARD, "tripsRemaining", "-1"),
    ("DEL", _ANY_CARD),
    ("EXPIRE", _ANY_CARD, "1"),
    ("PUBLISH", "pass-activated:TWO_HOUR", ""),
    ("PUBLISH", "pass-denied", ""),
    *(("PUBLISH", f"pass-used:{pass_type}", "") for pass_type in PassType),
)
TO_SELL: Commands = (
    *_BOTH_SCRIPTS,
    ("EXISTS", _ANY_CARD),
    ("HSET", _ANY_CARD, "passType", ""),
    *(("PUBLISH", f"pass-issued:{pass_type}", "") for pass_type in PassType),
)

_REFUSED_COMMANDS = """
local refused = {}
for _, command in ipairs(cjson.decode(ARGV[1])) do
  if not redis.acl_check_cmd(unpack(command)) then
    refused[#refused + 1] = command[1] .. ' ' .. (command[2] or '')
  end
end
return refused
"""


def check_device(redis: Redis, needs: Commands) -> None:
    """Check that the client's user has these rights, `TO_USE` or `TO_SELL`; no command is run.

    Raises:
        NoPermissionError: the user lacks rights; the message names them.
        RedisError: the server cannot be asked.
    """
    refused: Any = redis.eval(_REFUSED_COMMANDS, 0, json.dumps(needs))
    if refused:
        raise NoPermissionError(f"missing are {', '.join(sorted(refused))}")
