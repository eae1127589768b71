"""A device's pulse: what it tells of itself, in the round trip of a check that it makes anyway."""

import logging
import secrets
from collections.abc import Sequence

from redis.exceptions import RedisError

from common.clock import Clock
from common.daemon import version
from common.devices import State
from common.redis_errors import explain
from common.service_manager import ServiceManager
from common.settings import PREFIX, Settings

INTERVAL_S = 5.0
LONGEST_PROBLEM = 300

_logger = logging.getLogger(__name__)


class Pulse:
    """Tells every few seconds, and at once when it changes, what this device tells the service manager.

    Attributes:
        answer: what status.lua has answered since `due`, or its error.
    """

    def __init__(self, program: str, settings: Settings, service_manager: ServiceManager, clock: Clock) -> None:
        """Begin a session; `program` is the program's name."""
        session = secrets.token_hex(4)  # not that of the receipts: whoever may read this one could forge those
        self._device: Sequence[str | int] = [settings.device, settings.journal_length, program, version(), session]
        self._settings = settings
        self._service_manager = service_manager
        self._clock = clock
        self._is_over = False
        self._told: tuple[State, str] | None = None
        self._next_at = 0.0
        self._tapped_at: float | None = None
        self.answer: object = None
        self._logged = ""

    def tapped(self) -> None:
        """Note that a card is tapped now."""
        self._tapped_at = self._clock.now()

    def stop(self) -> None:
        """Tell next that the device is stopped on purpose, and then no more."""
        self._is_over = True

    def due(self) -> Sequence[str | int] | None:
        """Return what is to be told now, the ARGV of status.lua; None if there is nothing new."""
        self.answer = None
        now = self._clock.now()
        problem = "" if self._is_over else (self._service_manager.problem or "")[:LONGEST_PROBLEM]
        state = State.STOPPED if self._is_over else State.OUT_OF_SERVICE if problem else State.IN_SERVICE
        if (state, problem) == self._told and (now < self._next_at or self._is_over):
            return None
        self._told, self._next_at = (state, problem), now + INTERVAL_S
        tapped_ms_ago = "" if self._tapped_at is None else int((now - self._tapped_at) * 1000)
        return *self._device, state, problem, tapped_ms_ago

    def log(self) -> None:
        """Log what the answer says is wrong, once. A device without a pulse goes on working."""
        fault = ""
        if isinstance(self.answer, RedisError):
            fault = f"no operator sees this device: {explain(self.answer, self._settings)}"
        elif self.answer == "shared":
            fault = f"another device has this device's name: give each its own {PREFIX}DEVICE"
        if fault and fault != self._logged:
            _logger.warning("%s", fault)
            self._logged = fault
