"""The sale: what happens between a card's first tap and the thank-you."""

import logging
from dataclasses import dataclass

from audio.speaker import Speaker
from common.cards import Card
from common.clock import Clock
from common.pass_store import PassStore
from common.passes import HeldPass, PassType, SaleOutcome
from common.redis_link import Unavailable
from common.request import Request
from sales_terminal.dialogue import Dialogue, NoAnswer, ReaderOutOfService
from sales_terminal.what_is_left import HAS_PASS, what_is_left

PENDING_S = 60.0

SELECTED = {
    PassType.SINGLE_USE: "selected-single-trip-pass",
    PassType.TEN_TRIP: "selected-ten-trip-pass",
    PassType.TWO_HOUR: "selected-two-hour-pass",
}
THANKS = {
    PassType.SINGLE_USE: "thank-you-single-trip-pass",
    PassType.TEN_TRIP: "thank-you-ten-trip-pass",
    PassType.TWO_HOUR: "thank-you-two-hour-pass",
}

_logger = logging.getLogger(__name__)


class AnotherCard(Exception):  # noqa: N818  # an end of a sale, not a fault
    """Another card was tapped before a button was pressed."""

    def __init__(self, card: Card) -> None:
        super().__init__(f"{card} came instead")
        self.card = card


class AlreadyHasPass(Exception):  # noqa: N818  # an end of a sale, not a fault
    """The card holds a pass, which no pending sale has put there."""

    def __init__(self, held: HeldPass) -> None:
        self.held = held


@dataclass(frozen=True)
class Sale:
    """A confirmed sale: pending until Redis has answered. Times are the clock's."""

    pass_type: PassType
    request: Request
    made_at: float


class SalesTerminal:
    """Sells passes, at most one for a card."""

    def __init__(self, dialogue: Dialogue, store: PassStore, speaker: Speaker, clock: Clock) -> None:
        self._dialogue = dialogue
        self._store = store
        self._speaker = speaker
        self._clock = clock
        self._pending: dict[Card, Sale] = {}

    def run(self) -> None:
        """Serve riders; never return."""
        card = None
        while True:
            try:
                card = self.serve(card or self._dialogue.wait_for_card())
            except ReaderOutOfService:
                card = None
                self._dialogue.wait_for_reader()

    def serve(self, card: Card) -> Card | None:
        """Run a sale from the first tap to its end; return the card of the next one if its tap has ended this one."""
        try:
            ending = self._sell(card)
        except AnotherCard as tap:
            _logger.info("%s: %s", card, tap)
            return tap.card
        except AlreadyHasPass as found:
            clips = what_is_left(found.held)
            _logger.info("%s: %s", card, ", ".join(clips))
            return self._dialogue.tell(*clips)
        except NoAnswer:
            ending = "sale-timed-out"
        except Unavailable as error:
            _logger.warning("%s: no answer, nothing is sold: %s", card, error)
            ending = "out-of-service"
        self._speaker.play(ending)
        _logger.info("%s: %s", card, ending)
        return None

    def _sell(self, card: Card) -> str:
        """Return the prompt that ends the sale."""
        if not card.can_hold_pass:
            return "card-not-supported"
        if held := self._store.look(card.serial_number):
            if sale := self._pending_sale(card):
                return self._issue(card, sale)
            raise AlreadyHasPass(held)

        choice = self._dialogue.ask("select-a-pass", ignoring=card)
        if isinstance(choice, Card):
            raise AnotherCard(choice)

        while isinstance(answer := self._dialogue.ask(SELECTED[choice], "tap-card-to-confirm"), PassType):
            choice = answer  # until the second tap, the last press counts
        if answer != card:
            return "mismatch-cancel"

        request = self._store.new_request(card.serial_number)
        return self._issue(card, Sale(choice, request, made_at=self._clock.now()))

    def _issue(self, card: Card, sale: Sale) -> str:
        self._pending[card] = sale
        outcome = self._store.issue(sale.request, sale.pass_type)
        del self._pending[card]
        return THANKS[sale.pass_type] if outcome is SaleOutcome.ISSUED else HAS_PASS

    def _pending_sale(self, card: Card) -> Sale | None:
        """Return the pending sale that may have put the pass on this card."""
        now = self._clock.now()
        self._pending = {known: sale for known, sale in self._pending.items() if now - sale.made_at < PENDING_S}
        return self._pending.get(card)
