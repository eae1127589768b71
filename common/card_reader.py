"""The card reader: what is presented to it, and whether it works."""

import errno
import logging
from math import inf
from typing import TYPE_CHECKING

from common.cards import Card, UnreadableError
from common.clock import Clock
from common.pins import PinError
from common.presentations import Presentation, Presentations

if TYPE_CHECKING:
    from common.mfrc522_driver import Driver

NOTICED_S = 3.0  # within which a lost configuration is noticed
SILENCE_S = 60.0
LOG_INTERVAL_S = 60.0

_BUS_ADVICE = {
    errno.ENOENT: "no /dev/spidev0.0: switch SPI on with 'sudo raspi-config nonint do_spi 0'; if it is on,"
    " remove the overlay that uses GPIO 8",
    errno.EACCES: "no access to /dev/spidev0.0: add this user to the groups spi and gpio",
}

_logger = logging.getLogger(__name__)


class CardReader:
    """Detects presentations, and restarts a reader that fails; one that is absent at the start is a failing one.

    A card that is on the reader at the first look is not presented: a program before this one may have counted its
    tap. Nor is one presented again that rested on the reader while that failed.

    A receiver that has gone deaf looks like an empty field, and the chip has no test for it. So a reader that has not
    heard a card for a minute is restarted.

    Attributes:
        problem: what is wrong with the reader, in words for an operator; None if the last poll worked.
    """

    def __init__(self, driver: "Driver", clock: Clock) -> None:
        self.problem: str | None = None
        self._driver = driver
        self._clock = clock
        self._presentations = Presentations()
        self._doubtful_s = inf  # a card that is seen next and was away for less may have been here all the time
        self._silent_since = clock.now()
        self._logged: dict[str, float] = {}
        self.poll()

    def poll(self) -> Presentation | None:
        """Poll once; return the presentation that begins now. A broken reader returns none."""
        try:
            fault = self.problem or self._driver.fault()
            if fault or self._is_silent():
                if problem := self._driver.restart():
                    self._report(problem)
                    return None
                if not fault:
                    return None  # and the next poll gives cards the time to start
            presentation = self._look()
        except PinError as error:
            self._report(str(error))
            return None
        except OSError as error:
            self._report(_BUS_ADVICE.get(error.errno or 0) or _bus_failure(error))
            return None
        doubtful_s, self._doubtful_s = self._doubtful_s, 0.0
        if fault:
            self._recover(fault)
            doubtful_s = max(doubtful_s, NOTICED_S)
        return None if presentation and presentation.away_s <= doubtful_s else presentation

    def close(self) -> None:
        """Release the reader."""
        self._driver.close()

    def _look(self) -> Presentation | None:
        try:
            uid = self._driver.read_uid()
        except UnreadableError as error:
            _logger.debug("no card can be read: %s", error)
            self._silent_since = self._clock.now()
            return self._presentations.unreadable(self._silent_since)
        if uid:
            self._silent_since = self._clock.now()
            return self._presentations.read(Card(uid), self._silent_since)
        self._presentations.empty(self._clock.now())
        return None

    def _is_silent(self) -> bool:
        """Return whether no card has answered for a minute, and begin a new one."""
        now = self._clock.now()
        if now - self._silent_since < SILENCE_S:
            return False
        self._silent_since = now
        return True

    def _recover(self, fault: str) -> None:
        if not self.problem:
            self._log(logging.WARNING, fault)
        self._log(logging.INFO, "the card reader answers again")
        self.problem = None

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            self._log(logging.ERROR, problem)
        self.problem = problem

    def _log(self, level: int, text: str) -> None:
        """Log a text, but only once a minute: a loose wire may fail several times a second."""
        now = self._clock.now()
        self._logged = {known: at for known, at in self._logged.items() if now - at < LOG_INTERVAL_S}
        if text not in self._logged:
            self._logged[text] = now
            _logger.log(level, "%s", text)


def _bus_failure(error: OSError) -> str:
    return f"the card reader's bus fails ({error.strerror or error}): check that nothing else uses SPI bus 0"
