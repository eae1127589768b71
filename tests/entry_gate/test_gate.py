"""The gate as a process, on a virtual Pi, against a real server."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from common.keys import JOURNAL
from simulator.server import Server
from simulator.virtual_pi.cards import AnyCard, Phone
from simulator.virtual_pi.station import Kind, VirtualPi
from tests.processes import Program, wait_for
from tests.rider import (
    CARD,
    GREEN,
    RED,
    SECOND_CARD,
    SERIAL_NUMBER,
    SEVEN_BYTE_CARD,
    TEN_BYTE_CARD,
    YELLOW,
    expect_sound,
    heard,
    lift,
    rest,
    seen,
    tap,
    wait_for_lights,
)

SAME_TAP_S = 2.0


@pytest.fixture
def gate(environment: dict[str, str], pi: VirtualPi) -> Iterator[Program]:
    with Program("entry_gate", environment=environment) as gate:
        wait_for_lights(pi, RED)
        yield gate
        assert not [line for line in gate.errors if "Traceback" in line]


def give_pass(redis: Redis, card: str = SERIAL_NUMBER, **fields: str) -> None:
    redis.hset(card, mapping=fields or {"passType": "SINGLE_USE"})


def channels(redis: Redis) -> list[str]:
    return [fields["channel"] for _, fields in redis.xrange(JOURNAL)]


@pytest.mark.usefixtures("gate")
class TestGranted:
    def test_single_use(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis)
        tap(pi, "access-granted")
        assert pi.lit == {GREEN}
        assert not redis.exists(SERIAL_NUMBER)
        assert channels(redis) == ["pass-used:SINGLE_USE"]

    def test_ten_trip(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis, passType="TEN_TRIP", tripsRemaining="10")
        tap(pi, "access-granted")
        assert redis.hget(SERIAL_NUMBER, "tripsRemaining") == "9"

    def test_two_hour(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis, passType="TWO_HOUR")
        tap(pi, "access-granted")
        assert 7100 < redis.ttl(SERIAL_NUMBER) <= 7200
        assert channels(redis) == ["pass-activated:TWO_HOUR", "pass-used:TWO_HOUR"]

    @pytest.mark.parametrize("card", [SEVEN_BYTE_CARD, TEN_BYTE_CARD])
    def test_long_uids_count_whole(self, pi: VirtualPi, redis: Redis, card: AnyCard) -> None:
        serial_number = str(int(str(card), 16))
        give_pass(redis, serial_number)
        tap(pi, "access-granted", card)
        assert not redis.exists(serial_number)

    def test_green_lasts_5_s_and_then_red(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis)
        tap(pi, "access-granted")
        wait_for_lights(pi, RED)
        (lit,), (dark,) = seen(pi, Kind.LIT, GREEN), seen(pi, Kind.DARK, GREEN)
        assert 5.0 <= dark.at - lit.at < 5.5

    def test_green_goes_on_with_the_next_rider(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis)
        give_pass(redis, str(int(str(SEVEN_BYTE_CARD), 16)))
        tap(pi, "access-granted")
        tap(pi, "access-granted", SEVEN_BYTE_CARD)
        wait_for_lights(pi, RED)
        (lit,), (dark,) = seen(pi, Kind.LIT, GREEN), seen(pi, Kind.DARK, GREEN)
        second = seen(pi, Kind.SOUND_BEGAN, "access-granted")[1]
        assert second.at > lit.at
        assert 4.8 < dark.at - second.at < 5.5

    def test_light_comes_before_sound(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis)
        tap(pi, "access-granted")
        assert seen(pi, Kind.LIT, GREEN)[0].at < seen(pi, Kind.SOUND_BEGAN, "access-granted")[0].at
        assert seen(pi, Kind.DARK, RED)[0].at <= seen(pi, Kind.LIT, GREEN)[0].at

    def test_sound_goes_to_the_output_of_the_setting(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis)
        tap(pi, "access-granted")
        assert seen(pi, Kind.SOUND_BEGAN, "access-granted")[0].detail == "alsa"


@pytest.mark.usefixtures("gate")
class TestDenied:
    def test_without_a_pass_red_flashes_four_times(self, pi: VirtualPi, redis: Redis) -> None:
        tap(pi, "access-denied")
        pi.wait_for(lambda pi: len(seen(pi, Kind.LIT, RED)) == 5, 10)
        lit = [observation.at for observation in seen(pi, Kind.LIT, RED)]
        dark = [observation.at for observation in seen(pi, Kind.DARK, RED)]
        assert len(dark) == 4
        assert all(0.3 < on - off < 0.7 for off, on in zip(dark, lit[1:], strict=True))
        assert not seen(pi, Kind.LIT, GREEN)
        assert channels(redis) == ["pass-denied"]

    def test_used_up(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis, passType="TEN_TRIP", tripsRemaining="1")
        tap(pi, "access-granted")
        wait_for_lights(pi, RED)
        tap(pi, "access-denied")

    @pytest.mark.parametrize(
        "fields", [{"passType": "\x1b[2J"}, {"passType": "TEN_TRIP", "tripsRemaining": "many"}], ids=str
    )
    def test_garbage_in_the_hash(self, pi: VirtualPi, redis: Redis, fields: dict[str, str]) -> None:
        give_pass(redis, SERIAL_NUMBER, **fields)
        tap(pi, "access-denied")
        assert redis.hgetall(SERIAL_NUMBER) == fields

    def test_key_of_another_type(self, pi: VirtualPi, redis: Redis) -> None:
        redis.set(SERIAL_NUMBER, "x")
        tap(pi, "access-denied")

    def test_the_next_card_is_read_meanwhile(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis)
        tap(pi, "access-denied", SECOND_CARD)
        tap(pi, "access-granted")
        assert pi.lit == {GREEN}
        assert len(seen(pi, Kind.DARK, RED)) <= 4

    def test_green_ends_for_a_rider_who_is_denied(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis)
        tap(pi, "access-granted")
        tap(pi, "access-denied", SECOND_CARD)
        assert GREEN not in pi.lit

    def test_a_phone_holds_no_pass(self, pi: VirtualPi) -> None:
        tap(pi, "access-denied", Phone())


@pytest.mark.usefixtures("gate")
class TestPresentation:
    def test_a_card_resting_10_s_is_one_tap(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis, passType="TEN_TRIP", tripsRemaining="10")
        with expect_sound(pi, "access-granted"):
            pi.lay(CARD)
        time.sleep(10)
        assert redis.hget(SERIAL_NUMBER, "tripsRemaining") == "9"
        assert heard(pi) == ["access-granted"]

    def test_a_card_lifted_and_laid_again_is_two(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis, passType="TEN_TRIP", tripsRemaining="10")
        tap(pi, "access-granted")
        time.sleep(SAME_TAP_S)
        tap(pi, "access-granted")
        assert redis.hget(SERIAL_NUMBER, "tripsRemaining") == "8"

    def test_the_same_card_within_2_s_is_the_same_tap(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis, passType="TEN_TRIP", tripsRemaining="10")
        tap(pi, "access-granted")
        pi.lay(CARD)
        lift(pi)
        tap(pi, "access-denied", SECOND_CARD)
        assert redis.hget(SERIAL_NUMBER, "tripsRemaining") == "9"
        assert heard(pi) == ["access-granted", "access-denied"]

    def test_two_cards_at_once_are_no_card(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis)
        pi.lay(CARD, SECOND_CARD, SEVEN_BYTE_CARD)
        rest(pi)
        assert heard(pi) == []
        assert redis.exists(SERIAL_NUMBER)

    def test_of_two_cards_the_one_that_stays_is_read(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis)
        pi.lay(CARD, SECOND_CARD)
        rest(pi)
        with expect_sound(pi, "access-granted"):
            pi.lift(SECOND_CARD)

    def test_a_second_card_beside_a_resting_one_makes_no_second_tap(self, pi: VirtualPi, redis: Redis) -> None:
        give_pass(redis, passType="TEN_TRIP", tripsRemaining="10")
        with expect_sound(pi, "access-granted"):
            pi.lay(CARD)
        pi.lay(SECOND_CARD)
        time.sleep(SAME_TAP_S)
        lift(pi, SECOND_CARD)
        assert redis.hget(SERIAL_NUMBER, "tripsRemaining") == "9"
        assert heard(pi) == ["access-granted"]

    def test_a_card_that_lies_there_from_the_start_is_no_tap(
        self, pi: VirtualPi, redis: Redis, gate: Program, environment: dict[str, str]
    ) -> None:
        give_pass(redis)
        gate.process.kill()
        wait_for_lights(pi)
        pi.lay(CARD)
        with Program("entry_gate", environment=environment):
            wait_for_lights(pi, RED)
            lift(pi)
            assert redis.exists(SERIAL_NUMBER)
            tap(pi, "access-granted")


class TestOutOfService:
    def test_without_redis_at_start_until_it_comes(
        self, pi: VirtualPi, server_program: Path, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        server = Server(server_program, tmp_path)
        environment |= {"TRANSIT_PASS_DEMO_REDIS_PORT": str(server.port)}
        with Program("entry_gate", environment=environment) as gate:
            wait_for_lights(pi, RED, YELLOW)
            gate.wait_for_error(f"no connection to Redis at 127.0.0.1:{server.port}")
            tap(pi, "out-of-service")
            assert pi.lit == {RED, YELLOW}
            with server:
                wait_for_lights(pi, RED)
            wait_for_lights(pi, RED, YELLOW)
            assert gate.stop() == 0
            assert not [line for line in gate.errors if "Traceback" in line]

    def test_wrong_password(self, pi: VirtualPi, environment: dict[str, str]) -> None:
        environment |= {"TRANSIT_PASS_DEMO_REDIS_PASSWORD": "wrong"}
        with Program("entry_gate", environment=environment) as gate:
            wait_for_lights(pi, RED, YELLOW)
            gate.wait_for_error("refuses the login: check TRANSIT_PASS_DEMO_REDIS_USERNAME")

    def test_missing_rights_are_named_at_start(self, pi: VirtualPi, redis: Redis, environment: dict[str, str]) -> None:
        redis.execute_command(
            "ACL", "SETUSER", "device", "reset", "on", ">secret", "~*", "+@all", "-del", "&pass-used:*"
        )
        environment |= {
            "TRANSIT_PASS_DEMO_REDIS_USERNAME": "device",
            "TRANSIT_PASS_DEMO_REDIS_PASSWORD": "secret",
        }
        try:
            with Program("entry_gate", environment=environment) as gate:
                wait_for_lights(pi, RED, YELLOW)
                line = gate.wait_for_error("missing are")
                assert "DEL 1, PUBLISH pass-activated:TWO_HOUR, PUBLISH pass-denied" in line
                redis.execute_command("ACL", "SETUSER", "device", "+@all", "allchannels")
                wait_for_lights(pi, RED)
        finally:
            redis.execute_command("ACL", "DELUSER", "device")

    def test_a_pending_tap_is_resumed_with_its_id(
        self, pi: VirtualPi, server_program: Path, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        server = Server(server_program, tmp_path, "--appendonly", "yes")
        environment |= {"TRANSIT_PASS_DEMO_REDIS_PORT": str(server.port)}
        with server, server.client() as redis, Program("entry_gate", environment=environment):
            wait_for_lights(pi, RED)
            give_pass(redis, passType="TEN_TRIP", tripsRemaining="10")
            server.suspend()
            tap(pi, "out-of-service")
            assert pi.lit == {RED, YELLOW}
            tap(pi, "out-of-service", SECOND_CARD)
            server.resume()
            wait_for_lights(pi, RED)
            tap(pi, "access-granted")
            assert redis.hget(SERIAL_NUMBER, "tripsRemaining") == "9"

    def test_a_broken_reader(self, pi: VirtualPi, redis: Redis, gate: Program) -> None:
        pi.unplug_reader()
        wait_for_lights(pi, RED, YELLOW)
        gate.wait_for_error("the card reader does not answer")
        pi.plug_in_reader()
        wait_for_lights(pi, RED)
        give_pass(redis)
        tap(pi, "access-granted")

    def test_a_card_that_rests_while_the_reader_fails_is_one_tap(
        self, pi: VirtualPi, redis: Redis, gate: Program
    ) -> None:
        give_pass(redis, passType="TEN_TRIP", tripsRemaining="10")
        with expect_sound(pi, "access-granted"):
            pi.lay(CARD)
        pi.unplug_reader()
        gate.wait_for_error("the card reader does not answer")
        pi.plug_in_reader()
        gate.wait_for_error("the card reader answers again")
        lift(pi)
        assert redis.hget(SERIAL_NUMBER, "tripsRemaining") == "9"


class TestEnd:
    @pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
    def test_all_lights_off(self, pi: VirtualPi, redis: Redis, gate: Program, with_signal: signal.Signals) -> None:
        give_pass(redis)
        tap(pi, "access-granted")
        assert gate.stop(with_signal) == 0
        pi.wait_for(lambda pi: not pi.running, 10)
        kinds = [observation.kind for observation in pi.observations]
        assert max(i for i, kind in enumerate(kinds) if kind == Kind.DARK) < kinds.index(Kind.GONE)
        assert pi.lit == set()


class TestSoundTrouble:
    def test_no_player(self, pi: VirtualPi, redis: Redis, environment: dict[str, str]) -> None:
        with Program("entry_gate", environment={**environment, "PATH": "/nonexistent"}) as gate:
            gate.wait_for_error("there will be no sound: no mpg123 on PATH")
            wait_for_lights(pi, RED)
            give_pass(redis)
            pi.lay(CARD)
            wait_for_lights(pi, GREEN)

    def test_a_player_that_fails_is_logged_once(
        self, pi: VirtualPi, redis: Redis, environment: dict[str, str], tmp_path: Path
    ) -> None:
        player = tmp_path / "mpg123"
        player.write_text("#!/bin/sh\nprintf 'no such \\033[31mdevice\\n' >&2; exit 1\n")
        player.chmod(0o755)
        environment |= {"PATH": f"{tmp_path}:{environment['PATH']}"}
        with Program("entry_gate", environment=environment) as gate:
            wait_for_lights(pi, RED)
            for card in (CARD, SECOND_CARD):
                pi.lay(card)
                wait_for(lambda: len(seen(pi, Kind.DARK, RED)) >= 1)
                lift(pi, card)
            gate.wait_for_error(r"the player failed: no such \x1b[31mdevice")
            gate.stop()
            assert sum("player failed" in line for line in gate.errors) == 1
