"""A program's reports to the service manager."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from common.clock import Clock
from common.service_manager import ServiceManager
from simulator.service_status import ServiceStatus
from tests.processes import wait_for


@pytest.fixture
def status() -> Iterator[ServiceStatus]:
    with closing(ServiceStatus()) as status:
        yield status


def test_a_program_is_in_service_or_says_why_not(status: ServiceStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    assert status.problem == "it is starting"
    monkeypatch.setenv("NOTIFY_SOCKET", status.environment["NOTIFY_SOCKET"])
    program = ServiceManager(Clock())
    program.report(None)
    wait_for(lambda: status.problem is None)
    program.report("the card reader does not answer")
    wait_for(lambda: status.problem == "the card reader does not answer")
    program.report(None)
    wait_for(lambda: status.problem is None)
