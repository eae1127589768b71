"""One card at many gates or terminals at the same moment."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec

from common.cards import Card
from common.pass_store import PassStore
from common.passes import PassType, UseOutcome
from common.rights import TO_SELL, TO_USE
from common.settings import PREFIX, Settings
from simulator.server import Server
from simulator.virtual_pi.cards import VirtualCard
from simulator.virtual_pi.station import VirtualPi
from tests.drills.drill import Outcome, entries, passes, require, require_balance, sales, until_answered
from tests.drills.history import ENDING, RecordedStore
from tests.processes import Program
from tests.rider import DEADLINE_S, RED, expect_sound, heard, lift, tap, wait_for_lights

GATES, DEVICES = 50, 8
TEN_TRIP_BUTTON = 13
_Arguments = ParamSpec("_Arguments")


def gates_at_once(program: Path, folder: Path, rounds: int = 20) -> Outcome:
    """Fifty gates ask at once for a card with ten trips."""
    granted = 0
    with ExitStack() as cleanup:
        server = cleanup.enter_context(Server(program, folder))
        redis = cleanup.enter_context(server.client())
        settings = Settings("drill", redis_port=server.port)
        history = folder / f"gates-at-once{ENDING}"
        terminal = cleanup.enter_context(closing(RecordedStore(history, settings, TO_SELL)))
        gates = [cleanup.enter_context(closing(RecordedStore(history, settings, TO_USE))) for _ in range(GATES)]
        threads = cleanup.enter_context(ThreadPoolExecutor(GATES))
        for number in range(rounds):
            card = str(number + 1)
            until_answered(partial(terminal.issue, terminal.new_request(card), PassType.TEN_TRIP))
            all_ready = threading.Barrier(GATES)

            def ask(gate: PassStore, card: str = card, all_ready: threading.Barrier = all_ready) -> UseOutcome:
                until_answered(lambda: gate.look(card))
                all_ready.wait()
                return until_answered(lambda: gate.use(card))[0]

            granted += list(threads.map(ask, gates)).count(UseOutcome.GRANTED)
        recorded = entries(redis).total()
        require_balance(redis)
        require(not passes(redis), "a pass without a trip is gone")
    return Outcome(rounds, max(0, 10 * rounds - granted), max(0, granted - 10 * rounds, recorded - 10 * rounds))


@contextmanager
def devices(module: str, server: Server) -> Iterator[list[VirtualPi]]:
    """Run eight devices, each on a virtual Pi of its own."""
    with ExitStack() as cleanup:
        pis = [cleanup.enter_context(VirtualPi()) for _ in range(DEVICES)]
        programs = [
            cleanup.enter_context(
                Program(module, environment={**pi.environment(), PREFIX + "REDIS_PORT": str(server.port)})
            )
            for pi in pis
        ]
        for program in programs:
            program.wait_for_error("connected to Redis")
        yield pis


def at_once(
    pis: list[VirtualPi],
    act: Callable[Concatenate[VirtualPi, _Arguments], object],
    *arguments: _Arguments.args,
    **options: _Arguments.kwargs,
) -> None:
    """Let a rider at every device do the same."""
    with ThreadPoolExecutor(DEVICES) as riders:
        list(riders.map(lambda pi: act(pi, *arguments, **options), pis))


def wait_for_a_sound(pi: VirtualPi, before: int) -> None:
    """Wait until there have been more sounds than before."""
    pi.wait_for(lambda pi: len(heard(pi)) > before, DEADLINE_S)


def gates_with_a_single_trip(program: Path, folder: Path, rounds: int = 5) -> Outcome:
    """Copies of one card, with a single trip, are laid on eight gates."""
    with Server(program, folder) as server, server.client() as redis, devices("entry_gate", server) as pis:
        at_once(pis, wait_for_lights, RED)
        for card in cards(rounds):
            redis.hset(Card(card.uid).serial_number, mapping=PassType.SINGLE_USE.new_pass())
            before = len(heard(pis[0]))
            at_once(pis, VirtualPi.lay, card)
            at_once(pis, wait_for_a_sound, before)
            at_once(pis, lift, card)
        granted = sum(heard(pi).count("access-granted") for pi in pis)
        recorded = entries(redis).total()
    return Outcome(rounds, max(0, rounds - granted), max(granted, recorded) - rounds)


def terminals_with_one_card(program: Path, folder: Path, rounds: int = 5) -> Outcome:
    """Copies of one blank card are sold a pass by eight terminals."""
    with Server(program, folder) as server, server.client() as redis, devices("sales_terminal", server) as pis:
        for card in cards(rounds):
            at_once(pis, choose, card)
            before = len(heard(pis[0]))
            at_once(pis, VirtualPi.lay, card)
            at_once(pis, wait_for_a_sound, before)
            at_once(pis, lift, card)
        thanked = sum(heard(pi).count("thank-you-ten-trip-pass") for pi in pis)
        recorded = sales(redis).total()
        require_balance(redis)
    return Outcome(rounds, max(0, rounds - thanked), max(thanked, recorded) - rounds)


def cards(count: int) -> list[VirtualCard]:
    """Return this many different cards."""
    return [VirtualCard(bytes([0x0A, 0, 0, number])) for number in range(count)]


def choose(pi: VirtualPi, card: VirtualCard) -> None:
    """Tap and press, up to the question for the second tap."""
    tap(pi, "select-a-pass", card)
    with expect_sound(pi, "tap-card-to-confirm"):
        pi.press(TEN_TRIP_BUTTON)
    pi.release(TEN_TRIP_BUTTON)
