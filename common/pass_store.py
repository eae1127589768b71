"""The passes in Redis. Every change is one server-side script, so that pass, journal and events change together."""

import json
import uuid
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import NoPermissionError, NoScriptError, ResponseError

from common.passes import PassType, SaleOutcome, UseOutcome
from common.redis_link import RedisLink, Unavailable
from common.settings import Settings

JOURNAL = "transit-pass:events"
RECEIPT_PREFIX = "transit-pass:receipt:"
RECEIPT_LIFETIME_S = 120

REPLICATION_LIMIT_MS = 400  # less than a socket's time-out

_ANY_CARD = "1"
_ANY_RECEIPT = RECEIPT_PREFIX + "check"
_Command = tuple[str, ...]
_Outcome = TypeVar("_Outcome", bound=StrEnum)

_BOTH_SCRIPTS: Sequence[_Command] = (
    ("EVALSHA", "0" * 40, "0"),
    ("TIME",),
    ("GET", _ANY_RECEIPT),
    ("XREVRANGE", JOURNAL, "+", "-"),
    ("XADD", JOURNAL, "*", "channel", "payload"),
    ("SET", _ANY_RECEIPT, ""),
    ("EXPIRE", _ANY_RECEIPT, "1"),
)
TO_USE: Sequence[_Command] = (
    *_BOTH_SCRIPTS,
    ("TYPE", _ANY_CARD),
    ("HGETALL", _ANY_CARD),
    ("TTL", _ANY_CARD),
    ("HINCRBY", _ANY_CARD, "tripsRemaining", "-1"),
    ("DEL", _ANY_CARD),
    ("EXPIRE", _ANY_CARD, "1"),
    ("PUBLISH", "pass-activated:TWO_HOUR", ""),
    ("PUBLISH", "pass-denied", ""),
    *(("PUBLISH", f"pass-used:{pass_type}", "") for pass_type in PassType),
)
TO_SELL: Sequence[_Command] = (
    *_BOTH_SCRIPTS,
    ("EXISTS", _ANY_CARD),
    ("HSET", _ANY_CARD, "passType", ""),
    *(("PUBLISH", f"pass-issued:{pass_type}", "") for pass_type in PassType),
)

_FOLDER = Path(__file__).parent
_LEDGER = (_FOLDER / "ledger.lua").read_text()
_USE_PASS = _LEDGER + (_FOLDER / "use_pass.lua").read_text()
_ISSUE_PASS = _LEDGER + (_FOLDER / "issue_pass.lua").read_text()

_REFUSED_COMMANDS = """
local refused = {}
for _, command in ipairs(cjson.decode(ARGV[1])) do
  if not redis.acl_check_cmd(unpack(command)) then
    refused[#refused + 1] = command[1] .. ' ' .. (command[2] or '')
  end
end
return refused
"""


class ReplicationError(ResponseError):
    """A change has been made, but too few replicas hold it in time."""


def prepare(redis: Redis, needs: Sequence[_Command]) -> None:
    """Find out now, and not on a rider's tap, what this user may not do; load the scripts for the first tap.

    Raises:
        NoPermissionError: the user lacks rights; the message names them.
        RedisError: the server cannot be asked, or not be worked with.
    """
    refused = redis.eval(_REFUSED_COMMANDS, 0, json.dumps(needs))
    if not isinstance(refused, list):
        raise ResponseError("the check of this user's rights gave no list")
    if refused:
        raise NoPermissionError(f"missing are {', '.join(sorted(refused))}")
    for script in (_USE_PASS, _ISSUE_PASS):
        redis.script_load(script)


def new_id() -> str:
    """Make the id of a tap or a sale: random, so that no two devices make the same one."""
    return uuid.uuid4().hex


class PassStore:
    """The passes, as one device sees them.

    Every method takes one round trip and raises `Unavailable` if no usable answer came in time; then the change may
    have been made or not, and calling again with the same id is safe.
    """

    def __init__(self, settings: Settings, needs: Sequence[_Command]) -> None:
        """Start connecting to Redis.

        Args:
            settings: where Redis is, this device's name and the journal's length.
            needs: what this device must be permitted to do, `TO_USE` or `TO_SELL`; checked at each connection.
        """
        self._arguments: list[str | int] = [settings.device, settings.journal_length, RECEIPT_LIFETIME_S]
        self._link = RedisLink(settings, lambda redis: prepare(redis, needs))
        self._replicas = settings.redis_replicas
        self._use_pass = self._link.redis.register_script(_USE_PASS)
        self._issue_pass = self._link.redis.register_script(_ISSUE_PASS)

    @property
    def problem(self) -> str | None:
        """Why Redis cannot be worked with, in words for an operator; None if it answered when it was last asked."""
        return self._link.problem

    def has_pass(self, card: str) -> bool:
        """Tell whether the card with this serial number holds a pass, valid or not."""
        return bool(self._link.call(lambda: self._link.redis.exists(card)))

    def use(self, card: str, tap_id: str) -> UseOutcome:
        """Take one entry from the card's pass, once for each tap id."""
        return self._run(UseOutcome, self._use_pass, card, tap_id)

    def issue(self, card: str, pass_type: PassType, sale_id: str) -> SaleOutcome:
        """Put a new pass on the card unless it holds one, once for each sale id."""
        return self._run(SaleOutcome, self._issue_pass, card, sale_id, json.dumps(pass_type.new_pass()))

    def close(self) -> None:
        """Let the connection go."""
        self._link.close()

    def _run(self, outcomes: type[_Outcome], script: Script, card: str, id_: str, *more: str) -> _Outcome:
        keys: list[str] = [card, RECEIPT_PREFIX + id_, JOURNAL]
        arguments = [*self._arguments, *more]
        answer = self._link.call(lambda: self._change(script, keys, arguments))
        try:
            return outcomes(str(answer))
        except ValueError as error:
            raise Unavailable("Redis gave an answer that makes no sense") from error

    def _change(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int]) -> object:
        if not self._replicas:
            return script(keys=keys, args=arguments)
        try:
            answer, replicas = self._change_and_wait(script, keys, arguments)
        except NoScriptError:
            self._link.redis.script_load(script.script)
            answer, replicas = self._change_and_wait(script, keys, arguments)
        if replicas < self._replicas:
            raise ReplicationError(f"{replicas} of {self._replicas} replicas hold the change")
        return answer

    def _change_and_wait(
        self, script: Script, keys: Sequence[str], arguments: Sequence[str | int]
    ) -> tuple[object, int]:
        """Return the script's answer and how many replicas hold what it changed."""
        with self._link.redis.pipeline(transaction=False) as pipeline:
            pipeline.evalsha(script.sha, len(keys), *keys, *arguments)
            pipeline.wait(self._replicas, REPLICATION_LIMIT_MS)
            answer, replicas = pipeline.execute()
        return answer, replicas
