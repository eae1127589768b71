"""The gate in this process: on the virtual chip and a fake clock, against a real server."""

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from math import inf

import pytest
from redis import Redis

from common.card_reader import CardReader
from common.cards import Card
from common.mfrc522_driver import Driver
from common.pace import LONGEST_S, SHORTEST_S
from common.rights import TO_USE
from common.service_manager import ServiceManager
from common.settings import Settings
from entry_gate.gate import SAME_TAP_S, Gate
from entry_gate.traffic_light import TrafficLight
from simulator.server import free_port
from simulator.virtual_pi.board import Board
from simulator.virtual_pi.cards import VirtualCard, VirtualPhone
from tests.fake_clock import FakeClock
from tests.in_process import LossyStore, RecordingServiceManager, RecordingSpeaker, Rider, run, shown
from tests.journal import entries
from tests.processes import wait_for
from tests.rider import CARD, GREEN, RED, SECOND_CARD, SERIAL_NUMBER, SEVEN_BYTE_CARD, TEN_BYTE_CARD, YELLOW

AT_FIRST = [(0.0, {RED})]
FOUR_FLASHES = [
    *[(1.5, set()), (2.0, {RED}), (2.5, set()), (3.0, {RED})],
    *[(3.5, set()), (4.0, {RED}), (4.5, set()), (5.0, {RED})],
]
"""After a tap at 1.0, while the gate is closed."""

READ_CARD = Card(CARD.uid)
LOOK_TRANSFERS = 9  # at an empty field


@pytest.fixture
def store(settings: Settings) -> Iterator[LossyStore]:
    with closing(LossyStore(settings, needs=TO_USE)) as store:
        store.look("0")  # now it is connected
        yield store


@pytest.fixture
def gate(store: LossyStore, speaker: RecordingSpeaker, clock: FakeClock) -> Gate:
    """One on a slow processor, which looks at its reader as seldom as it may."""
    clock.round_s = 1.0
    light, reader = TrafficLight(clock), CardReader(Driver(clock), clock)
    return Gate(reader, store, light, speaker, ServiceManager(clock), clock)


def serial_number(card: VirtualCard) -> str:
    return Card(card.uid).serial_number


def put_pass(redis: Redis, card: VirtualCard = CARD, pass_type: str = "SINGLE_USE") -> None:
    redis.hset(serial_number(card), "passType", pass_type)


def put_trips(redis: Redis, trips: int = 10) -> None:
    redis.hset(SERIAL_NUMBER, mapping={"passType": "TEN_TRIP", "tripsRemaining": trips})


def trips(redis: Redis) -> object:
    return redis.hget(SERIAL_NUMBER, "tripsRemaining")


def channels(redis: Redis) -> list[str]:
    return [entry.channel for entry in entries(redis)]


class TestGranted:
    def test_green_for_5_s_and_the_sound(
        self, gate: Gate, rider: Rider, speaker: RecordingSpeaker, redis: Redis, board: Board, clock: FakeClock
    ) -> None:
        put_pass(redis)
        rider.tap(1.0)
        run(gate.run, clock, until=8.0)
        assert shown(board) == [*AT_FIRST, (1.0, {GREEN}), (6.0, {RED})]
        assert speaker.played == [(1.0, "access-granted")]
        assert channels(redis) == ["pass-used:SINGLE_USE"]
        assert not redis.exists(SERIAL_NUMBER)

    def test_the_light_comes_before_the_sound(
        self, gate: Gate, speaker: RecordingSpeaker, redis: Redis, rider: Rider, clock: FakeClock
    ) -> None:
        put_pass(redis)
        rider.tap(1.0)
        run(gate.run, clock, until=2.0)
        assert speaker.lit == [{GREEN}]

    def test_two_hours(self, gate: Gate, speaker: RecordingSpeaker, redis: Redis) -> None:
        put_pass(redis, pass_type="TWO_HOUR")
        gate.serve(READ_CARD)
        assert speaker.clips == ["access-granted"]
        assert 7100 < redis.ttl(SERIAL_NUMBER) <= 7200
        assert channels(redis) == ["pass-activated:TWO_HOUR", "pass-used:TWO_HOUR"]

    @pytest.mark.parametrize("card", [SEVEN_BYTE_CARD, TEN_BYTE_CARD], ids=str)
    def test_long_uids_are_used_in_full(
        self, gate: Gate, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock, card: VirtualCard
    ) -> None:
        whole = str(int.from_bytes(card.uid))
        redis.hset(whole, mapping={"passType": "SINGLE_USE"})
        rider.tap(1.0, card)
        run(gate.run, clock, until=2.0)
        assert speaker.clips == ["access-granted"]
        assert not redis.exists(whole)

    def test_green_lasts_5_s_from_the_last_grant(
        self, gate: Gate, rider: Rider, speaker: RecordingSpeaker, redis: Redis, board: Board, clock: FakeClock
    ) -> None:
        put_pass(redis)
        put_pass(redis, SEVEN_BYTE_CARD)
        rider.tap(1.0)
        rider.tap(3.0, SEVEN_BYTE_CARD)
        run(gate.run, clock, until=10.0)
        assert shown(board) == [
            *AT_FIRST,
            (1.0, {GREEN}),
            (3.0, set()),
            (pytest.approx(3.15, abs=0.06), {GREEN}),
            (8.0, {RED}),
        ]
        assert speaker.played == [(1.0, "access-granted"), (3.0, "access-granted")]


class TestDenied:
    def test_red_flashes_four_times(
        self, gate: Gate, rider: Rider, speaker: RecordingSpeaker, redis: Redis, board: Board, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        run(gate.run, clock, until=8.0)
        assert shown(board) == [*AT_FIRST, *FOUR_FLASHES]
        assert speaker.played == [(1.0, "access-denied")]
        assert channels(redis) == ["pass-denied"]

    def test_used_up(self, gate: Gate, speaker: RecordingSpeaker, redis: Redis) -> None:
        put_trips(redis, 1)
        for _ in range(2):
            gate.serve(READ_CARD)
        assert speaker.clips == ["access-granted", "access-denied"]

    @pytest.mark.parametrize(
        "fields", [{"passType": "\x1b[2J"}, {"passType": "TEN_TRIP", "tripsRemaining": "many"}], ids=ascii
    )
    def test_an_invalid_pass_is_left_as_it_is(
        self, gate: Gate, speaker: RecordingSpeaker, redis: Redis, fields: dict[str, str]
    ) -> None:
        for name, value in fields.items():
            redis.hset(SERIAL_NUMBER, name, value)
        gate.serve(READ_CARD)
        assert speaker.clips == ["access-denied"]
        assert redis.hgetall(SERIAL_NUMBER) == fields

    def test_a_key_of_another_type(self, gate: Gate, speaker: RecordingSpeaker, redis: Redis) -> None:
        redis.set(SERIAL_NUMBER, "x")
        gate.serve(READ_CARD)
        assert speaker.clips == ["access-denied"]

    def test_a_phone_is_told_that_it_is_no_card(
        self, gate: Gate, rider: Rider, speaker: RecordingSpeaker, board: Board, clock: FakeClock
    ) -> None:
        rider.tap(1.0, VirtualPhone())
        run(gate.run, clock, until=5.2)
        assert speaker.clips == ["card-not-supported"]
        assert shown(board) == [*AT_FIRST, *FOUR_FLASHES]

    def test_the_next_rider_is_let_in_meanwhile(
        self, gate: Gate, rider: Rider, speaker: RecordingSpeaker, redis: Redis, board: Board, clock: FakeClock
    ) -> None:
        put_pass(redis)
        rider.tap(1.0, SECOND_CARD)
        rider.tap(2.2)
        run(gate.run, clock, until=8.0)
        assert shown(board) == [*AT_FIRST, *FOUR_FLASHES[:2], (2.2, {GREEN}), (7.2, {RED})]
        assert speaker.played == [(1.0, "access-denied"), (2.2, "access-granted")]

    def test_green_ends_for_a_rider_who_is_denied(
        self, gate: Gate, rider: Rider, redis: Redis, board: Board, clock: FakeClock
    ) -> None:
        put_pass(redis, SECOND_CARD)
        rider.tap(0.2, SECOND_CARD)
        rider.tap(1.0)
        run(gate.run, clock, until=8.0)
        assert shown(board) == [*AT_FIRST, (0.2, {GREEN}), (1.0, {RED}), *FOUR_FLASHES]


class TestPresentation:
    def test_a_card_that_rests_is_one_tap(
        self, gate: Gate, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        put_trips(redis)
        rider.lay(1.0, CARD)
        run(gate.run, clock, until=6.0)
        assert trips(redis) == "9"
        assert speaker.played == [(1.0, "access-granted")]

    def test_the_same_card_within_2_s_is_the_same_tap(
        self, gate: Gate, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        put_trips(redis)
        for at in (1.0, 2.8, 5.2):
            rider.tap(at)
        rider.tap(3.5, SECOND_CARD)
        run(gate.run, clock, until=6.0)
        assert trips(redis) == "8"
        assert speaker.played == [(1.0, "access-granted"), (3.5, "access-denied"), (5.2, "access-granted")]

    @pytest.mark.parametrize(("away_s", "left"), [(1.99, "9"), (SAME_TAP_S, "8"), (inf, "8")])
    def test_the_same_tap_ends_2_s_after_the_card_was_last_seen(
        self, gate: Gate, redis: Redis, away_s: float, left: str
    ) -> None:
        put_trips(redis)
        gate.serve(READ_CARD)
        gate.serve(READ_CARD, away_s)
        assert trips(redis) == left

    def test_a_card_at_the_edge_of_the_field_is_one_tap(
        self, gate: Gate, rider: Rider, redis: Redis, clock: FakeClock
    ) -> None:
        put_trips(redis)
        for number in range(6):
            rider.tap(1.0 + number, hold_s=0.1)
        run(gate.run, clock, until=8.0)
        assert trips(redis) == "9"

    def test_two_cards_read_in_turn_are_one_tap_each(
        self, gate: Gate, rider: Rider, redis: Redis, clock: FakeClock
    ) -> None:
        put_trips(redis)
        put_pass(redis, SECOND_CARD, "TWO_HOUR")
        for number in range(4):
            rider.tap(1.0 + number, hold_s=0.4)
            rider.tap(1.5 + number, SECOND_CARD, hold_s=0.4)
        run(gate.run, clock, until=6.0)
        assert trips(redis) == "9"
        assert channels(redis).count("pass-used:TWO_HOUR") == 1

    def test_a_repeated_tap_of_a_denied_card_shows_red_again(
        self, gate: Gate, rider: Rider, redis: Redis, board: Board, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        rider.tap(2.3)
        run(gate.run, clock, until=10.0)
        assert channels(redis) == ["pass-denied"]
        assert shown(board)[len(AT_FIRST) :] == [
            *[(1.5, set()), (2.0, {RED})],
            *[
                (2.8, set()),
                (3.3, {RED}),
                (3.8, set()),
                (4.3, {RED}),
                (4.8, set()),
                (5.3, {RED}),
                (5.8, set()),
                (6.3, {RED}),
            ],
        ]

    def test_a_repeated_tap_of_a_granted_card_does_not_lengthen_green(
        self, gate: Gate, rider: Rider, redis: Redis, board: Board, clock: FakeClock
    ) -> None:
        put_trips(redis)
        for at in (1.0, 2.5, 4.0, 5.5):
            rider.tap(at)
        run(gate.run, clock, until=10.0)
        assert shown(board) == [*AT_FIRST, (1.0, {GREEN}), (6.0, {RED})]

    def test_denied_then_sold_a_pass_the_next_tap_asks_anew(
        self, gate: Gate, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        clock.at(3.0, lambda: put_pass(redis))
        rider.tap(4.0)
        run(gate.run, clock, until=6.0)
        assert speaker.clips == ["access-denied", "access-granted"]

    def test_a_phone_with_changing_uids_is_denied_once(
        self, gate: Gate, rider: Rider, redis: Redis, clock: FakeClock
    ) -> None:
        rider.tap(1.0, VirtualPhone(), hold_s=4.0)
        run(gate.run, clock, until=6.0)
        assert channels(redis) == ["pass-denied"]

    def test_two_cards_at_once_are_no_card_and_get_a_sign_after_a_second(
        self, gate: Gate, rider: Rider, speaker: RecordingSpeaker, redis: Redis, board: Board, clock: FakeClock
    ) -> None:
        put_pass(redis)
        rider.lay(1.0, CARD, SECOND_CARD, SEVEN_BYTE_CARD)
        run(gate.run, clock, until=5.0)
        assert shown(board) == [*AT_FIRST, (2.0, set()), (2.5, {RED})]
        assert speaker.played == [(2.0, "access-denied")]
        assert redis.exists(SERIAL_NUMBER)
        assert channels(redis) == []

    def test_of_two_cards_the_remaining_one_is_read(
        self, gate: Gate, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        put_pass(redis)
        rider.lay(1.0, CARD, SECOND_CARD)
        rider.lift(2.0, SECOND_CARD)
        run(gate.run, clock, until=3.0)
        assert speaker.played == [(2.0, "access-granted")]

    def test_a_second_card_beside_a_resting_one_makes_no_second_tap(
        self, gate: Gate, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        put_trips(redis)
        rider.lay(1.0, CARD)
        rider.tap(1.5, SECOND_CARD, hold_s=SAME_TAP_S)
        run(gate.run, clock, until=5.0)
        assert trips(redis) == "9"
        assert speaker.clips == ["access-granted"]

    def test_a_card_that_rests_while_the_reader_fails_is_one_tap(
        self, gate: Gate, rider: Rider, board: Board, redis: Redis, clock: FakeClock
    ) -> None:
        put_trips(redis)
        rider.lay(1.0, CARD)
        clock.at(2.0, board.reader.unplug)
        clock.at(4.0, board.reader.plug_in)
        run(gate.run, clock, until=7.0)
        assert trips(redis) == "9"


class TestUnanswered:
    def test_no_green_even_if_redis_has_taken_the_tap(
        self, gate: Gate, store: LossyStore, rider: Rider, speaker: RecordingSpeaker, board: Board, clock: FakeClock
    ) -> None:
        store.loses_answers = True
        rider.tap(1.0)
        run(gate.run, clock, until=4.0)
        assert shown(board) == [*AT_FIRST, (1.0, {RED, YELLOW})]
        assert speaker.played == [(1.0, "out-of-service")]

    def test_green_of_the_rider_before_ends_at_once(
        self, gate: Gate, store: LossyStore, rider: Rider, redis: Redis, board: Board, clock: FakeClock
    ) -> None:
        put_pass(redis, SECOND_CARD)
        rider.tap(1.0, SECOND_CARD)
        clock.at(2.0, lambda: setattr(store, "loses_answers", True))
        rider.tap(2.5)
        run(gate.run, clock, until=4.0)
        assert shown(board) == [*AT_FIRST, (1.0, {GREEN}), (2.5, {RED, YELLOW})]

    def test_the_tap_is_reversed_and_until_then_no_other_is_taken(
        self, gate: Gate, store: LossyStore, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        put_trips(redis)
        put_pass(redis, SECOND_CARD)

        def let_redis_answer() -> None:
            store.loses_answers = False
            wait_for(lambda: store.problem is None)

        store.loses_answers = True
        rider.tap(1.0)
        rider.tap(3.0, SECOND_CARD)
        clock.at(4.0, let_redis_answer)
        rider.tap(5.0)
        run(gate.run, clock, until=6.0)
        assert speaker.clips == ["out-of-service", "out-of-service", "access-granted"]
        assert trips(redis) == "9"
        assert channels(redis) == ["pass-used:TEN_TRIP", "pass-reversed:TEN_TRIP", "pass-used:TEN_TRIP"]

    def test_the_same_card_may_try_again_at_once(
        self, gate: Gate, store: LossyStore, redis: Redis, speaker: RecordingSpeaker
    ) -> None:
        put_trips(redis)
        gate.serve(READ_CARD)
        store.loses_answers = True
        gate.serve(READ_CARD)
        store.loses_answers = False
        wait_for(lambda: store.problem is None)
        gate.serve(READ_CARD, away_s=0.5)
        assert speaker.clips == ["access-granted", "out-of-service", "access-granted"]
        assert trips(redis) == "8"

    def test_the_log_says_why(self, gate: Gate, store: LossyStore, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        gate.serve(Card(SECOND_CARD.uid))
        store.loses_answers = True
        gate.serve(READ_CARD)
        assert [record.message for record in caplog.records if record.name == "entry_gate.gate"] == [
            f"card {serial_number(SECOND_CARD)}: no-pass",
            f"card {SERIAL_NUMBER}: no answer, no entry: {store.problem}",
        ]


class TestOutOfService:
    def test_a_broken_reader_until_it_answers_again(
        self, gate: Gate, rider: Rider, speaker: RecordingSpeaker, redis: Redis, board: Board, clock: FakeClock
    ) -> None:
        put_pass(redis)
        clock.at(1.0, board.reader.unplug)
        clock.at(3.0, board.reader.plug_in)
        rider.tap(4.0)
        run(gate.run, clock, until=5.0)
        assert shown(board) == [*AT_FIRST, (1.0, {RED, YELLOW}), (3.0, {RED}), (4.0, {GREEN})]
        assert speaker.clips == ["access-granted"]

    def test_the_service_manager_gets_the_readers_problem(
        self, store: LossyStore, speaker: RecordingSpeaker, board: Board, clock: FakeClock
    ) -> None:
        manager = RecordingServiceManager(clock)
        clock.at(1.0, board.reader.unplug)
        clock.at(3.0, board.reader.plug_in)
        light, reader = TrafficLight(clock), CardReader(Driver(clock), clock)
        run(Gate(reader, store, light, speaker, manager, clock).run, clock, until=4.0)
        assert manager.reports == [
            (0.0, None),
            (1.0, "the card reader does not answer: check its wiring"),
            (3.0, None),
        ]

    def test_without_redis(
        self,
        settings: Settings,
        board: Board,
        clock: FakeClock,
        rider: Rider,
        speaker: RecordingSpeaker,
    ) -> None:
        with closing(LossyStore(replace(settings, redis_port=free_port()), needs=TO_USE)) as store:
            light, reader = TrafficLight(clock), CardReader(Driver(clock), clock)
            rider.tap(1.0)
            manager = RecordingServiceManager(clock)
            run(Gate(reader, store, light, speaker, manager, clock).run, clock, until=4.0)
        assert all(problem for _, problem in manager.reports)
        assert shown(board) == [(0.0, {RED, YELLOW})]
        assert speaker.played == [(1.0, "out-of-service")]


@pytest.mark.parametrize(("round_s", "interval_s"), [(0.0, SHORTEST_S), (1.0, LONGEST_S)])
def test_idle_it_looks_at_its_pace(
    gate: Gate, board: Board, clock: FakeClock, round_s: float, interval_s: float
) -> None:
    clock.round_s = round_s
    before = board.reader.transfers
    run(gate.run, clock, until=3.0)
    assert (board.reader.transfers - before) / LOOK_TRANSFERS == pytest.approx(3.0 / interval_s, rel=0.02)
