"""The sale: what happens between a card's first tap and the thank-you."""

import logging
from dataclasses import dataclass
from math import inf

from audio.speaker import Speaker
from common.card_reader import POLL_INTERVAL_S, CardReader
from common.cards import Card
from common.clock import Clock
from common.pass_store import PassStore
from common.passes import PassType, SaleOutcome
from common.presentations import Presentation
from common.redis_link import Unavailable
from common.request import Request
from common.service_manager import ServiceManager
from sales_terminal.buttons import Buttons

CHOICE_S = 30.0
CONFIRMATION_S = 30.0
PENDING_S = 60.0
BUTTON_INTERVAL_S = 0.01

THANKS = {
    PassType.SINGLE_USE: "thank-you-single-trip-pass",
    PassType.TEN_TRIP: "thank-you-ten-trip-pass",
    PassType.TWO_HOUR: "thank-you-two-hour-pass",
}

_logger = logging.getLogger(__name__)


class SaleTimedOut(Exception):  # noqa: N818  # an end of a sale, not a fault
    """The rider did not press a button, or did not tap again, in time."""


class ReaderOutOfService(Exception):  # noqa: N818  # a state, reported by the reader
    """The card reader has stopped answering."""


@dataclass(frozen=True)
class Sale:
    """A confirmed sale: pending until Redis has answered. Times are the clock's."""

    pass_type: PassType
    request: Request
    made_at: float


class SalesTerminal:
    """Sells passes, at most one for a card."""

    def __init__(
        self,
        reader: CardReader,
        buttons: Buttons,
        store: PassStore,
        speaker: Speaker,
        service_manager: ServiceManager,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._buttons = buttons
        self._store = store
        self._speaker = speaker
        self._service_manager = service_manager
        self._clock = clock
        self._pending: dict[Card, Sale] = {}

    def run(self) -> None:
        """Serve riders; never return."""
        while True:
            try:
                self.serve(self._wait_for_card())
            except ReaderOutOfService:
                self._wait_for_reader()

    def serve(self, card: Card) -> None:
        """Run a sale from the first tap to its end."""
        try:
            ending = self._sell(card)
        except SaleTimedOut:
            ending = "sale-timed-out"
        except Unavailable as error:
            _logger.warning("%s: no answer, nothing is sold: %s", card, error)
            ending = "out-of-service"
        self._speaker.play(ending)
        _logger.info("%s: %s", card, ending)

    def _sell(self, card: Card) -> str:
        """Return the prompt that ends the sale."""
        if not card.can_hold_pass:
            return "card-not-supported"
        if self._store.has_pass(card.serial_number):
            sale = self._pending_sale(card)
            return self._issue(card, sale) if sale else "card-already-has-pass"

        self._buttons.reset()  # before the prompt: a press as it begins counts
        self._speaker.play("select-a-pass")
        pass_type = self._wait_for_button()

        self._speaker.play("tap-card-to-confirm")
        confirmation = self._wait_for_card(CONFIRMATION_S)
        if confirmation != card:
            return "mismatch-cancel"
        request = self._store.new_request(card.serial_number)
        return self._issue(card, Sale(pass_type, request, made_at=self._clock.now()))

    def _issue(self, card: Card, sale: Sale) -> str:
        self._pending[card] = sale
        outcome = self._store.issue(sale.request, sale.pass_type)
        del self._pending[card]
        return THANKS[sale.pass_type] if outcome is SaleOutcome.ISSUED else "card-already-has-pass"

    def _pending_sale(self, card: Card) -> Sale | None:
        """Return the pending sale that may have put the pass on this card."""
        now = self._clock.now()
        self._pending = {known: sale for known, sale in self._pending.items() if now - sale.made_at < PENDING_S}
        return self._pending.get(card)

    def _wait_for_card(self, limit_s: float = inf) -> Card:
        """Wait for a fresh presentation of a card, stop the prompt and return the card."""
        deadline = self._clock.now() + limit_s
        while not (presentation := self._look()) or not presentation.card:
            if presentation:
                self._speaker.play("card-not-supported")
            self._pause(POLL_INTERVAL_S, deadline)
        self._speaker.stop()
        return presentation.card

    def _wait_for_button(self) -> PassType:
        """Wait for a press; meanwhile poll the reader, so that a fresh presentation is recognised later."""
        deadline = self._clock.now() + CHOICE_S
        while not (pass_type := self._buttons.pressed()):
            self._look()
            self._pause(BUTTON_INTERVAL_S, deadline)
        return pass_type

    def _wait_for_reader(self) -> None:
        """Wait until the reader answers again; a press meanwhile plays the prompt."""
        self._buttons.reset()
        self._speaker.play("out-of-service")
        while self._reader.problem:
            self._poll()
            if self._buttons.pressed():
                self._speaker.play("out-of-service")
            self._clock.sleep(BUTTON_INTERVAL_S)

    def _pause(self, seconds: float, deadline: float) -> None:
        if self._clock.now() > deadline:
            raise SaleTimedOut
        self._clock.sleep(seconds)

    def _look(self) -> Presentation | None:
        presentation = self._poll()
        if self._reader.problem:
            raise ReaderOutOfService
        return presentation

    def _poll(self) -> Presentation | None:
        presentation = self._reader.poll()
        problem = self._reader.problem
        self._service_manager.report(problem or self._store.problem, is_alive=problem is None)
        return presentation
