"""Every drill, as a test."""

import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.drills.all_drills import DRILLS, run_drill
from tests.drills.drill import Outcome
from tests.drills.outages import OUTAGES
from tests.drills.splits import SPLITS
from tests.drills.year import library

IN_THE_SUITE = [name for name in OUTAGES if name != "failovers-under-riders"]  # whose Sentinels need a quiet machine
ELSEWHERE = {"failovers-without", "model", "power-cuts", *OUTAGES, *SPLITS}


@pytest.mark.process
@pytest.mark.parametrize("name", [name for name in DRILLS if name not in ELSEWHERE])
def test_nothing_is_lost_or_doubled(name: str, server_program: Path, tmp_path: Path) -> None:
    rounds = DRILLS[name].short
    if name == "year" and not library():
        pytest.skip("there is no libfaketime (Debian: faketime)")
    outcome = run_drill(name, server_program, tmp_path, rounds)
    assert outcome.failures == ()
    assert outcome.rounds >= rounds
    assert (outcome.lost, outcome.doubled) == (0, 0)


@pytest.mark.process
def test_what_both_sides_of_a_split_acknowledge_is_there_at_its_end(server_program: Path, tmp_path: Path) -> None:
    outcome = SPLITS["split"](server_program, tmp_path, 1, split_s=4.0)
    assert (outcome.lost, outcome.doubled) == (0, 0)


def run_outages(name: str, program: Path, folder: Path) -> Outcome:
    logging.disable()
    here = folder / name
    here.mkdir()
    return run_drill(name, program, here, DRILLS[name].short)


@pytest.mark.process
@pytest.mark.long
def test_a_trip_is_taken_for_a_green_and_for_nothing_else(server_program: Path, tmp_path: Path) -> None:
    """All outages at once, each drill in a process: an outage lasts up to 70 s, and little happens in most of them."""
    count = len(IN_THE_SUITE)
    with ProcessPoolExecutor(count, get_context("spawn")) as processes:
        outcomes = list(processes.map(run_outages, IN_THE_SUITE, [server_program] * count, [tmp_path] * count))
    assert [failure for outcome in outcomes for failure in outcome.failures] == []
    wanted = [(DRILLS[name].short, 0, 0) for name in IN_THE_SUITE]
    assert [(outcome.rounds, outcome.lost, outcome.doubled) for outcome in outcomes] == wanted
