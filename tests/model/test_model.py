"""The system against the model, and defects that must be found that way."""

import pytest

from simulator.server import Server
from tests.drills.drill import BrokenGuaranteeError
from tests.model.defects import DEFECTS
from tests.model.machine import COMMANDS
from tests.model.runs import run

ANSWERS = {
    "sell": {"issued", "has-pass", "stale"},
    "tap": {"granted", "no-pass", "blocked-pass", "reversed", "stale"},
    "reverse": {"reversed", "owed", "nothing", "no-pass", "stale"},
    **{command: {"done"} for command in COMMANDS},
    "void": {"done", "changed"},
}


@pytest.mark.process
def test_the_system_does_what_the_model_says(server: Server) -> None:
    answers = run(server)
    assert {(kind, answer) for kind, some in ANSWERS.items() for answer in some} <= answers.keys()


@pytest.mark.process
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found(server: Server, defect: str) -> None:
    with DEFECTS[defect](), pytest.raises(BrokenGuaranteeError) as found:
        run(server, shrinks=False)
    assert "ompil" not in str(found.value), "the script with the defect runs"
