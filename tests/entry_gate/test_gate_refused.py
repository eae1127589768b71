"""A gate whose server would refuse the next tap: it is out of service before anybody taps, and ends that by itself."""

from functools import partial
from pathlib import Path

import pytest
from redis import Redis

from common.settings import PREFIX
from simulator.server import Server
from simulator.virtual_pi.station import VirtualPi
from tests.processes import Program, wait_for
from tests.rider import RED, SERIAL_NUMBER, YELLOW, tap, wait_for_lights
from tests.systemd import Systemd
from tests.troubles import TROUBLES, login, node_of_a_cluster, slow_to_load, starting

pytestmark = pytest.mark.process


def trips(redis: Redis) -> object:
    return redis.hget(SERIAL_NUMBER, "tripsRemaining")


@pytest.fixture
def environment(pi: VirtualPi, guarded: Server, systemd: Systemd) -> dict[str, str]:
    return {**pi.environment(), **systemd.environment, **login(guarded)}


def told(gate: Program, since: int, words: str) -> list[str]:
    """Return the lines that tell the trouble, without those about a rider."""
    return [line for line in gate.errors[since:] if words in line and "no entry" not in line]


def test_each_trouble_is_told_once_and_ends_by_itself(
    environment: dict[str, str], pi: VirtualPi, guarded: Server, systemd: Systemd
) -> None:
    with guarded.client() as redis, Program("entry_gate", environment=environment) as gate:
        for number, (trouble, words) in enumerate(TROUBLES.items()):
            wait_for_lights(pi, RED)
            before = len(gate.errors)
            with trouble(redis):
                wait_for_lights(pi, RED, YELLOW)
                wait_for(partial(told, gate, before, words))
                systemd.wait_for("STATUS=out of service: Redis", more_than=number)
                tap(pi, "out-of-service")
            wait_for_lights(pi, RED)
            assert len(told(gate, before, words)) == 1
            assert trips(redis) == "10"
        tap(pi, "access-granted")
        assert trips(redis) == "9"


def test_a_node_of_a_cluster_is_told(pi: VirtualPi, server_program: Path, tmp_path: Path) -> None:
    node = node_of_a_cluster(server_program, tmp_path)
    environment = {**pi.environment(), PREFIX + "REDIS_PORT": str(node.port)}
    with node, Program("entry_gate", environment=environment) as gate:
        gate.wait_for_error("is a node of a cluster")
        assert pi.lit == {RED, YELLOW}


def test_too_few_replicas_for_the_settings_are_told(
    pi: VirtualPi, server_program: Path, tmp_path: Path, environment: dict[str, str], guarded: Server
) -> None:
    (tmp_path / "replica").mkdir()
    with Program("entry_gate", environment={**environment, PREFIX + "REDIS_REPLICAS": "1"}) as gate:
        gate.wait_for_error("0 of 1 replicas answer")
        assert pi.lit == {RED, YELLOW}
        tap(pi, "out-of-service")
        with Server(server_program, tmp_path / "replica", "--replicaof", "127.0.0.1", str(guarded.port)):
            wait_for_lights(pi, RED)
            tap(pi, "access-granted")
        wait_for_lights(pi, RED, YELLOW)
        with guarded.client() as redis:
            assert trips(redis) == "9"


def test_a_server_that_loads_its_file_is_told(pi: VirtualPi, server_program: Path, tmp_path: Path) -> None:
    """The gate is in service once the file is loaded."""
    server = slow_to_load(server_program, tmp_path)
    with Program("entry_gate", environment={**pi.environment(), PREFIX + "REDIS_PORT": str(server.port)}) as gate:
        gate.wait_for_error("no connection")
        with starting(server) as started:
            gate.wait_for_error("is loading its data")
            assert pi.lit == {RED, YELLOW}
            assert not started.done()
            started.result()
            wait_for_lights(pi, RED)
