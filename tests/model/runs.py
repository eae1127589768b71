"""Runs of the machine."""

from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as machine_settings
from hypothesis.stateful import run_state_machine_as_test

from simulator.server import Server
from tests.drills.drill import SEED, Outcome
from tests.model.machine import Machine
from tests.model.scene import scene

RUNS, STEPS = 200, 50


def run(server: Server, runs: int = RUNS, shrinks: bool = True) -> Counter[tuple[str, str]]:
    """Run the machine so often, the same way each time; return how often each kind of request had which answer.

    Raises:
        BrokenGuaranteeError: a promise is not kept; its notes have the shortest example, unless it is not to shrink.
    """
    options = machine_settings(
        max_examples=runs,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, *([Phase.shrink] if shrinks else [])],
    )
    with scene(server) as shared:

        @seed(SEED)
        def machine() -> Machine:
            return Machine(shared)

        run_state_machine_as_test(machine, settings=options)  # type: ignore[arg-type]  # any factory will do
        return shared.answers


def model(program: Path, folder: Path, rounds: int = RUNS) -> Outcome:
    """Let random things happen to gates, terminals and desks, and compare each answer and all data with the model."""
    with Server(program, folder) as server:
        answers = run(server, rounds)
    return Outcome(rounds, remarks=f"{answers.total()} requests")
