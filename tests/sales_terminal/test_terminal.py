"""The terminal as a process, on a virtual Pi, against a real server."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from common.keys import JOURNAL
from common.passes import PassType
from simulator.server import Server
from simulator.virtual_pi.cards import AnyCard, Phone
from simulator.virtual_pi.station import Kind, VirtualPi
from tests.processes import Program, wait_for
from tests.rider import (
    CARD,
    SECOND_CARD,
    SERIAL_NUMBER,
    SEVEN_BYTE_CARD,
    TEN_BYTE_CARD,
    expect_sound,
    heard,
    lift,
    rest,
    seen,
    tap,
)

BUTTONS = {PassType.SINGLE_USE: 19, PassType.TEN_TRIP: 13, PassType.TWO_HOUR: 26}
THANKS = {
    PassType.SINGLE_USE: "thank-you-single-trip-pass",
    PassType.TEN_TRIP: "thank-you-ten-trip-pass",
    PassType.TWO_HOUR: "thank-you-two-hour-pass",
}


@pytest.fixture
def terminal(environment: dict[str, str], pi: VirtualPi) -> Iterator[Program]:
    with Program("sales_terminal", environment=environment) as terminal:
        terminal.wait_for_error("connected to Redis")
        rest(pi)
        yield terminal
        assert not [line for line in terminal.errors if "Traceback" in line]


def press(pi: VirtualPi, button: int, sound: str = "tap-card-to-confirm") -> None:
    """Hold a button until the sound begins, and let go."""
    with expect_sound(pi, sound):
        pi.press(button)
    pi.release(button)


def channels(redis: Redis) -> list[str]:
    return [fields["channel"] for _, fields in redis.xrange(JOURNAL)]


@pytest.mark.usefixtures("terminal")
class TestSale:
    @pytest.mark.parametrize("pass_type", PassType)
    def test_tap_press_tap(self, pi: VirtualPi, redis: Redis, pass_type: PassType) -> None:
        tap(pi, "select-a-pass")
        press(pi, BUTTONS[pass_type])
        assert not redis.exists(SERIAL_NUMBER)
        tap(pi, THANKS[pass_type])
        assert redis.hgetall(SERIAL_NUMBER) == {name: str(value) for name, value in pass_type.new_pass().items()}
        assert redis.ttl(SERIAL_NUMBER) == -1
        assert channels(redis) == [f"pass-issued:{pass_type}"]
        assert heard(pi) == ["select-a-pass", "tap-card-to-confirm", THANKS[pass_type]]

    @pytest.mark.parametrize("card", [SEVEN_BYTE_CARD, TEN_BYTE_CARD])
    def test_long_uids_count_whole(self, pi: VirtualPi, redis: Redis, card: AnyCard) -> None:
        tap(pi, "select-a-pass", card)
        press(pi, BUTTONS[PassType.SINGLE_USE])
        tap(pi, "thank-you-single-trip-pass", card)
        assert redis.keys(str(int(str(card), 16)))

    def test_a_holder_is_told(self, pi: VirtualPi, redis: Redis) -> None:
        redis.hset(SERIAL_NUMBER, mapping={"passType": "SINGLE_USE"})
        tap(pi, "card-already-has-pass")
        assert channels(redis) == []

    def test_a_key_that_makes_no_sense_is_left_as_it_is(self, pi: VirtualPi, redis: Redis) -> None:
        redis.set(SERIAL_NUMBER, "x")
        tap(pi, "card-already-has-pass")
        assert redis.get(SERIAL_NUMBER) == "x"

    def test_another_card_cancels(self, pi: VirtualPi, redis: Redis) -> None:
        tap(pi, "select-a-pass")
        press(pi, BUTTONS[PassType.TEN_TRIP])
        tap(pi, "mismatch-cancel", SECOND_CARD)
        assert redis.keys("*") == []
        tap(pi, "select-a-pass", SECOND_CARD)

    def test_a_phone_is_not_supported(self, pi: VirtualPi, redis: Redis) -> None:
        tap(pi, "card-not-supported", Phone())
        assert redis.keys("*") == []

    def test_a_card_that_was_sold_elsewhere_meanwhile(self, pi: VirtualPi, redis: Redis) -> None:
        tap(pi, "select-a-pass")
        press(pi, BUTTONS[PassType.TEN_TRIP])
        redis.hset(SERIAL_NUMBER, mapping={"passType": "TWO_HOUR"})
        tap(pi, "card-already-has-pass")
        assert redis.hgetall(SERIAL_NUMBER) == {"passType": "TWO_HOUR"}


@pytest.mark.usefixtures("terminal")
class TestFreshPresentation:
    def test_a_card_that_keeps_resting_confirms_nothing(self, pi: VirtualPi, redis: Redis) -> None:
        with expect_sound(pi, "select-a-pass"):
            pi.lay(CARD)
        press(pi, BUTTONS[PassType.TEN_TRIP])
        rest(pi)
        assert redis.keys("*") == []
        lift(pi)
        tap(pi, "thank-you-ten-trip-pass")

    def test_a_second_tap_before_the_press_confirms_nothing(self, pi: VirtualPi, redis: Redis) -> None:
        tap(pi, "select-a-pass")
        pi.lay(CARD)
        lift(pi)
        press(pi, BUTTONS[PassType.TEN_TRIP])
        rest(pi)
        assert redis.keys("*") == []

    def test_the_card_must_leave_before_the_next_sale(self, pi: VirtualPi, redis: Redis) -> None:
        tap(pi, "select-a-pass")
        press(pi, BUTTONS[PassType.TEN_TRIP])
        with expect_sound(pi, "thank-you-ten-trip-pass"):
            pi.lay(CARD)
        rest(pi)
        assert heard(pi)[-1] == "thank-you-ten-trip-pass"
        lift(pi)
        tap(pi, "card-already-has-pass")


@pytest.mark.usefixtures("terminal")
class TestButtons:
    def test_one_that_is_down_already_does_not_count(self, pi: VirtualPi) -> None:
        pi.press(BUTTONS[PassType.TEN_TRIP])
        tap(pi, "select-a-pass")
        rest(pi)
        assert heard(pi) == ["select-a-pass"]
        press(pi, BUTTONS[PassType.TWO_HOUR])
        pi.release(BUTTONS[PassType.TEN_TRIP])
        tap(pi, "thank-you-two-hour-pass")

    def test_it_counts_once_it_was_released(self, pi: VirtualPi) -> None:
        pi.press(BUTTONS[PassType.TEN_TRIP])
        tap(pi, "select-a-pass")
        pi.release(BUTTONS[PassType.TEN_TRIP])
        rest(pi)
        press(pi, BUTTONS[PassType.TEN_TRIP])
        tap(pi, "thank-you-ten-trip-pass")

    def test_a_press_before_the_question_is_no_answer(self, pi: VirtualPi) -> None:
        pi.press(BUTTONS[PassType.TEN_TRIP])
        pi.release(BUTTONS[PassType.TEN_TRIP])
        tap(pi, "select-a-pass")
        rest(pi)
        assert heard(pi) == ["select-a-pass"]


@pytest.mark.usefixtures("terminal")
class TestPrompts:
    def test_a_press_and_a_tap_cut_them_short(self, pi: VirtualPi) -> None:
        with expect_sound(pi, "select-a-pass"):
            pi.lay(CARD)
        pi.lift(CARD)
        rest(pi)
        press(pi, BUTTONS[PassType.SINGLE_USE])
        tap(pi, "thank-you-single-trip-pass")
        for prompt, shortest_s in [("select-a-pass", 4.0), ("tap-card-to-confirm", 1.8)]:
            (began,), (ended,) = seen(pi, Kind.SOUND_BEGAN, prompt), seen(pi, Kind.SOUND_ENDED, prompt)
            assert ended.at - began.at < shortest_s

    def test_without_a_press_the_sale_times_out(self, pi: VirtualPi, redis: Redis) -> None:
        tap(pi, "select-a-pass")
        pi.wait_for(lambda pi: "sale-timed-out" in heard(pi), 35)
        asked, timed_out = (
            seen(pi, Kind.SOUND_BEGAN, "select-a-pass")[0].at,
            seen(pi, Kind.SOUND_BEGAN, "sale-timed-out")[0].at,
        )
        assert 29.5 < timed_out - asked < 31
        assert redis.keys("*") == []

    def test_without_a_second_tap_the_sale_times_out(self, pi: VirtualPi, redis: Redis) -> None:
        tap(pi, "select-a-pass")
        press(pi, BUTTONS[PassType.SINGLE_USE])
        pi.wait_for(lambda pi: "sale-timed-out" in heard(pi), 35)
        assert redis.keys("*") == []
        tap(pi, "select-a-pass")


class TestOutOfService:
    def test_without_redis_nothing_is_sold_until_it_comes(
        self, pi: VirtualPi, server_program: Path, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        server = Server(server_program, tmp_path)
        environment |= {"TRANSIT_PASS_DEMO_REDIS_PORT": str(server.port)}
        with Program("sales_terminal", environment=environment) as terminal:
            terminal.wait_for_error(f"no connection to Redis at 127.0.0.1:{server.port}")
            tap(pi, "out-of-service")
            with server:
                terminal.wait_for_error("connected to Redis")
                tap(pi, "select-a-pass")
            assert terminal.stop() == 0
            assert not [line for line in terminal.errors if "Traceback" in line]

    def test_redis_away_at_the_confirmation(
        self, pi: VirtualPi, server_program: Path, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        server = Server(server_program, tmp_path, "--appendonly", "yes")
        environment |= {"TRANSIT_PASS_DEMO_REDIS_PORT": str(server.port)}
        with server, Program("sales_terminal", environment=environment) as terminal:
            terminal.wait_for_error("connected to Redis")
            tap(pi, "select-a-pass")
            press(pi, BUTTONS[PassType.TWO_HOUR])
            server.kill()
            tap(pi, "out-of-service")
            server.start()
            with server.client() as redis:
                assert not redis.exists(SERIAL_NUMBER)
                tap(pi, "select-a-pass")

    def test_a_sale_whose_answer_was_lost_is_finished_by_the_next_tap(
        self, pi: VirtualPi, server_program: Path, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        server = Server(server_program, tmp_path)
        environment |= {"TRANSIT_PASS_DEMO_REDIS_PORT": str(server.port)}
        with server, server.client() as redis, Program("sales_terminal", environment=environment) as terminal:
            terminal.wait_for_error("connected to Redis")
            tap(pi, "select-a-pass")
            press(pi, BUTTONS[PassType.TWO_HOUR])
            server.suspend()
            tap(pi, "out-of-service")
            server.resume()
            terminal.wait_for_more_errors("connected to Redis", than=1)
            wait_for(lambda: redis.exists(SERIAL_NUMBER))
            tap(pi, "thank-you-two-hour-pass")
            assert channels(redis) == ["pass-issued:TWO_HOUR"]

    def test_a_broken_reader_ends_the_sale_and_a_press_tells(self, pi: VirtualPi, terminal: Program) -> None:
        tap(pi, "select-a-pass")
        with expect_sound(pi, "out-of-service"):
            pi.unplug_reader()
        press(pi, BUTTONS[PassType.SINGLE_USE], "out-of-service")
        pi.plug_in_reader()
        terminal.wait_for_error("the card reader answers again")
        tap(pi, "select-a-pass")

    @pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
    def test_stop(self, pi: VirtualPi, terminal: Program, with_signal: signal.Signals) -> None:
        tap(pi, "select-a-pass")
        assert terminal.stop(with_signal) == 0
        pi.wait_for(lambda pi: not pi.running and not pi.sounding, 10)
