"""The drills by name, each with the rounds that show enough."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

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
from tests.drills.drill import Outcome
from tests.drills.legal import judge
from tests.drills.outages import OUTAGES
from tests.drills.splits import SPLITS
from tests.model.runs import RUNS, model

DRILLS: Mapping[str, tuple[Callable[[Path, Path, int], Outcome], int]] = {
    "cuts": (cuts.cuts, 500),
    "cuts-default-retries": (cuts.cuts_with_default_retries, 500),
    "gates-at-once": (races.gates_at_once, 20),
    "gates-single-trip": (races.gates_with_a_single_trip, 5),
    "terminals-one-card": (races.terminals_with_one_card, 5),
    "bad-networks": (bad_networks.bad_networks, 5),
    "crashes": (crashes.crashes, 20),
    "restarts": (restarts.restarts, 3),
    "broken-lines": (broken_lines.broken_lines, 5000),
    "torn-cards": (torn_cards.torn_cards, 200),
    "loose-wires": (torn_cards.loose_wires, 20),
    "noise-on-channels": (fuzz.noise_on_channels, 10_000),
    "noise-in-passes": (fuzz.noise_in_passes, 10_000),
    "noise-from-the-reader": (fuzz.noise_from_the_reader, 5000),
    "failovers": (failovers.failovers_with_replication, 3),
    "failovers-without": (failovers.failovers_without, 3),
    "power-cuts": (power_cuts.power_cuts, power_cuts.TAIL + 1),
    **{name: (split, 6) for name, split in SPLITS.items()},
    "desk-cuts": (at_the_desk.desk_cuts, 1400),
    "desk-against-gates": (at_the_desk.desk_against_gates, 60),
    "two-desks": (at_the_desk.two_desks, 70),
    "model": (model, RUNS),
    "year": (year.year, 12),
    "server-stalled": (OUTAGES["server-stalled"], 500),
    "bytes-held-back": (OUTAGES["bytes-held-back"], 500),
    "answers-cut": (OUTAGES["answers-cut"], 500),
    "gate-killed": (OUTAGES["gate-killed"], 500),
    "gate-stopped": (OUTAGES["gate-stopped"], 500),
    "too-few-replicas": (OUTAGES["too-few-replicas"], 20),
    "failovers-under-riders": (OUTAGES["failovers-under-riders"], 20),
}
"""What `failovers-without` and the last four splits count as lost is the price of their settings, not a fault."""


def run_drill(name: str, program: Path, folder: Path, rounds: int) -> Outcome:
    """Run a drill, and judge the histories that it has left in the folder, if it keeps any."""
    outcome = DRILLS[name][0](program, folder, rounds)
    return replace(outcome, failures=(*outcome.failures, *judge(folder)))
