"""The drills by name."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tests.drills import (
    at_the_desk,
    bad_networks,
    broken_lines,
    crashes,
    cuts,
    failovers,
    fuzz,
    power_cuts,
    races,
    restarts,
    torn_cards,
    year,
)
from tests.drills.drill import BrokenGuaranteeError, Outcome
from tests.drills.legal import judge
from tests.drills.outages import OUTAGES
from tests.drills.splits import SPLITS
from tests.model.runs import RUNS, model


class Drill(NamedTuple):
    """A drill.

    Args:
        run: runs it with a server's program, in a folder, so many rounds.
        short: the rounds of `scripts/test`, if it is in there.
        long: the rounds that show enough.
        what: what happens in it.
    """

    run: Callable[[Path, Path, int], Outcome]
    short: int
    long: int
    what: str


DRILLS: Mapping[str, Drill] = {
    "cuts": Drill(cuts.cuts, 250, 500, "connections cut at any byte of a request or its reply"),
    "cuts-default-retries": Drill(cuts.cuts_with_default_retries, 250, 500, "the same with redis-py's own ten retries"),
    "gates-at-once": Drill(races.gates_at_once, 20, 20, "50 gates ask for one ten trip pass"),
    "gates-single-trip": Drill(races.gates_with_a_single_trip, 3, 5, "8 gates, one card, one trip"),
    "terminals-one-card": Drill(races.terminals_with_one_card, 3, 5, "8 terminals sell to one card"),
    "bad-networks": Drill(bad_networks.bad_networks, 5, 5, "slow, narrow, silent, gone and broken networks"),
    "crashes": Drill(crashes.crashes, 12, 20, "servers and devices killed under load"),
    "restarts": Drill(restarts.restarts, 3, 3, "a server set up as in `deploy/`, stopped and killed"),
    "broken-lines": Drill(
        broken_lines.broken_lines, 2000, 5000, "the monitor's connection broken; the rounds are events"
    ),
    "torn-cards": Drill(torn_cards.torn_cards, 200, 200, "cards taken away in the middle of a read"),
    "loose-wires": Drill(torn_cards.loose_wires, 20, 20, "the reader's wires pulled and put back"),
    "noise-on-channels": Drill(fuzz.noise_on_channels, 10_000, 10_000, "random bytes as messages and journal entries"),
    "noise-in-passes": Drill(fuzz.noise_in_passes, 4000, 10_000, "random bytes as passes"),
    "noise-from-the-reader": Drill(fuzz.noise_from_the_reader, 5000, 5000, "random bytes as the reader's answers"),
    "failovers": Drill(
        failovers.failovers_with_replication, 2, 3, "the primary lost, with `TRANSIT_PASS_DEMO_REDIS_REPLICAS=1`"
    ),
    "failovers-without": Drill(
        failovers.failovers_without, 3, 3, "the same with `TRANSIT_PASS_DEMO_REDIS_REPLICAS=0`: what that costs"
    ),
    "power-cuts": Drill(
        power_cuts.power_cuts, 50, power_cuts.TAIL + 1, "the append-only file cut at each of its last 4,096 bytes"
    ),
    "split": Drill(
        SPLITS["split"], 1, 6, "[the network splits](#a-network-that-splits), with `TRANSIT_PASS_DEMO_REDIS_REPLICAS=1`"
    ),
    "split-beside-a-replica": Drill(
        SPLITS["split-beside-a-replica"],
        1,
        6,
        "one replica stays with the old primary, with `TRANSIT_PASS_DEMO_REDIS_REPLICAS=2`",
    ),
    "split-one-of-two": Drill(
        SPLITS["split-one-of-two"], 1, 6, "the same with `TRANSIT_PASS_DEMO_REDIS_REPLICAS=1`: what that costs"
    ),
    "split-without": Drill(
        SPLITS["split-without"], 1, 6, "as `split`, with `TRANSIT_PASS_DEMO_REDIS_REPLICAS=0`: likewise"
    ),
    "split-max-lag-10": Drill(
        SPLITS["split-max-lag-10"], 1, 6, "the same, with `min-replicas-to-write 1` and `min-replicas-max-lag 10`"
    ),
    "split-max-lag-1": Drill(SPLITS["split-max-lag-1"], 1, 6, "the same, with `min-replicas-max-lag 1`"),
    "desk-cuts": Drill(
        at_the_desk.desk_cuts, 70, 1400, "connections cut at any byte of each change at the desk, 200 times each"
    ),
    "desk-against-gates": Drill(
        at_the_desk.desk_against_gates, 60, 60, "a pass credited, moved or blocked while six gates use it"
    ),
    "two-desks": Drill(at_the_desk.two_desks, 70, 70, "two desks do the same to one card"),
    "model": Drill(
        model,
        RUNS,
        10 * RUNS,
        "all that can happen to gates, terminals and desks, against a model; a round is a run of 50 steps",
    ),
    "year": Drill(
        year.year,
        1,
        12,
        "a year of a station: rush hours, a leap day, summer time, a clock set back; a round is a month",
    ),
    "server-stalled": Drill(OUTAGES["server-stalled"], 20, 500, "the server stopped (SIGSTOP) and continued"),
    "bytes-held-back": Drill(
        OUTAGES["bytes-held-back"], 20, 500, "a network that passes nothing on, or a trickle, until the end"
    ),
    "answers-cut": Drill(OUTAGES["answers-cut"], 20, 500, "each answer to a tap, a reversal or everything cut"),
    "gate-killed": Drill(
        OUTAGES["gate-killed"], 20, 500, "a gate killed at a moment of a tap, or with its network silent"
    ),
    "gate-stopped": Drill(
        OUTAGES["gate-stopped"], 20, 500, "a gate stopped (SIGSTOP) at a moment of a tap and continued"
    ),
    "too-few-replicas": Drill(
        OUTAGES["too-few-replicas"], 20, 500, "the replica killed or stopped, with `TRANSIT_PASS_DEMO_REDIS_REPLICAS=1`"
    ),
    "failovers-under-riders": Drill(
        OUTAGES["failovers-under-riders"],
        20,
        500,
        "the primary killed, with `TRANSIT_PASS_DEMO_REDIS_REPLICAS=1`; or replaced while stopped, with 2 of 2",
    ),
}
"""What `failovers-without` and the last four splits count as lost is the price of their settings, not a fault."""


def run_drill(name: str, program: Path, folder: Path, rounds: int) -> Outcome:
    """Run a drill, and judge the histories that it has left in the folder, if it keeps any."""
    try:
        outcome = DRILLS[name].run(program, folder, rounds)
    except BrokenGuaranteeError as broken:
        outcome = Outcome(0, failures=(str(broken),))
    return replace(outcome, failures=(*outcome.failures, *judge(folder)))
