"""Every drill, as a test."""

import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.drills.all_drills import DRILLS
from tests.drills.drill import Outcome
from tests.drills.outages import OUTAGES

OUTAGE_ROUNDS = 20
FEWER = {"desk-cuts": 70}
IN_THE_SUITE = [name for name in OUTAGES if name != "failovers-under-riders"]  # whose Sentinels need a quiet machine


@pytest.mark.process
@pytest.mark.parametrize("name", [name for name in DRILLS if name not in {"failovers-without", *OUTAGES}])
def test_nothing_is_lost_or_doubled(name: str, server_program: Path, tmp_path: Path) -> None:
    drill, rounds = DRILLS[name]
    rounds = FEWER.get(name, rounds)
    outcome = drill(server_program, tmp_path, rounds)
    assert outcome.rounds >= rounds
    assert (outcome.lost, outcome.doubled) == (0, 0)


def run_outages(name: str, program: Path, folder: Path) -> Outcome:
    logging.disable()
    here = folder / name
    here.mkdir()
    return OUTAGES[name](program, here, OUTAGE_ROUNDS)


@pytest.mark.process
@pytest.mark.long
def test_a_trip_is_taken_for_a_green_and_for_nothing_else(server_program: Path, tmp_path: Path) -> None:
    """All outages at once, each drill in a process: an outage lasts up to 70 s, and little happens in most of them."""
    count = len(IN_THE_SUITE)
    with ProcessPoolExecutor(count, get_context("spawn")) as processes:
        outcomes = list(processes.map(run_outages, IN_THE_SUITE, [server_program] * count, [tmp_path] * count))
    assert [failure for outcome in outcomes for failure in outcome.failures] == []
    assert [(outcome.rounds, outcome.lost, outcome.doubled) for outcome in outcomes] == [(OUTAGE_ROUNDS, 0, 0)] * count
