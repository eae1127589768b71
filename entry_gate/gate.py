"""The gate: what happens between a card's tap and the light."""

import logging

from audio.speaker import Speaker
from common.card_reader import POLL_INTERVAL_S, CardReader
from common.cards import Card
from common.clock import Clock
from common.pass_store import PassStore
from common.passes import UseOutcome
from common.redis_link import Unavailable
from common.service_manager import ServiceManager
from entry_gate.traffic_light import Signal, TrafficLight

SAME_TAP_S = 2.0

_logger = logging.getLogger(__name__)


class Gate:
    """Lets riders in, one entry for one tap."""

    def __init__(
        self,
        reader: CardReader,
        store: PassStore,
        light: TrafficLight,
        speaker: Speaker,
        service_manager: ServiceManager,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._store = store
        self._light = light
        self._speaker = speaker
        self._service_manager = service_manager
        self._clock = clock
        self._answered_at: dict[Card, float] = {}

    def run(self) -> None:
        """Serve riders; never return."""
        while True:
            presentation = self._reader.poll()
            if presentation and presentation.card:
                self.serve(presentation.card)
            problem = self._reader.problem or self._store.problem
            self._light.refresh(in_service=problem is None)
            self._service_manager.report(problem, is_alive=self._reader.problem is None)
            self._clock.sleep(POLL_INTERVAL_S)

    def serve(self, card: Card) -> None:
        """Decide about a card that has been presented; show the signal, then play its clip."""
        if self._is_same_tap(card):
            return
        try:
            outcome = self._store.use(card.serial_number)
        except Unavailable as error:
            self._light.show(Signal.UNANSWERED)
            self._speaker.play("out-of-service")
            _logger.warning("%s: no answer, no entry: %s", card, error)
            return
        if outcome is UseOutcome.GRANTED:
            self._light.show(Signal.GRANTED)
            self._speaker.play("access-granted")
        else:
            self._light.show(Signal.DENIED)
            self._speaker.play("access-denied")
        self._answered_at[card] = self._clock.now()
        _logger.info("%s: %s", card, outcome)

    def _is_same_tap(self, card: Card) -> bool:
        """Return whether the card's last tap has just been answered."""
        now = self._clock.now()
        self._answered_at = {known: at for known, at in self._answered_at.items() if now - at < SAME_TAP_S}
        return card in self._answered_at
