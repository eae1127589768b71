"""The passes in Redis. Every change is one server-side script, so that pass, journal and events change together."""

import json
import uuid
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import NoScriptError, ResponseError

from common.keys import JOURNAL, RECEIPT_PREFIX
from common.passes import PassType, SaleOutcome, UseOutcome
from common.redis_link import RedisLink, Unavailable
from common.rights import Commands, check_device
from common.settings import Settings

RECEIPT_LIFETIME_S = 120
REPLICATION_LIMIT_MS = 400  # less than a socket's time-out

_Outcome = TypeVar("_Outcome", bound=StrEnum)


def script_text(name: str) -> str:
    """Return a script of this folder, with transaction.lua inserted after its first line (`#!lua`)."""
    folder = Path(__file__).parent
    first_line, rest = (folder / f"{name}.lua").read_text().split("\n", 1)
    return "\n".join([first_line, (folder / "transaction.lua").read_text(), rest])


def new_id() -> str:
    """Make the id of a tap or a sale: random, so that no two devices make the same one."""
    return uuid.uuid4().hex


class PassStore:
    """The passes, as one device sees them.

    Every method takes one round trip and raises `Unavailable` if no usable answer came in time; then the change may
    have been made or not, and calling again with the same id is safe.
    """

    def __init__(self, settings: Settings, needs: Commands) -> None:
        """Start connecting as a user who must be permitted what the device needs: `rights.TO_USE` or `TO_SELL`."""
        self._arguments: list[str | int] = [settings.device, settings.journal_length, RECEIPT_LIFETIME_S]
        self._needs = needs
        self._link = RedisLink(settings, self._prepare)
        self._replicas = settings.redis_replicas
        self._use = self._link.redis.register_script(script_text("use"))
        self._issue = self._link.redis.register_script(script_text("issue"))

    @property
    def problem(self) -> str | None:
        """Why Redis cannot be used, in words for an operator; None if it answered when it was last asked."""
        return self._link.problem

    def has_pass(self, card: str) -> bool:
        """Return whether the card with this serial number holds a pass, valid or not."""
        return bool(self._link.call(lambda: self._link.redis.exists(card)))

    def use(self, card: str, tap_id: str) -> UseOutcome:
        """Take one entry from the card's pass, once for each tap id."""
        return self._run(UseOutcome, self._use, card, tap_id)

    def issue(self, card: str, pass_type: PassType, sale_id: str) -> SaleOutcome:
        """Put a new pass on the card unless it holds one, once for each sale id."""
        return self._run(SaleOutcome, self._issue, card, sale_id, json.dumps(pass_type.new_pass()))

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def _run(self, outcomes: type[_Outcome], script: Script, card: str, id_: str, *more: str) -> _Outcome:
        keys: list[str] = [card, RECEIPT_PREFIX + id_, JOURNAL]
        arguments = [*self._arguments, *more]
        answer = self._link.call(lambda: self._change(script, keys, arguments))
        try:
            return outcomes(str(answer))
        except ValueError as error:
            raise Unavailable("Redis gave an unknown answer") from error

    def _change(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int]) -> object:
        with self._link.redis.pipeline(transaction=False) as pipeline:
            pipeline.evalsha(script.sha, len(keys), *keys, *arguments)
            if self._replicas:
                pipeline.wait(self._replicas, REPLICATION_LIMIT_MS)
            answer, *holders = pipeline.execute(raise_on_error=False)
        if isinstance(answer, NoScriptError):
            self._link.redis.script_load(script.script)
            return self._change(script, keys, arguments)
        for error in (answer, *holders):
            if isinstance(error, Exception):
                raise error
        if holders and holders[0] < self._replicas:
            raise ResponseError(f"{holders[0]} of {self._replicas} replicas hold the change")
        return answer

    def _prepare(self, redis: Redis) -> None:
        """Check this user's rights and load the scripts, before the first tap."""
        check_device(redis, self._needs)
        for script in (self._use, self._issue):
            redis.script_load(script.script)
