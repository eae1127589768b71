"""The gate: what happens between a card's tap and the light."""

import logging
from dataclasses import dataclass

from audio.speaker import Speaker
from common.card_reader import POLL_INTERVAL_S, CardReader
from common.cards import Card
from common.clock import Clock
from common.pass_store import PassStore, new_id
from common.passes import UseOutcome
from common.redis_link import Unavailable
from common.service_manager import ServiceManager
from entry_gate.traffic_light import Signal, TrafficLight

SAME_TAP_S = 2.0
PENDING_S = 60.0

_logger = logging.getLogger(__name__)


@dataclass
class Tap:
    """A card's tap: pending until Redis has answered. Times are the clock's."""

    id: str
    made_at: float
    answered_at: float | None = None

    def is_live(self, now: float) -> bool:
        """Return whether the same card, presented now, is still the same tap."""
        if self.answered_at is None:
            return now - self.made_at < PENDING_S
        return now - self.answered_at < SAME_TAP_S


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
        self._taps: dict[Card, Tap] = {}

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
        tap = self._tap_of(card)
        if tap.answered_at is not None:
            return
        try:
            outcome = self._store.use(card.serial_number, tap.id)
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
        tap.answered_at = self._clock.now()
        _logger.info("%s: %s", card, outcome)

    def _tap_of(self, card: Card) -> Tap:
        """Return the card's live tap, or a new one."""
        now = self._clock.now()
        self._taps = {known: tap for known, tap in self._taps.items() if tap.is_live(now)}
        return self._taps.setdefault(card, Tap(new_id(), made_at=now))
