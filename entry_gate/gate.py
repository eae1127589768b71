"""The gate: what happens between a card's tap and the light."""

import logging
from collections import deque
from math import inf

from audio.speaker import Speaker
from common.card_reader import CardReader
from common.cards import Card
from common.clock import Clock
from common.pace import Pace
from common.pass_store import PassStore
from common.passes import UseOutcome
from common.redis_link import Unavailable
from common.service_manager import ServiceManager
from entry_gate.traffic_light import Signal, TrafficLight

SAME_TAP_S = 2.0
REMEMBERED_TAPS = 32  # more than fit into SAME_TAP_S

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
        self._pace = Pace(clock)
        self._outcomes: deque[tuple[Card, UseOutcome | None]] = deque(maxlen=REMEMBERED_TAPS)

    def run(self) -> None:
        """Serve riders; never return."""
        while True:
            presentation = self._reader.poll()
            if presentation and presentation.card:
                self.serve(presentation.card, presentation.away_s)
            elif presentation:
                self._show_unreadable()
            problem = self._reader.problem or self._store.problem
            self._light.refresh(in_service=problem is None)
            self._service_manager.report(problem)
            self._pace.wait()

    def serve(self, card: Card, away_s: float = inf) -> None:
        """Decide about a card that has been presented; show the signal, then play its clip.

        Args:
            card: the card.
            away_s: how long ago it was last seen here, in seconds.
        """
        if away_s < SAME_TAP_S and (outcome := dict(self._outcomes).get(card.known_as)):
            self._repeat(outcome)
            return
        try:
            outcome = self._store.use(card.serial_number)
        except Unavailable as error:
            self._light.show(Signal.UNANSWERED)
            self._speaker.play("out-of-service")
            self._outcomes.append((card.known_as, None))
            _logger.warning("%s: no answer, no entry: %s", card, error)
            return
        if outcome is UseOutcome.GRANTED:
            self._light.show(Signal.GRANTED)
            self._speaker.play("access-granted")
        else:
            self._light.show(Signal.DENIED)
            self._speaker.play("access-denied" if card.can_hold_pass else "card-not-supported")
        self._outcomes.append((card.known_as, outcome))
        _logger.info("%s: %s", card, outcome)

    def _repeat(self, outcome: UseOutcome) -> None:
        """Show the same tap's answer again, except green, which would let a second rider through."""
        if outcome is not UseOutcome.GRANTED:
            self._light.show(Signal.DENIED)

    def _show_unreadable(self) -> None:
        """Give a sign to a rider whose card cannot be read, as one of two in a purse; nothing is recorded."""
        self._light.show(Signal.UNREADABLE)
        self._speaker.play("access-denied")
