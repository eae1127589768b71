"""Outages under riders: whatever fails, for however long, a trip is taken for a green and for nothing else.

A round is a world of its own. Riders ride before, while and after something fails for 0.2 to 70 s, drawn
log-uniformly; then everything is connected again, and the account of each card is settled.
"""

import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from common.scripts import REVERSE, USE
from simulator.fault_proxy import Cut, Direction
from tests.drills import worlds
from tests.drills.account import Tally, account
from tests.drills.drill import SEED, Outcome, require
from tests.drills.history import ENDING
from tests.drills.riders import HURRY_S, NOBODY, Answer, Crowd, Gate, Rider
from tests.drills.worlds import Scene, World
from tests.processes import wait_for

SHORTEST_S, LONGEST_S = 0.2, 70.0
LATEST_END_S = 50.0  # of the outages that begin at the same moment, if they are not longer
AT_ONCE = 20  # worlds: they wait most of the time
EVERY_REQUEST = b"EVALSHA"
BYTES_PER_S = 50.0
TAP_S = 0.008  # by then a tap is answered, and its light lit
AT_MOST = 0.1  # of the kills, those between the note and the lamp
Fault = Callable[[World, float], None]


# ---------------------------------------------------------------------- faults


def stall_the_server(world: World, outage_s: float) -> None:
    """Suspend the server: it takes what has arrived when it goes on."""
    world.server.suspend()
    time.sleep(outage_s)
    world.server.resume()


def hold_bytes_back(world: World, outage_s: float) -> None:
    """Hold all bytes of a network back, or let them trickle."""
    networks = world.networks[: world.chance.choice([1, 2])]
    trickles = world.chance.random() < 0.3
    for network in networks:
        if trickles:
            network.bytes_per_s = BYTES_PER_S
        else:
            network.black_hole()
    time.sleep(outage_s)
    for network in networks:
        network.bytes_per_s = None
        network.pass_on()


def cut_answers(world: World, outage_s: float) -> None:
    """Cut the connection within each answer to a tap, to a reversal, or to both and the check."""
    networks = world.networks[: world.chance.choice([1, 2])]
    marker = world.chance.choice([USE.sha.encode(), REVERSE.sha.encode(), EVERY_REQUEST])
    for network in networks:
        after, reset = world.chance.randrange(12), world.chance.random() < 0.5
        network.cut(Cut(marker, Direction.REPLY, after, reset, times=10**9))
    time.sleep(outage_s)
    for network in networks:
        network.clear_cut()


def kill_the_gate(world: World, outage_s: float) -> None:
    """Kill a gate at a moment of a tap, or while its network is silent; start it again, and maybe kill it once more."""
    (gate,), (network,) = world.processes, world.networks
    if world.chance.random() < 0.5:
        _await_a_moment(world)
        gate.kill()
        time.sleep(outage_s)
        gate.start()
    else:
        network.black_hole()
        killed_after_s = world.chance.uniform(0, outage_s)
        time.sleep(killed_after_s)
        gate.kill()
        gate.start()
        time.sleep(outage_s - killed_after_s)
        network.pass_on()
    if world.chance.random() < 0.3:
        time.sleep(world.chance.uniform(0, 0.1))
        gate.kill()
        gate.start()


def stop_the_gate(world: World, outage_s: float) -> None:
    """Suspend a gate at a moment of a tap; it goes on where it was."""
    (gate,) = world.processes
    _await_a_moment(world)
    gate.suspend()
    time.sleep(outage_s)
    gate.resume()


def _await_a_moment(world: World) -> None:
    (gate,) = world.processes
    gate.presented.clear()
    gate.presented.wait(HURRY_S)
    time.sleep(world.chance.uniform(0, TAP_S))


def lose_the_replica(world: World, outage_s: float) -> None:
    """Suspend or kill the replica; the primary takes what no replica holds, or refuses it."""
    dies, is_told = world.chance.random() < 0.5, world.chance.random() < 0.5
    if is_told:
        _configure(world, "min-replicas-max-lag", 1)
        _configure(world, "min-replicas-to-write", 1)
    (world.replica.kill if dies else world.replica.suspend)()
    time.sleep(outage_s)
    (world.replica.start if dies else world.replica.resume)()


def _configure(world: World, name: str, value: int) -> None:
    with world.server.client() as redis:
        redis.config_set(name, value)


def fail_over(world: World, outage_s: float) -> None:
    """Lose the primary; the Sentinels wait for so long before they replace it.

    Where one replica must hold each change, the primary is killed, with all that it was sending. Where both must, it is
    suspended, and comes back not knowing that it has been replaced.
    """
    if world.replicas == 1:
        world.server = world.cluster.lose_the_primary(outage_s)
    else:
        world.server = world.cluster.replace_the_primary(outage_s)


# ---------------------------------------------------------------------- rounds


@dataclass(frozen=True)
class Round:
    """One outage in one world.

    Args:
        build: what builds the world.
        fault: what happens in it.
        program: the server's binary.
        folder: where all of it is kept.
        seed: what all chances come from.
        is_first: other worlds begin at the same moment.
    """

    build: Callable[[Scene], World]
    fault: Fault
    program: Path
    folder: Path
    seed: int
    is_first: bool

    def run(self) -> tuple[Tally, float, str]:
        """Return the account, the seconds until all gates answered again, and what went wrong."""
        chance = Random(self.seed)
        outage_s = math.exp(chance.uniform(math.log(SHORTEST_S), math.log(LONGEST_S)))
        if self.is_first:
            time.sleep(
                chance.uniform(0, max(0.0, LATEST_END_S - outage_s))
            )  # so that they do not all do the same at once
        history = self.folder / f"{self.seed}{ENDING}"
        what = f"seed {self.seed}, {self.fault.__name__}, {outage_s:.3f} s"
        try:
            with TemporaryDirectory(dir=self.folder) as folder, ExitStack() as cleanup:
                world = self.build(Scene(self.program, Path(folder), history, chance, cleanup))
                tally, wrong, back_after_s = self._ride(world, outage_s)
        except Exception as error:
            return Tally(), 0.0, f"{what}: {error!r}"
        return tally, back_after_s, f"{what}: {dict(tally)}{wrong}" if tally["lost"] or tally["doubled"] else ""

    def _ride(self, world: World, outage_s: float) -> tuple[Tally, str, float]:
        with Crowd(world.gates, world.terminal, world.chance) as crowd:
            crowd.until_all_gates_answer()
            time.sleep(world.chance.uniform(0, HURRY_S))
            crowd.is_calm_until(time.monotonic() + outage_s - HURRY_S)
            self.fault(world, outage_s)
            back_after_s = crowd.until_all_gates_answer()
            time.sleep(HURRY_S)
        for gate in world.gates:
            wait_for(partial(_denies_nobody, gate))
        with world.server.client() as redis:
            greens = sum((gate.greens for gate in world.gates), Tally())
            excused = sum((gate.excused for gate in world.gates), Tally())
            tally, wrong = account(redis, greens, excused, world.terminal.sold)
        late = sum(gate.late_greens for gate in world.processes)
        return tally + Tally(greens=greens.total(), late=late), wrong, back_after_s


def _denies_nobody(gate: Gate) -> bool:
    return gate.serve(Rider(NOBODY, ()), Random(0)) is Answer.DENIED


# ---------------------------------------------------------------------- drills


def _drill(build: Callable[[Scene], World], fault: Fault, program: Path, folder: Path, rounds: int) -> Outcome:
    plans = [Round(build, fault, program, folder, SEED + number, is_first=number < AT_ONCE) for number in range(rounds)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        results = list(threads.map(Round.run, plans))
    total = sum((tally for tally, _, _ in results), Tally())
    require(total["killed"] <= max(2, AT_MOST * rounds), f"few kills cost a trip: {total['killed']} of {rounds}")
    return Outcome(
        rounds,
        total["lost"],
        total["doubled"],
        max(back_after_s for _, back_after_s, _ in results),
        remarks=", ".join(
            f"{total[what]} {what}" for what in ("greens", "reversed", "owed", "killed", "late") if total[what]
        ),
        failures=tuple(failure for _, _, failure in results if failure),
    )


OUTAGES: Mapping[str, Callable[[Path, Path, int], Outcome]] = {
    "server-stalled": partial(_drill, worlds.on_a_server, stall_the_server),
    "bytes-held-back": partial(_drill, worlds.behind_networks, hold_bytes_back),
    "answers-cut": partial(_drill, worlds.behind_networks, cut_answers),
    "gate-killed": partial(_drill, worlds.in_processes, kill_the_gate),
    "gate-stopped": partial(_drill, worlds.in_processes, stop_the_gate),
    "too-few-replicas": partial(_drill, worlds.with_a_replica, lose_the_replica),
    "failovers-under-riders": partial(_drill, worlds.on_a_cluster, fail_over),
}
