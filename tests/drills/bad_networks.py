"""Networks that are slow, narrow, silent, gone or broken, between a gate and its server."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from common.passes import PassType
from common.settings import PREFIX
from simulator.fault_proxy import Cut, Direction, FaultProxy
from simulator.server import Server
from simulator.virtual_pi.station import Kind, VirtualPi
from tests.drills.drill import Outcome, entries, passes, require, require_clean_log
from tests.processes import Program
from tests.rider import CARD, RED, SERIAL_NUMBER, heard, lift, seen, wait_for_lights

ANSWERED_WITHIN_S = 2.0  # a second, and the time that a busy machine takes before and after the call
TRIPS = 1000
Change = Callable[[FaultProxy], None]


def _delay(proxy: FaultProxy, seconds: float) -> None:
    proxy.delay_s = seconds


def _limit(proxy: FaultProxy, bytes_per_s: float | None) -> None:
    proxy.bytes_per_s = bytes_per_s


def _break_replies(proxy: FaultProxy, times: int) -> None:
    proxy.cut(Cut(b"\r\n", Direction.REPLY, after=3, times=times))


FAULTS: Sequence[tuple[str, Change, Change]] = (
    ("slow", lambda proxy: _delay(proxy, 2.0), lambda proxy: _delay(proxy, 0.0)),
    ("narrow", lambda proxy: _limit(proxy, 50), lambda proxy: _limit(proxy, None)),
    ("silent", FaultProxy.black_hole, FaultProxy.pass_on),
    ("gone", FaultProxy.refuse, FaultProxy.accept),
    ("broken", lambda proxy: _break_replies(proxy, 10**6), FaultProxy.clear_cut),
)


def bad_networks(program: Path, folder: Path, rounds: int = 5) -> Outcome:
    """Tap under each fault: within a second the gate must be out of service, and it may take one trip at most."""
    longest_s = 0.0
    with (
        Server(program, folder) as server,
        server.client() as redis,
        FaultProxy(server.port) as proxy,
        VirtualPi() as pi,
    ):
        environment = {**pi.environment(), PREFIX + "REDIS_PORT": str(proxy.port)}
        redis.hset(SERIAL_NUMBER, mapping={**PassType.TEN_TRIP.new_pass(), "tripsRemaining": TRIPS})
        with Program("entry_gate", environment=environment) as gate:
            for number in range(rounds):
                _, begin, end = FAULTS[number % len(FAULTS)]
                wait_for_lights(pi, RED)
                begin(proxy)
                longest_s = max(longest_s, _tap(pi, "out-of-service"))
                end(proxy)
                wait_for_lights(pi, RED)
                _tap(pi, "access-granted")
                wait_for_lights(pi, RED)
            require_clean_log(gate)
        charged = TRIPS - int(passes(redis)[SERIAL_NUMBER]["tripsRemaining"])
        require(charged == entries(redis).total(), "each trip that was taken is in the journal")
    require(longest_s < ANSWERED_WITHIN_S, f"each tap is answered within {ANSWERED_WITHIN_S:g} s")
    return Outcome(rounds, max(0, rounds - charged), max(0, charged - rounds), longest_s)


def _tap(pi: VirtualPi, sound: str) -> float:
    """Lay the card until the sound; return the seconds from the touch to the sound."""
    before = len(heard(pi))
    start = time.monotonic()
    pi.lay(CARD)
    pi.wait_for(lambda pi: heard(pi)[before:] == [sound], 10)
    took_s = seen(pi, Kind.SOUND_BEGAN, sound)[-1].at - start
    lift(pi)
    return took_s
