"""When a card is presented to the reader, and whether the reader works."""

import logging
from typing import TYPE_CHECKING

from common.cards import Card, UnreadableError
from common.clock import Clock

if TYPE_CHECKING:
    from common.mfrc522_driver import Driver

POLL_INTERVAL_S = 0.035
PRESENTATION_END_S = 0.3
REPAIR_INTERVAL_S = 0.5

_logger = logging.getLogger(__name__)


class CardReader:
    """Tells presentations: a card is presented once, however long it rests, until it has been away for 300 ms.

    A card that lies on the reader from the start has not been presented: its tap may have been counted before this
    program was started anew. Neither has one that the reader finds again when it comes back from a fault.
    """

    def __init__(self, driver: "Driver", clock: Clock) -> None:
        self._driver = driver
        self._clock = clock
        self._resting: Card | None = None
        self._empty_since: float | None = None
        self._fault: str | None = None
        self._next_repair = 0.0
        self.poll()

    def __repr__(self) -> str:
        return f"<CardReader: {self._fault or self._resting or 'empty'}>"

    @property
    def problem(self) -> str | None:
        """What is wrong with the reader, in words for an operator; None if the last look at it was a good one."""
        return self._fault

    def poll(self) -> Card | None:
        """Look once; return the card if its presentation begins with this look. A broken reader shows no cards."""
        try:
            if not self._is_in_order():
                return None
            uid = self._driver.read_uid()
        except UnreadableError:
            self._empty_since = None
            return None
        except OSError as error:
            self._report_fault(f"the card reader's bus fails: {error}")
            return None
        return self._presented(Card(uid) if uid else None)

    def close(self) -> None:
        """Let go of the reader."""
        self._driver.close()

    def _presented(self, card: Card | None) -> Card | None:
        if card is None:
            now = self._clock.now()
            self._empty_since = self._empty_since or now
            if now - self._empty_since >= PRESENTATION_END_S:
                self._resting = None
            return None
        self._empty_since = None
        if card == self._resting:
            return None
        self._resting = card
        return card

    def _is_in_order(self) -> bool:
        if self._fault is None:
            if self._driver.is_ready:
                return True
            self._report_fault("the card reader does not answer: check its wiring")
        if self._clock.now() < self._next_repair:
            return False
        self._next_repair = self._clock.now() + REPAIR_INTERVAL_S
        self._driver.restart()
        if not self._driver.is_ready:
            return False
        _logger.info("the card reader answers again")
        self._fault = None
        return True

    def _report_fault(self, fault: str) -> None:
        self._empty_since = None
        self._next_repair = self._clock.now()
        if fault != self._fault:
            _logger.error("%s", fault)
        self._fault = fault
