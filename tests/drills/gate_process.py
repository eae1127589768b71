"""The gate's own loop in a process, which can be killed and stopped; its cards and signals go through a pipe."""

import logging
import os
import queue
import signal
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from math import inf
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from audio.speaker import Speaker
from common.card_reader import CardReader
from common.cards import Card
from common.clock import Clock
from common.presentations import Presentation
from common.pulse import Pulse
from common.request import RequestNote
from common.rights import TO_USE
from common.service_manager import ServiceManager
from common.settings import Settings
from tests.drills.history import RecordedStore
from tests.drills.riders import Answer, Rider
from tests.processes import REPOSITORY

CARD_LIES_S = 1.5
LATE_S = 2.0  # a second, and the time that a busy machine takes before and after the call
STAND_INS = REPOSITORY / "simulator" / "virtual_pi" / "stand_ins"

_processes = get_context("forkserver")  # a process begins with these modules loaded: in milliseconds
_processes.set_forkserver_preload([__name__])


class PipeReader(CardReader):
    """A reader whose cards come through a pipe, with when they were laid down; each is a presentation."""

    def __init__(self, pipe: Connection) -> None:
        self.problem = None
        self.number = 0
        self._pipe = pipe

    def poll(self) -> Presentation | None:
        if not self._pipe.poll():
            return None
        self.number, uid, laid_at = self._pipe.recv()
        if time.monotonic() - laid_at > CARD_LIES_S:
            return None
        self._pipe.send((self.number, None))
        return Presentation(Card(uid), inf)


class NoSpeaker(Speaker):
    """No sound."""

    def __init__(self) -> None:
        pass

    def play(self, *clips: str) -> None:
        pass


def run_gate(pipe: Connection, history: Path, settings: Settings, folder: Path) -> None:
    """Run a gate until the pipe ends; report each presentation when it begins, and its signal when lamps show it."""
    sys.path.insert(0, str(STAND_INS))
    from entry_gate.gate import Gate
    from entry_gate.traffic_light import Signal, TrafficLight

    class ReportingLight(TrafficLight):
        def show(self, signal: Signal) -> None:
            super().show(signal)
            pipe.send((reader.number, signal.value))

    logging.disable()
    clock = Clock()
    reader = PipeReader(pipe)
    light = ReportingLight(clock)
    service_manager = ServiceManager(clock)
    pulse = Pulse("entry-gate", settings, service_manager, clock)
    store = RecordedStore(history, settings, TO_USE, RequestNote(str(folder)), pulse)
    with suppress(EOFError, OSError):
        Gate(reader, store, light, NoSpeaker(), service_manager, clock).run()


class GateProcess:
    """A gate in a process; started again, it has the same runtime folder."""

    def __init__(self, history: Path, settings: Settings, folder: Path) -> None:
        self.greens: Counter[str] = Counter()
        self.excused: Counter[str] = Counter()
        self.answered_at = 0.0
        self.late_greens = 0
        self.presented = threading.Event()
        self._history = history
        self._settings = settings
        self._folder = folder
        self._cards: list[str] = []
        self._under_way: str | None = None
        self.start()

    def start(self) -> None:
        self._pipe, theirs = _processes.Pipe()
        self._answers: queue.SimpleQueue[tuple[int, Answer]] = queue.SimpleQueue()
        arguments = (theirs, self._history, self._settings, self._folder)
        self._process = _processes.Process(target=run_gate, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        self._watcher = threading.Thread(target=self._watch, args=(self._pipe, self._answers))
        self._watcher.start()

    def kill(self) -> None:
        """Kill it; the card of a tap that is not noted any more, and whose signal was not shown, is excused."""
        self._process.kill()
        self._process.join()
        self._watcher.join()
        if self._under_way and not (self._folder / "tap").exists():
            self.excused[self._under_way] += 1
        self._under_way = None

    def suspend(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._watcher.join()
        self._pipe.close()

    def serve(self, rider: Rider, _: Random) -> Answer:
        self._cards.append(rider.card.serial_number)
        number = len(self._cards)
        laid_at = time.monotonic()
        answers = self._answers
        with suppress(OSError, queue.Empty):
            self._pipe.send((number, rider.card.uid, laid_at))
            while True:
                of, answer = answers.get(timeout=max(0.0, laid_at + CARD_LIES_S - time.monotonic()))
                if of == number:
                    return answer
        return Answer.UNANSWERED

    def _watch(self, pipe: Connection, answers: "queue.SimpleQueue[tuple[int, Answer]]") -> None:
        with suppress(EOFError, OSError):
            while True:
                number, shown = pipe.recv()
                self._under_way = None if shown else self._cards[number - 1]
                if not shown:
                    presented_at = time.monotonic()
                    self.presented.set()
                    continue
                if shown != Answer.UNANSWERED:
                    self.answered_at = time.monotonic()
                if shown == Answer.GRANTED:
                    self.greens[self._cards[number - 1]] += 1
                    self.late_greens += time.monotonic() - presented_at > LATE_S
                answers.put((number, Answer(shown)))
        answers.put((len(self._cards), Answer.UNANSWERED))  # killed: whoever waits sees nothing

    def _signal(self, number: signal.Signals) -> None:
        if self._process.pid:
            os.kill(self._process.pid, number)
