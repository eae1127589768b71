"""The card reader: what is presented to it, and whether it works."""

import logging
from typing import TYPE_CHECKING

from common.cards import Card, UnreadableError
from common.clock import Clock
from common.presentations import Presentation, Presentations

if TYPE_CHECKING:
    from common.mfrc522_driver import Driver

POLL_INTERVAL_S = 0.03

_logger = logging.getLogger(__name__)


class CardReader:
    """Detects presentations.

    A card that is on the reader at the start is not presented: a program before this one may have counted its tap.
    Nor is one presented again that rested on the reader while that did not answer.

    Attributes:
        problem: what is wrong with the reader, in words for an operator; None if the last poll worked.
    """

    def __init__(self, driver: "Driver", clock: Clock) -> None:
        self.problem: str | None = None
        self._driver = driver
        self._clock = clock
        self._presentations = Presentations()
        self._has_looked = False
        self.poll()

    def poll(self) -> Presentation | None:
        """Poll once; return the presentation that begins now. A broken reader returns none."""
        try:
            if self._is_ready():
                is_first, self._has_looked = not self._has_looked, True
                presentation = self._look()
                return None if is_first else presentation
            self._report("the card reader does not answer: check its wiring")
        except OSError as error:
            self._report(f"the card reader's bus fails: {error}")
        return None

    def close(self) -> None:
        """Release the reader."""
        self._driver.close()

    def _look(self) -> Presentation | None:
        try:
            uid = self._driver.read_uid()
        except UnreadableError as error:
            _logger.debug("no card can be read: %s", error)
            return self._presentations.unreadable(self._clock.now())
        if uid:
            return self._presentations.read(Card(uid), self._clock.now())
        self._presentations.empty(self._clock.now())
        return None

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
