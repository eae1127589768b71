"""A device in this process, on a fake clock: what a rider does, sees and hears."""

from collections.abc import Callable
from contextlib import suppress
from math import floor

from redis import Redis
from redis.exceptions import TimeoutError as SlowAnswerError

from audio.speaker import Speaker
from common.pass_store import PassStore
from common.request import Request
from common.scripts import REVERSE, Script
from common.service_manager import ServiceManager
from simulator.virtual_pi.board import Board
from simulator.virtual_pi.cards import AnyCard
from tests.fake_clock import FakeClock
from tests.rider import CARD


class TimeIsUp(BaseException):
    """The time of a test is over. A program that takes any exception of a library for a fault does not see it."""


def run(program: Callable[[], None], clock: FakeClock, until: float) -> None:
    """Run a program's endless loop until this time on the clock."""

    def end() -> None:
        raise TimeIsUp

    clock.at(until, end)
    with suppress(TimeIsUp):
        program()


def tenths(seconds: float) -> float:
    """Round down to tenths: a device that looks every 35 ms shows and sounds what is due a little later."""
    return floor(seconds * 10) / 10


def shown(board: Board) -> list[tuple[float, set[int]]]:
    """What the lamps showed, each from its tenth of a second on; what lasted no time is left out."""
    later = [at for at, _ in board.trace[1:]] + [float("inf")]
    return [(tenths(at), set(lit)) for (at, lit), end in zip(board.trace, later, strict=True) if at < end]


class Rider:
    """A rider, who acts at planned times."""

    def __init__(self, board: Board, clock: FakeClock) -> None:
        self._board = board
        self._clock = clock
        self._cards: list[AnyCard] = []
        self._buttons: list[int] = []

    def tap(self, at: float, card: AnyCard = CARD, hold_s: float = 0.3) -> None:
        self.lay(at, card)
        self.lift(at + hold_s, card)

    def lay(self, at: float, *cards: AnyCard) -> None:
        self._plan(at, lambda: self._cards.extend(cards))

    def lift(self, at: float, card: AnyCard = CARD) -> None:
        self._plan(at, lambda: self._cards.remove(card))

    def press(self, at: float, *buttons: int, hold_s: float = 0.2) -> None:
        """Press buttons at the same moment and release them."""
        self._plan(at, lambda: self._buttons.extend(buttons))
        for button in buttons:
            self._plan(at + hold_s, lambda button=button: self._buttons.remove(button))  # type: ignore[misc]

    def _plan(self, at: float, act: Callable[[], None]) -> None:
        def action() -> None:
            act()
            self._board.reader.place(self._cards)
            self._board.hold_down(self._buttons)

        self._clock.at(at, action)


class RecordingSpeaker(Speaker):
    """A speaker without a player, which records its calls, and the lit lamps at that time.

    Attributes:
        clip_s: how long each clip lasts.
    """

    clip_s = 0.0

    def __init__(self, board: Board, clock: FakeClock) -> None:
        self._board = board
        self._clock = clock
        self._ends_at = 0.0
        self.played: list[tuple[float, *tuple[str, ...]]] = []
        self.stopped: list[float] = []
        self.lit: list[frozenset[int]] = []

    @property
    def clips(self) -> list[str]:
        return [clip for _, *clips in self.played for clip in clips]

    @property
    def is_playing(self) -> bool:
        return self._clock.now() < self._ends_at

    def play(self, *clips: str) -> None:
        self.played.append((tenths(self._clock.now()), *clips))
        self._ends_at = self._clock.now() + len(clips) * self.clip_s
        self.lit.append(self._board.lit)

    def stop(self) -> None:
        self.stopped.append(tenths(self._clock.now()))
        self._ends_at = self._clock.now()


class RecordingServiceManager(ServiceManager):
    """A service manager that records each change of the problem, and its time."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.reports: list[tuple[float, str | None]] = []

    def report(self, problem: str | None) -> None:
        self.problem = problem
        if not self.reports or self.reports[-1][1] != problem:
            self.reports.append((tenths(self._clock.now()), problem))


class LossyStore(PassStore):
    """The store, whose answers can be lost: Redis has then done what it was asked. Meanwhile nothing is reversed."""

    loses_answers = False

    def _ask(self, redis: Redis, script: Script, request: Request, *more: str) -> str:
        answer = "" if self.loses_answers and script is REVERSE else super()._ask(redis, script, request, *more)
        if self.loses_answers:
            raise SlowAnswerError("the answer was lost")
        return answer
