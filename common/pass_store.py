"""The passes in Redis. Every change is one server-side script, so that pass, journal and events change together."""

import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Self, TypeVar

from redis import Redis
from redis.exceptions import ResponseError

from common import scripts
from common.look import look
from common.passes import HeldPass, PassType, SaleOutcome, UseOutcome
from common.pulse import Pulse
from common.redis_link import RedisLink, Unavailable
from common.request import Request, RequestNote, numbers
from common.rights import Commands
from common.scripts import ISSUE, REVERSE, USE, Replicas, Script
from common.server_clock import ServerClock
from common.settings import Settings
from common.text import printable

REPLICATION_LIMIT_MS = 400  # less than a socket's time-out

_logger = logging.getLogger(__name__)
_Outcome = TypeVar("_Outcome", bound=StrEnum)
_Answer = TypeVar("_Answer")


class PassStore:
    """The passes, as one device sees them.

    Every method takes one round trip and raises `Unavailable` if no usable answer came in time; then the change may
    have been made or not. A tap without an answer is reversed as soon as Redis answers again, and until then no other
    tap is taken. A sale without an answer may be made again with the same request.
    """

    def __init__(
        self, settings: Settings, needs: Commands, note: RequestNote | None = None, pulse: Pulse | None = None
    ) -> None:
        """Start connecting as a user who must be permitted what the device needs: `rights.TO_USE` or `TO_SELL`.

        A tap that an earlier run has left in the note is reversed first.
        """
        self._pulse = pulse
        self._arguments: Sequence[str | int] = [settings.device, settings.journal_length]
        self._needs = needs
        self._replicas = Replicas(settings.redis_replicas, REPLICATION_LIMIT_MS)
        self._numbers = numbers()
        self._note = note or RequestNote(None)
        self._unsettled = self._note.read()
        self._server_clock = ServerClock()
        self._link = RedisLink(settings, self._check)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, reason: type[BaseException] | None, *_: object) -> None:
        """Close the connection; if a signal ends the device, and Redis answers, say first that it is stopped."""
        if self._pulse and reason is SystemExit and self._link.problem is None:
            self._pulse.stop()
            with suppress(Unavailable):
                self._link.call(lambda redis: self._check(redis, has_answered=True))
        self.close()

    @property
    def problem(self) -> str | None:
        """Why no tap or sale would be taken, in words for an operator; None if the last check found nothing."""
        unsettled = "a tap without an answer is not reversed yet" if self._unsettled else None
        return self._link.problem or self._note.problem or unsettled

    def new_request(self, card: str) -> Request:
        """Number a request about the card with this serial number."""
        return Request(*next(self._numbers), card)

    def look(self, card: str) -> HeldPass | None:
        """Return the pass on the card with this serial number, valid or not; None if it holds none."""
        return self._call(lambda redis: look(redis, card))

    def use(self, card: str) -> UseOutcome:
        """Take one entry from the card's pass; without an answer, give it back later."""
        if self._unsettled:
            raise Unavailable(self.problem)
        request = self.new_request(card)
        try:
            self._note.write(request)
        except OSError as error:
            raise Unavailable(f"the tap cannot be noted: {error}") from error
        try:
            outcome = self._run(UseOutcome, USE, request)
            self._note.clear()
        except OSError as error:
            self._unsettled = request
            raise Unavailable(str(error)) from error
        return outcome

    def issue(self, request: Request, pass_type: PassType) -> SaleOutcome:
        """Put a new pass on the request's card unless it holds one, once for each request."""
        return self._run(SaleOutcome, ISSUE, request, json.dumps(pass_type.new_pass()))

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def _run(self, outcomes: type[_Outcome], script: Script, request: Request, *more: str) -> _Outcome:
        answer = self._call(lambda redis: self._ask(redis, script, request, *more))
        try:
            return outcomes(answer)
        except ValueError as error:
            raise Unavailable(f"Redis gave an unknown answer: {printable(answer, 40)}") from error

    def _call(self, command: Callable[[Redis], _Answer]) -> _Answer:
        if self._pulse:
            self._pulse.tapped()
        return self._link.call(command)

    def _ask(self, redis: Redis, script: Script, request: Request, *more: str) -> str:
        arguments = [*self._arguments, request.number, *more]
        return str(scripts.run(redis, script, request, arguments, self._replicas))

    def _check(self, redis: Redis, has_answered: bool) -> None:
        """Reverse the tap without an answer, then check that the next one would be taken, and could be noted.

        The pulse has what was reported last: that the server did not answer is over if the check gets an answer.
        """
        if self._unsettled:
            self._reverse(redis, self._unsettled)
            self._unsettled = None
        pulse = self._pulse if has_answered else None
        self._server_clock.read(scripts.check(redis, self._needs, self._replicas.number, pulse))
        self._note.check()

    def _reverse(self, redis: Redis, request: Request) -> None:
        try:
            outcome = self._ask(redis, REVERSE, request)
        except ResponseError as error:
            if not str(error).startswith("MISMATCH"):
                raise
            self._note.put_aside(str(error))
        else:
            _logger.warning("card %s: the tap without an answer is settled: %s", request.card, outcome)
            self._note.clear()
