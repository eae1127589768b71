"""Riders who tap, go to the next gate, buy, leave and come back while something fails, and what each has seen."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random
from typing import Any, Protocol

from common.cards import Card
from common.passes import PassType, SaleOutcome, UseOutcome
from common.redis_link import Unavailable
from common.request import RequestNote
from common.rights import TO_SELL, TO_USE
from common.settings import Settings
from tests.drills.history import RecordedStore

RIDERS = 12
HURRIED_PAUSE_S, UNANSWERED_PAUSE_S, CALM_PAUSE_S = 0.02, 0.2, 1.0  # at most so long the next rider waits
HURRY_S = 0.3  # how long riders hurry before and after something changes
IN_SERVICE_WITHIN_S = 60.0
FIRST_UID = 0x10000000
NOBODY = Card(bytes([0x0A, 0, 0, 0]))


class Answer(StrEnum):
    """What a rider sees of a tap or a sale; the names are those of the light's signals."""

    GRANTED = "granted"
    DENIED = "denied"
    UNANSWERED = "unanswered"


@dataclass(frozen=True)
class Rider:
    """A rider with a card.

    Args:
        card: the card.
        buys: one of these types of pass is bought whenever the card holds none.
        returns: whether the rider ever comes back after leaving without an answer.
    """

    card: Card
    buys: Sequence[PassType]
    returns: bool = True


def new_riders() -> list[Rider]:
    """Return riders whose cards hold nothing yet; a sixth of them buys two hours, and nothing else."""
    trips, hours = (PassType.SINGLE_USE, PassType.TEN_TRIP), (PassType.TWO_HOUR,)
    return [
        Rider(Card((FIRST_UID + number).to_bytes(4)), buys=trips if number % 6 else hours, returns=number % 3 > 0)
        for number in range(RIDERS)
    ]


class Place(Protocol):
    """Where riders present their cards, one at a time."""

    def serve(self, rider: Rider, chance: Random) -> Answer: ...

    def close(self) -> None: ...


class Gate(Place, Protocol):
    """A gate, as riders see it.

    Attributes:
        greens: how often it let each card in, by serial number.
        excused: the cards under way in a kill that came after the note of the tap was cleared.
        answered_at: when it granted or denied last, by `time.monotonic()`.
    """

    greens: Counter[str]
    excused: Counter[str]
    answered_at: float


class StoreGate:
    """A gate in this process, without hardware: green is what the store grants."""

    def __init__(self, history: Path, settings: Settings, folder: Path) -> None:
        self.greens: Counter[str] = Counter()
        self.excused: Counter[str] = Counter()
        self.answered_at = 0.0
        self._store = RecordedStore(history, settings, TO_USE, RequestNote(str(folder)))

    def serve(self, rider: Rider, _: Random) -> Answer:
        card = rider.card.serial_number
        try:
            outcome = self._store.use(card)
        except Unavailable:
            return Answer.UNANSWERED
        self.answered_at = time.monotonic()
        if outcome is not UseOutcome.GRANTED:
            return Answer.DENIED
        self.greens[card] += 1
        return Answer.GRANTED

    def close(self) -> None:
        self._store.close()


class Terminal:
    """A terminal; a sale without an answer is not asked for again."""

    def __init__(self, history: Path, settings: Settings) -> None:
        self.sold: Counter[str] = Counter()
        self._store = RecordedStore(history, settings, TO_SELL)

    def serve(self, rider: Rider, chance: Random) -> Answer:
        card = rider.card.serial_number
        try:
            outcome = self._store.issue(self._store.new_request(card), chance.choice(rider.buys))
        except Unavailable:
            return Answer.UNANSWERED
        self.sold[card] += outcome is SaleOutcome.ISSUED
        return Answer.GRANTED if outcome is SaleOutcome.ISSUED else Answer.DENIED

    def close(self) -> None:
        self._store.close()


class Crowd:
    """Riders on their way between the gates and the terminal, each of which has a line and a thread of its own."""

    def __init__(self, gates: Sequence[Gate], terminal: Terminal, chance: Random) -> None:
        self._calm_from = self._calm_until = 0.0
        self._gates = gates
        self._places: Sequence[Place] = (*gates, terminal)
        self._lines: Sequence[SimpleQueue[Rider | None]] = [SimpleQueue() for _ in self._places]
        self._away: SimpleQueue[Rider] = SimpleQueue()
        self._chance = chance
        self._is_over = threading.Event()
        for rider in new_riders():
            self._lines[-1].put(rider)
        chances = [Random(chance.random()) for _ in self._places]
        self._threads = [threading.Thread(target=self._work, args=each) for each in enumerate(chances)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for line in self._lines:
            line.put(None)
        for thread in self._threads:
            thread.join()

    def is_calm_until(self, moment: float) -> None:
        """Let riders hurry a little longer, then take their time until this moment, by `time.monotonic()`."""
        self._calm_from, self._calm_until = time.monotonic() + HURRY_S, moment

    def until_all_gates_answer(self) -> float:
        """Call those back who have left, until each gate has granted or denied; return the seconds that it took."""
        since = time.monotonic()
        while not all(gate.answered_at > since for gate in self._gates):
            if time.monotonic() - since > IN_SERVICE_WITHIN_S:
                raise TimeoutError(f"a gate is out of service for {IN_SERVICE_WITHIN_S:g} s")
            with suppress(Empty):
                self._line_of_any_gate(self._chance).put(self._away.get(timeout=0.05))
        return time.monotonic() - since

    def _work(self, number: int, chance: Random) -> None:
        while not self._is_over.is_set() and (rider := self._lines[number].get()):
            answer = self._places[number].serve(rider, chance)
            if line := self._next_line(number, rider, answer, chance):
                line.put(rider)
            time.sleep(chance.uniform(0, self._longest_pause_s(answer)))

    def _longest_pause_s(self, answer: Answer) -> float:
        if self._calm_from < time.monotonic() < self._calm_until:
            return CALM_PAUSE_S
        return HURRIED_PAUSE_S if answer is not Answer.UNANSWERED else UNANSWERED_PAUSE_S

    def _next_line(self, number: int, rider: Rider, answer: Answer, chance: Random) -> "SimpleQueue[Any] | None":
        here, terminal = self._lines[number], self._lines[-1]
        if here is terminal or answer is Answer.GRANTED:
            return self._line_of_any_gate(chance)
        if answer is Answer.DENIED:
            return terminal
        leave = self._away if rider.returns else None
        return chance.choice([here, self._line_of_any_gate(chance), terminal, leave])

    def _line_of_any_gate(self, chance: Random) -> "SimpleQueue[Rider | None]":
        return chance.choice(self._lines[:-1])
