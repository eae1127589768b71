"""The gate as a process, on a virtual Pi, against a real server."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from common.settings import PREFIX
from simulator.server import Server
from simulator.virtual_pi.station import Kind, VirtualPi
from tests.processes import Program
from tests.rider import CARD, GREEN, RED, SECOND_CARD, SERIAL_NUMBER, YELLOW, lift, seen, tap, wait_for_lights

pytestmark = pytest.mark.process


@pytest.fixture
def gate(environment: dict[str, str], pi: VirtualPi) -> Iterator[Program]:
    with Program("entry_gate", environment=environment) as gate:
        wait_for_lights(pi, RED)
        yield gate


def tracebacks(program: Program) -> list[str]:
    return [line for line in program.errors if "Traceback" in line]


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_it_lets_a_rider_in_and_stops_with_its_lamps_off(
    gate: Program, pi: VirtualPi, redis: Redis, with_signal: signal.Signals
) -> None:
    redis.hset(SERIAL_NUMBER, mapping={"passType": "SINGLE_USE"})
    tap(pi, "access-granted")
    assert pi.lit == {GREEN}
    assert seen(pi, Kind.SOUND_BEGAN, "access-granted")[0].detail == "alsa"
    assert gate.stop(with_signal) == 0
    pi.wait_for(lambda pi: not pi.running, 10)
    assert pi.lit == set()
    assert tracebacks(gate) == []


def test_killed_it_leaves_its_lamps_lit_and_can_be_restarted(
    gate: Program, pi: VirtualPi, redis: Redis, environment: dict[str, str]
) -> None:
    redis.hset(SERIAL_NUMBER, mapping={"passType": "TEN_TRIP", "tripsRemaining": "10"})
    tap(pi, "access-granted")
    gate.process.kill()
    pi.wait_for(lambda pi: not pi.running, 10)
    assert pi.lit == {GREEN}
    pi.lay(CARD)
    with Program("entry_gate", environment=environment) as second:
        wait_for_lights(pi, RED)
        lift(pi)
        assert redis.hget(SERIAL_NUMBER, "tripsRemaining") == "9", "a card on the reader at start is not a tap"
        tap(pi, "access-granted")
        assert redis.hget(SERIAL_NUMBER, "tripsRemaining") == "8"
        assert tracebacks(second) == []


def test_reader_unplugged_and_plugged_in(gate: Program, pi: VirtualPi) -> None:
    pi.unplug_reader()
    wait_for_lights(pi, RED, YELLOW)
    gate.wait_for_error("the card reader does not answer")
    pi.plug_in_reader()
    wait_for_lights(pi, RED)
    tap(pi, "access-denied")


def test_no_reader_at_the_start(pi: VirtualPi, environment: dict[str, str]) -> None:
    pi.unplug_reader()
    with Program("entry_gate", environment=environment) as gate:
        gate.wait_for_error("the card reader does not answer")
        wait_for_lights(pi, RED, YELLOW)
        pi.plug_in_reader()
        wait_for_lights(pi, RED)
        tap(pi, "access-denied")


def test_without_a_player(pi: VirtualPi, environment: dict[str, str]) -> None:
    with Program("entry_gate", environment={**environment, "PATH": "/nonexistent"}) as gate:
        gate.wait_for_error("there will be no sound: no mpg123 on PATH")
        wait_for_lights(pi, RED)
        pi.lay(CARD)
        pi.wait_for(lambda pi: not pi.lit, 10)  # the first flash


class TestRedis:
    def test_down_at_start_then_up_then_down_again(
        self, pi: VirtualPi, server_program: Path, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        server = Server(server_program, tmp_path)
        environment |= {PREFIX + "REDIS_PORT": str(server.port)}
        with Program("entry_gate", environment=environment) as gate:
            wait_for_lights(pi, RED, YELLOW)
            gate.wait_for_error(f"no connection to Redis at 127.0.0.1:{server.port}")
            tap(pi, "out-of-service")
            assert pi.lit == {RED, YELLOW}
            with server:
                wait_for_lights(pi, RED)
            wait_for_lights(pi, RED, YELLOW)
            assert gate.stop() == 0
            assert tracebacks(gate) == []

    def test_wrong_password(self, pi: VirtualPi, environment: dict[str, str]) -> None:
        environment |= {PREFIX + "REDIS_PASSWORD": "wrong"}
        with Program("entry_gate", environment=environment) as gate:
            wait_for_lights(pi, RED, YELLOW)
            gate.wait_for_error(f"refuses the login: check {PREFIX}REDIS_USERNAME")

    def test_missing_rights_are_named_at_start(self, pi: VirtualPi, redis: Redis, environment: dict[str, str]) -> None:
        redis.execute_command(
            "ACL", "SETUSER", "device", "reset", "on", ">secret", "~*", "+@all", "-rename", "&pass-used:*"
        )
        environment |= {PREFIX + "REDIS_USERNAME": "device", PREFIX + "REDIS_PASSWORD": "secret"}
        try:
            with Program("entry_gate", environment=environment) as gate:
                wait_for_lights(pi, RED, YELLOW)
                gate.wait_for_error("missing are PUBLISH pass-activated:TWO_HOUR, PUBLISH pass-denied")
                redis.execute_command("ACL", "SETUSER", "device", "+@all", "allchannels")
                wait_for_lights(pi, RED)
        finally:
            redis.execute_command("ACL", "DELUSER", "device")

    def test_suspended_for_a_while_it_takes_one_trip(
        self, pi: VirtualPi, server_program: Path, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        server = Server(server_program, tmp_path)
        environment |= {PREFIX + "REDIS_PORT": str(server.port)}
        with server, server.client() as redis, Program("entry_gate", environment=environment):
            wait_for_lights(pi, RED)
            redis.hset(SERIAL_NUMBER, mapping={"passType": "TEN_TRIP", "tripsRemaining": "10"})
            server.suspend()
            tap(pi, "out-of-service")
            assert pi.lit == {RED, YELLOW}
            tap(pi, "out-of-service", SECOND_CARD)
            server.resume()
            wait_for_lights(pi, RED)
            tap(pi, "access-granted")
            assert redis.hget(SERIAL_NUMBER, "tripsRemaining") == "9"
