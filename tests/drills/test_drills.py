"""Every drill, as a test."""

from pathlib import Path

import pytest

from tests.drills.all_drills import DRILLS


@pytest.mark.process
@pytest.mark.parametrize("name", [name for name in DRILLS if name != "failovers-without"])
def test_nothing_is_lost_or_doubled(name: str, server_program: Path, tmp_path: Path) -> None:
    drill, rounds = DRILLS[name]
    outcome = drill(server_program, tmp_path, rounds)
    assert outcome.rounds >= rounds
    assert (outcome.lost, outcome.doubled) == (0, 0)
