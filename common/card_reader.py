"""When a card is presented to the reader, and whether the reader works."""

import logging
from math import inf
from typing import TYPE_CHECKING

from common.cards import Card, UnreadableError
from common.clock import Clock

if TYPE_CHECKING:
    from common.mfrc522_driver import Driver

POLL_INTERVAL_S = 0.03
PRESENTATION_END_S = 0.3

_logger = logging.getLogger(__name__)


class CardReader:
    """Detects presentations: a resting card is presented once, until it has been away for 300 ms.

    A card that is on the reader at the start, or when the reader recovers, is not presented: its tap may have been
    counted before.

    Attributes:
        problem: what is wrong with the reader, in words for an operator; None if the last poll worked.
    """

    def __init__(self, driver: "Driver", clock: Clock) -> None:
        self.problem: str | None = None
        self._driver = driver
        self._clock = clock
        self._resting: Card | None = None
        self._ends_at = inf
        self.poll()

    def poll(self) -> Card | None:
        """Poll once; return the card if its presentation begins now. A broken reader returns no cards."""
        try:
            if self._is_ready():
                return self._presented(self._driver.read_uid())
            self._report("the card reader does not answer: check its wiring")
        except UnreadableError as error:
            _logger.debug("no card can be read: %s", error)
            self._ends_at = inf
        except OSError as error:
            self._report(f"the card reader's bus fails: {error}")
        return None

    def close(self) -> None:
        """Release the reader."""
        self._driver.close()

    def _presented(self, uid: bytes | None) -> Card | None:
        if uid is None:
            now = self._clock.now()
            self._ends_at = min(self._ends_at, now + PRESENTATION_END_S)
            if now >= self._ends_at:
                self._resting = None
            return None
        self._ends_at = inf
        card = Card(uid)
        if card == self._resting:
            return None
        self._resting = card
        return card

    def _is_ready(self) -> bool:
        """Return whether the chip can be used; restart it if it cannot."""
        if not self.problem and self._driver.is_ready:
            return True
        self._driver.restart()
        if not self._driver.is_ready:
            return False
        _logger.info("the card reader answers again")
        self.problem = None
        return True

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            _logger.error("%s", problem)
        self.problem = problem
