"""Notifications to systemd: by the service manager alone, and by programs on a virtual Pi."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from common.service_manager import ServiceManager
from simulator.server import Server
from simulator.virtual_pi.station import Kind, VirtualPi
from tests.fake_clock import FakeClock
from tests.processes import Program
from tests.rider import CARD, GREEN, RED, seen, tap, wait_for_lights
from tests.systemd import Systemd

SIGNS_OF_LIFE_S = 1.0  # from one to the next
STUCK = Path(__file__).parent / "stuck"


class TestServiceManager:
    @pytest.fixture(params=["path", "abstract"])
    def systemd(
        self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Systemd]:
        address = str(tmp_path / "notify") if request.param == "path" else f"@{tmp_path}"
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        with closing(Systemd(address)) as systemd:
            yield systemd

    def test_sends_changes_and_a_watchdog_message_each_second(self, systemd: Systemd) -> None:
        clock = FakeClock()
        service_manager = ServiceManager(clock)
        for problem in [None] * 5 + ["no network"] * 3 + [None]:
            service_manager.report(problem)
            clock.sleep(0.4)
        assert systemd.received == [
            "READY=1",
            "STATUS=in service",
            "WATCHDOG=1",  # at 0.0 s
            "WATCHDOG=1",  # at 1.2 s
            "STATUS=out of service: no network",  # at 2.0 s
            "WATCHDOG=1",  # at 2.4 s
            "STATUS=in service",  # at 3.2 s
        ]

    def test_a_systemd_that_does_not_read_blocks_nobody_and_gets_the_state_later(self, systemd: Systemd) -> None:
        clock = FakeClock()
        manager = ServiceManager(clock)
        for number in range(1000):
            manager.report(f"problem {number}")
        assert "STATUS=out of service: problem 999" not in systemd.received
        manager.report("problem 999")
        assert systemd.received[-1] == "STATUS=out of service: problem 999"

    def test_works_without_systemd(self, systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
        for address in ("/nonexistent/notify", ""):
            monkeypatch.setenv("NOTIFY_SOCKET", address)
            ServiceManager(FakeClock()).report(None)
        assert systemd.received == []


@pytest.mark.process
@pytest.mark.parametrize("module", ["entry_gate", "sales_terminal", "system_monitor"])
def test_ready_in_service_and_alive(module: str, systemd: Systemd, environment: dict[str, str]) -> None:
    with Program(module, environment=environment | systemd.environment) as program:
        systemd.wait_for("STATUS=in service")
        systemd.wait_for("WATCHDOG=1", more_than=2)
        assert systemd.received[0] == "READY=1"
        assert systemd.received.count("READY=1") == 1
        assert program.stop() == 0


@pytest.mark.process
@pytest.mark.parametrize("module", ["entry_gate", "sales_terminal", "system_monitor"])
def test_ready_and_alive_without_redis(module: str, systemd: Systemd, environment: dict[str, str]) -> None:
    environment |= {"TRANSIT_PASS_DEMO_REDIS_PORT": "1"}
    with Program(module, environment=environment | systemd.environment):
        systemd.wait_for(
            "STATUS=out of service: no connection to Redis at 127.0.0.1:1 (Connection refused): "
            "check the address and the network"
        )
        systemd.wait_for("WATCHDOG=1", more_than=1)
        assert systemd.received[0] == "READY=1"


@pytest.mark.process
@pytest.mark.parametrize("module", ["entry_gate", "sales_terminal"])
def test_a_reader_without_wires_is_told_and_waited_for(
    module: str, systemd: Systemd, pi: VirtualPi, environment: dict[str, str]
) -> None:
    with Program(module, environment=environment | systemd.environment):
        systemd.wait_for("STATUS=in service")
        pi.unplug_reader()
        systemd.wait_for("STATUS=out of service: the card reader does not answer: check its wiring")
        systemd.wait_for("WATCHDOG=1", more_than=systemd.received.count("WATCHDOG=1") + 1)
        pi.plug_in_reader()
        systemd.wait_for("STATUS=in service", more_than=1)


@pytest.mark.process
def test_a_hung_reader_stops_the_watchdog(systemd: Systemd, environment: dict[str, str], tmp_path: Path) -> None:
    hangs = tmp_path / "hangs"
    environment |= {"SPI_HANGS": str(hangs), "PYTHONPATH": os.pathsep.join([str(STUCK), environment["PYTHONPATH"]])}
    with Program("entry_gate", environment=environment | systemd.environment) as gate:
        systemd.wait_for("WATCHDOG=1")
        hangs.touch()
        time.sleep(SIGNS_OF_LIFE_S / 4)
        signs = systemd.received.count("WATCHDOG=1")
        time.sleep(2 * SIGNS_OF_LIFE_S)
        assert systemd.received.count("WATCHDOG=1") == signs
        assert gate.process.poll() is None


@pytest.mark.process
@pytest.mark.parametrize("trouble", ["none", "server"])
def test_sigterm_turns_the_lamps_off_within_a_second(
    trouble: str, pi: VirtualPi, server: Server, redis: Redis, environment: dict[str, str]
) -> None:
    with Program("entry_gate", environment=environment) as gate:
        wait_for_lights(pi, RED)
        if trouble == "server":  # the signal comes while an answer is awaited
            server.suspend()
            pi.lay(CARD)
            time.sleep(0.1)
        else:
            redis.hset("43405556992", "passType", "SINGLE_USE")
            tap(pi, "access-granted")
        try:
            signalled_at = time.monotonic()
            gate.process.send_signal(signal.SIGTERM)
            wait_for_lights(pi)
            lit = {RED} if trouble == "server" else {GREEN}
            assert max(seen(pi, Kind.DARK, lamp)[-1].at for lamp in lit) - signalled_at < 1.0
            assert gate.end() == 0
        finally:
            server.resume()
