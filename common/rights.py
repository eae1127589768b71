"""What each program needs of the Redis user it logs in as, and how it finds out before a rider does."""

import json
from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.client import PubSub
from redis.exceptions import NoPermissionError, ResponseError
from redis.exceptions import TimeoutError as SlowAnswerError

from common.keys import CHANNELS, JOURNAL, RECEIPT_PREFIX
from common.passes import PassType

Command = tuple[str, ...]

_ANY_CARD = "1"
_ANY_RECEIPT = RECEIPT_PREFIX + "check"

_BOTH_SCRIPTS: Sequence[Command] = (
    ("EVALSHA", "0" * 40, "0"),
    ("TIME",),
    ("GET", _ANY_RECEIPT),
    ("XADD", JOURNAL, "*", "channel", "payload"),
    ("SETEX", _ANY_RECEIPT, "1", ""),
)
TO_USE: Sequence[Command] = (
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
TO_SELL: Sequence[Command] = (
    *_BOTH_SCRIPTS,
    ("EXISTS", _ANY_CARD),
    ("HSET", _ANY_CARD, "passType", ""),
    *(("PUBLISH", f"pass-issued:{pass_type}", "") for pass_type in PassType),
)
TO_WATCH: Sequence[Command] = (
    ("EXISTS", JOURNAL),
    ("XRANGE", JOURNAL, "-", "+", "COUNT", "1"),
    ("XREVRANGE", JOURNAL, "+", "-", "COUNT", "1"),
    ("XINFO", "STREAM", JOURNAL),
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


def check_device(redis: Redis, needs: Sequence[Command]) -> None:
    """Ask the server about all commands that a device's scripts are made of; none is carried out.

    Args:
        redis: a client that has logged in as the user.
        needs: `TO_USE` or `TO_SELL`.

    Raises:
        NoPermissionError: the user lacks rights; the message names them.
        RedisError: the server cannot be asked.
    """
    refused = redis.eval(_REFUSED_COMMANDS, 0, json.dumps(needs))
    if not isinstance(refused, list):
        raise ResponseError("the check of this user's rights gave no list")
    _complain_of(sorted(refused))


def subscribe(redis: Any, pubsub: PubSub, limit_s: float) -> None:  # noqa: ANN401  # redis-py's types are too narrow
    """Subscribe to all channels, and try all else that the monitor does.

    One could ask about it in a script, but the monitor's user may run none.

    Args:
        redis: a client that has logged in as the user.
        pubsub: its connection for messages, which is left subscribed.
        limit_s: how long to wait for the confirmation.

    Raises:
        NoPermissionError: the user lacks rights; the message names them.
        RedisError: the server cannot be asked.
    """
    refused = [" ".join(command[:2]) for command in TO_WATCH if not _is_permitted(redis, command)]
    try:
        pubsub.psubscribe(CHANNELS)
        confirmation = pubsub.get_message(timeout=limit_s)
    except NoPermissionError:
        refused.append(f"PSUBSCRIBE {CHANNELS}")
    else:
        if confirmation is None:
            raise SlowAnswerError
    _complain_of(refused)


def _is_permitted(redis: Any, command: Command) -> bool:  # noqa: ANN401
    try:
        redis.execute_command(*command)
    except ResponseError as error:  # or there is no journal yet
        return not isinstance(error, NoPermissionError)
    return True


def _complain_of(refused: Sequence[str]) -> None:
    if refused:
        raise NoPermissionError(f"missing are {', '.join(refused)}")
