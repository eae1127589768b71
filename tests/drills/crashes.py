"""Servers and devices killed at random moments under load.

A killed process leaves what it has written to the operating system: this shows nothing about a loss of power.
"""

import itertools
import re
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path

from common.cards import Card
from common.pass_store import PassStore
from common.passes import PassType
from common.redis_link import Unavailable
from common.rights import TO_SELL
from common.settings import PREFIX, Settings
from simulator.server import Server
from simulator.virtual_pi.cards import VirtualCard
from simulator.virtual_pi.station import Kind, VirtualPi
from tests.drills.drill import Outcome, entries, require, require_balance, require_clean_log, sales, seeded_random
from tests.processes import Program
from tests.rider import PRESENTATION_END_S, expect_sound, heard, seen

GATES = 2
PATIENCE_S = 3.0
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
TEN_TRIP_BUTTON = 13


class Station:
    """A device that can be killed and restarted."""

    def __init__(self, module: str, port: int) -> None:
        self.pi = VirtualPi()
        self._module = module
        self._environment = {**self.pi.environment(), PREFIX + "REDIS_PORT": str(port)}
        self._programs: list[Program] = []
        self.start()

    def start(self) -> None:
        self._programs.append(Program(self._module, environment=self._environment))

    def kill(self) -> None:
        self._programs[-1].process.kill()
        self._programs[-1].end()

    def close(self) -> None:
        self.kill()
        self.pi.close()

    def acknowledged(self, ending: str) -> Counter[str]:
        """Count by card what the programs have acknowledged, by their logs."""
        for program in self._programs:
            require_clean_log(program)
        lines = [line for program in self._programs for line in program.errors]
        return Counter(match[1] for line in lines if (match := re.fullmatch(rf"card (\d+): {ending}", line)))


class Riders:
    """Riders with a new card for each tap or sale, until they are closed."""

    def __init__(self, redis_port: int) -> None:
        self.sold: Counter[str] = Counter()
        self._numbers = itertools.count()
        self._store = PassStore(Settings("seller", redis_port=redis_port), TO_SELL)
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []

    def send_to_gate(self, pi: VirtualPi) -> None:
        self._send(partial(self._enter, pi))

    def send_to_terminal(self, pi: VirtualPi) -> None:
        self._send(partial(self._buy, pi))

    def close(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        self._store.close()

    def _send(self, action: partial[None]) -> None:
        def repeat() -> None:
            while not self._is_over.is_set():
                action()

        self._threads.append(threading.Thread(target=repeat))
        self._threads[-1].start()

    def _new_card(self) -> VirtualCard:
        return VirtualCard((0x10000000 + next(self._numbers)).to_bytes(4))

    def _enter(self, pi: VirtualPi) -> None:
        card = self._new_card()
        number = Card(card.uid).serial_number
        with suppress(Unavailable, TimeoutError):
            self._store.issue(self._store.new_request(number), PassType.TEN_TRIP)
            self.sold[number] += 1
            _present(pi, card, "")

    def _buy(self, pi: VirtualPi) -> None:
        card = self._new_card()
        with suppress(TimeoutError):
            _present(pi, card, "select-a-pass")
            with expect_sound(pi, "tap-card-to-confirm", PATIENCE_S):
                pi.press(TEN_TRIP_BUTTON)
            _present(pi, card, "thank-you")
        pi.release(TEN_TRIP_BUTTON)
        time.sleep(PRESENTATION_END_S)


def _present(pi: VirtualPi, card: VirtualCard, sound: str) -> None:
    """Hold a card to the reader until a sound that begins so, or for as long as a rider would."""
    before = len(heard(pi))
    pi.lay(card)
    try:
        pi.wait_for(lambda pi: any(name.startswith(sound) for name in heard(pi)[before:]), PATIENCE_S)
    finally:
        pi.lift(card)
    time.sleep(PRESENTATION_END_S if sound else 0)


def crashes(program: Path, folder: Path, rounds: int = 20) -> Outcome:
    """Kill and restart the server or a device, many times; then compare all acknowledgements with the journal."""
    chance = seeded_random()
    with ExitStack() as cleanup:
        server = cleanup.enter_context(Server(program, folder, *DURABLE))
        gates = [cleanup.enter_context(closing(Station("entry_gate", server.port))) for _ in range(GATES)]
        terminal = cleanup.enter_context(closing(Station("sales_terminal", server.port)))
        with closing(Riders(server.port)) as riders:
            for gate in gates:
                riders.send_to_gate(gate.pi)
            riders.send_to_terminal(terminal.pi)
            victims: list[Server | Station] = [server, *gates, terminal]
            for victim in victims * (rounds // len(victims)):
                time.sleep(chance.uniform(1.0, 2.0))
                victim.kill()
                victim.start()
        server.kill()
        server.start()
        with server.client() as redis:
            require_balance(redis)
            entered = sum((gate.acknowledged("granted") for gate in gates), Counter())
            sold = riders.sold + terminal.acknowledged("thank-you-ten-trip-pass")
            missing = (entered - entries(redis)) + (sold - sales(redis))
            doubled = sum(count - 1 for count in entries(redis).values())
        at = sorted(each.at for gate in gates for each in seen(gate.pi, Kind.SOUND_BEGAN, "access-granted"))
    require(bool(entered and sold), "some riders enter, and some buy")
    return Outcome(rounds, missing.total(), doubled, max(later - sooner for sooner, later in itertools.pairwise(at)))
