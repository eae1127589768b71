"""The terminal as a process, on a virtual Pi, against a real server."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from audio.player import clip_path
from common.passes import PassType
from common.settings import PREFIX
from sales_terminal.buttons import PINS
from simulator.server import Server
from simulator.virtual_pi.station import Kind, VirtualPi
from tests.journal import entries
from tests.processes import Program, wait_for
from tests.rider import CARD, SERIAL_NUMBER, expect_sound, heard, lift, rest, seen, tap

pytestmark = pytest.mark.process


@pytest.fixture
def terminal(environment: dict[str, str], pi: VirtualPi) -> Iterator[Program]:
    with Program("sales_terminal", environment=environment) as terminal:
        terminal.wait_for_error("connected to Redis")
        rest(pi)
        yield terminal


def press(pi: VirtualPi, pass_type: PassType, sound: str = "tap-card-to-confirm") -> None:
    """Hold a button until the sound begins, and release it."""
    with expect_sound(pi, sound):
        pi.press(PINS[pass_type])
    pi.release(PINS[pass_type])


def tracebacks(program: Program) -> list[str]:
    return [line for line in program.errors if "Traceback" in line]


def channels(redis: Redis) -> list[str]:
    return [entry.channel for entry in entries(redis)]


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_it_sells_to_a_practised_rider_and_stops_silently(
    terminal: Program, pi: VirtualPi, redis: Redis, with_signal: signal.Signals
) -> None:
    tap(pi, "select-a-pass")
    press(pi, PassType.TEN_TRIP)
    tap(pi, "thank-you-ten-trip-pass")
    assert redis.hgetall(SERIAL_NUMBER) == {"passType": "TEN_TRIP", "tripsRemaining": "10"}
    assert heard(pi)[1:3] == ["selected-ten-trip-pass", "tap-card-to-confirm"]
    for prompt, whole_s in [("select-a-pass", 4.0), ("tap-card-to-confirm", 1.8)]:
        (began,), (ended,) = seen(pi, Kind.SOUND_BEGAN, prompt), seen(pi, Kind.SOUND_ENDED, prompt)
        assert ended.at - began.at < whole_s, "it is stopped early"
    tap(pi, "card-already-has-pass")
    assert terminal.stop(with_signal) == 0
    pi.wait_for(lambda pi: not pi.running and not pi.sounding, 10)
    assert tracebacks(terminal) == []


def test_one_player_tells_a_holder_what_is_left(
    environment: dict[str, str], pi: VirtualPi, redis: Redis, tmp_path: Path
) -> None:
    player, players = tmp_path / "mpg123", tmp_path / "players"
    virtual = shutil.which("mpg123", path=environment["PATH"])
    player.write_text(f'#!/bin/sh\necho "$@" >> {players}\nexec {virtual} "$@"\n')
    player.chmod(0o755)
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    redis.hset(SERIAL_NUMBER, mapping={"passType": "TEN_TRIP", "tripsRemaining": "7"})
    with Program("sales_terminal", environment=environment) as terminal:
        terminal.wait_for_error("connected to Redis")
        rest(pi)
        tap(pi, "trips-left-7")
        pi.wait_for(lambda pi: not pi.sounding, 10)
        assert heard(pi) == ["card-already-has-pass", "trips-left-7"]
        assert tracebacks(terminal) == []
    (line,) = players.read_text().splitlines()
    assert line.endswith(f"{clip_path('card-already-has-pass')} {clip_path('trips-left-7')}")
    (ended,), (began,) = seen(pi, Kind.SOUND_ENDED, "card-already-has-pass"), seen(pi, Kind.SOUND_BEGAN, "trips-left-7")
    assert began.at <= ended.at, "no gap"


def test_killed_during_a_sale_it_can_be_restarted(
    terminal: Program, pi: VirtualPi, redis: Redis, environment: dict[str, str]
) -> None:
    tap(pi, "select-a-pass")
    press(pi, PassType.TEN_TRIP)
    terminal.process.kill()
    pi.wait_for(lambda pi: not pi.running, 10)
    pi.lay(CARD)
    with Program("sales_terminal", environment=environment) as second:
        second.wait_for_error("connected to Redis")
        rest(pi)
        assert redis.keys() == []
        lift(pi)
        tap(pi, "select-a-pass")
        assert tracebacks(second) == []


def test_reader_unplugged_and_plugged_in(terminal: Program, pi: VirtualPi) -> None:
    tap(pi, "select-a-pass")
    with expect_sound(pi, "out-of-service"):
        pi.unplug_reader()
    pi.wait_for(lambda pi: not pi.sounding, 10)
    rest(pi)
    press(pi, PassType.SINGLE_USE, "out-of-service")
    pi.plug_in_reader()
    terminal.wait_for_error("the card reader answers again")
    tap(pi, "select-a-pass")


class TestRedis:
    def test_down_at_start_then_up(
        self, pi: VirtualPi, server_program: Path, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        server = Server(server_program, tmp_path)
        environment |= {PREFIX + "REDIS_PORT": str(server.port)}
        with Program("sales_terminal", environment=environment) as terminal:
            terminal.wait_for_error(f"no connection to Redis at 127.0.0.1:{server.port}")
            tap(pi, "out-of-service")
            with server:
                terminal.wait_for_error("connected to Redis")
                tap(pi, "select-a-pass")
            assert terminal.stop() == 0
            assert tracebacks(terminal) == []

    def test_down_at_the_confirmation(
        self, pi: VirtualPi, server_program: Path, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        server = Server(server_program, tmp_path, "--appendonly", "yes")
        environment |= {PREFIX + "REDIS_PORT": str(server.port)}
        with server, Program("sales_terminal", environment=environment) as terminal:
            terminal.wait_for_error("connected to Redis")
            tap(pi, "select-a-pass")
            press(pi, PassType.TWO_HOUR)
            server.kill()
            tap(pi, "out-of-service")
            server.start()
            with server.client() as redis:
                assert not redis.exists(SERIAL_NUMBER)
                tap(pi, "select-a-pass")

    def test_suspended_at_the_confirmation_the_next_tap_completes_the_sale(
        self, pi: VirtualPi, server_program: Path, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        server = Server(server_program, tmp_path)
        environment |= {PREFIX + "REDIS_PORT": str(server.port)}
        with server, server.client() as redis, Program("sales_terminal", environment=environment) as terminal:
            terminal.wait_for_error("connected to Redis")
            tap(pi, "select-a-pass")
            press(pi, PassType.TWO_HOUR)
            server.suspend()
            tap(pi, "out-of-service")
            server.resume()
            terminal.wait_for_more_errors("connected to Redis", than=1)
            wait_for(lambda: redis.exists(SERIAL_NUMBER))
            tap(pi, "thank-you-two-hour-pass")
            assert channels(redis) == ["pass-issued:TWO_HOUR"]
