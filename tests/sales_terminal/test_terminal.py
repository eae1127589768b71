"""The terminal in this process: on the virtual chip and a fake clock, against a real server."""

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from redis import Redis

from audio.speaker import Speaker
from common.card_reader import CardReader
from common.cards import Card
from common.mfrc522_driver import Driver
from common.pace import LONGEST_S, SHORTEST_S
from common.pass_store import PassStore
from common.passes import PassType
from common.rights import TO_SELL, TO_TELL
from common.service_manager import ServiceManager
from common.settings import Settings
from sales_terminal.buttons import PINS, Buttons
from sales_terminal.dialogue import Dialogue
from sales_terminal.terminal import SalesTerminal
from simulator.server import free_port
from simulator.virtual_pi.board import Board
from simulator.virtual_pi.cards import AnyCard, VirtualCard, VirtualPhone
from tests.fake_clock import FakeClock
from tests.in_process import LossyStore, RecordingServiceManager, RecordingSpeaker, Rider, run, tenths
from tests.journal import entries
from tests.processes import wait_for
from tests.rider import CARD, GREEN, RED, SECOND_CARD, SERIAL_NUMBER, SEVEN_BYTE_CARD, TEN_BYTE_CARD, YELLOW

THANKS = {
    PassType.SINGLE_USE: "thank-you-single-trip-pass",
    PassType.TEN_TRIP: "thank-you-ten-trip-pass",
    PassType.TWO_HOUR: "thank-you-two-hour-pass",
}
READ_CARD = Card(CARD.uid)
LOOK_TRANSFERS = 9  # at an empty field
CONFIRM_SINGLE = ("selected-single-trip-pass", "tap-card-to-confirm")
CONFIRM_TEN = ("selected-ten-trip-pass", "tap-card-to-confirm")
CONFIRM_TWO_HOUR = ("selected-two-hour-pass", "tap-card-to-confirm")
CONFIRM = {
    PassType.SINGLE_USE: CONFIRM_SINGLE,
    PassType.TEN_TRIP: CONFIRM_TEN,
    PassType.TWO_HOUR: CONFIRM_TWO_HOUR,
}


@pytest.fixture
def store(settings: Settings) -> Iterator[LossyStore]:
    with closing(LossyStore(settings, needs=TO_SELL)) as store:
        store.look("0")  # now it is connected
        yield store


@pytest.fixture
def terminal(store: LossyStore, speaker: RecordingSpeaker, clock: FakeClock) -> SalesTerminal:
    """One on a slow processor, which looks at its reader as seldom as it may."""
    clock.round_s = 1.0
    return make_terminal(store, speaker, ServiceManager(clock), clock)


def make_terminal(
    store: PassStore, speaker: Speaker, service_manager: ServiceManager, clock: FakeClock
) -> SalesTerminal:
    reader, buttons = CardReader(Driver(clock), clock), Buttons(clock)
    dialogue = Dialogue(reader, buttons, store, speaker, service_manager, clock)
    return SalesTerminal(dialogue, store, speaker, clock)


def buy(rider: Rider, button: int = RED, card: VirtualCard = CARD, confirmation: VirtualCard | None = None) -> None:
    """Plan a sale: a tap at 1.0, a press at 2.0 and another tap at 3.0."""
    rider.tap(1.0, card)
    rider.press(2.0, button)
    rider.tap(3.0, confirmation or card)


def channels(redis: Redis) -> list[str]:
    return [entry.channel for entry in entries(redis)]


class TestSale:
    @pytest.mark.parametrize("pass_type", PassType)
    def test_tap_press_tap(
        self,
        terminal: SalesTerminal,
        rider: Rider,
        speaker: RecordingSpeaker,
        redis: Redis,
        clock: FakeClock,
        pass_type: PassType,
    ) -> None:
        buy(rider, PINS[pass_type])
        clock.at(2.9, lambda: absent.append(not redis.exists(SERIAL_NUMBER)))
        absent: list[bool] = []
        run(terminal.run, clock, until=4.0)
        assert speaker.played == [(1.0, "select-a-pass"), (2.0, *CONFIRM[pass_type]), (3.0, THANKS[pass_type])]
        assert absent == [True], "nothing is sold before the second tap"
        assert redis.hgetall(SERIAL_NUMBER) == {name: str(value) for name, value in pass_type.new_pass().items()}
        assert redis.ttl(SERIAL_NUMBER) == -1
        assert channels(redis) == [f"pass-issued:{pass_type}"]

    @pytest.mark.parametrize("card", [SEVEN_BYTE_CARD, TEN_BYTE_CARD], ids=str)
    def test_long_uids_are_used_in_full(
        self, terminal: SalesTerminal, rider: Rider, redis: Redis, clock: FakeClock, card: VirtualCard
    ) -> None:
        buy(rider, card=card)
        run(terminal.run, clock, until=4.0)
        assert redis.exists(str(int.from_bytes(card.uid)))

    def test_a_card_that_has_a_pass(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        redis.hset(SERIAL_NUMBER, mapping={"passType": "SINGLE_USE"})
        rider.tap(1.0)
        run(terminal.run, clock, until=2.0)
        assert speaker.played == [(1.0, "card-already-has-pass", "single-trip-left")]
        assert channels(redis) == []

    def test_an_invalid_pass_is_left_as_it_is(
        self, terminal: SalesTerminal, speaker: RecordingSpeaker, redis: Redis
    ) -> None:
        redis.set(SERIAL_NUMBER, "x")
        terminal.serve(READ_CARD)
        assert speaker.clips == ["card-already-has-pass", "pass-invalid"]
        assert redis.get(SERIAL_NUMBER) == "x"

    def test_a_card_that_got_a_pass_elsewhere_meanwhile(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        buy(rider)
        clock.at(2.9, lambda: redis.hset(SERIAL_NUMBER, mapping={"passType": "TWO_HOUR"}))
        run(terminal.run, clock, until=4.0)
        assert speaker.clips[-1] == "card-already-has-pass"
        assert redis.hgetall(SERIAL_NUMBER) == {"passType": "TWO_HOUR"}

    def test_another_card_cancels_the_sale(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        buy(rider, confirmation=SECOND_CARD)
        rider.tap(4.0, SECOND_CARD)
        run(terminal.run, clock, until=5.0)
        assert speaker.played[2:] == [(3.0, "mismatch-cancel"), (4.0, "select-a-pass")]
        assert redis.keys() == []

    @pytest.mark.parametrize("card", [VirtualPhone(), VirtualCard(bytes.fromhex("01020304"))], ids=str)
    def test_a_phone_and_a_uid_that_many_share_are_not_supported(
        self,
        terminal: SalesTerminal,
        rider: Rider,
        speaker: RecordingSpeaker,
        redis: Redis,
        clock: FakeClock,
        card: AnyCard,
    ) -> None:
        rider.tap(1.0, card)
        run(terminal.run, clock, until=2.0)
        assert speaker.played == [(1.0, "card-not-supported")]
        assert redis.keys() == []

    def test_the_log_has_the_card_and_the_end_of_its_sale(
        self, terminal: SalesTerminal, rider: Rider, clock: FakeClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        buy(rider)
        run(terminal.run, clock, until=4.0)
        assert caplog.messages[-1] == f"card {SERIAL_NUMBER}: thank-you-single-trip-pass"


class TestHolder:
    """A card that has a pass."""

    @pytest.fixture(autouse=True)
    def _seven_trips_left(self, redis: Redis) -> None:
        redis.hset(SERIAL_NUMBER, mapping={"passType": "TEN_TRIP", "tripsRemaining": "7"})

    TOLD = ("card-already-has-pass", "trips-left-7")

    def test_is_told_what_is_left(
        self,
        terminal: SalesTerminal,
        rider: Rider,
        speaker: RecordingSpeaker,
        redis: Redis,
        clock: FakeClock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.INFO)
        rider.tap(1.0)
        clock.at(1.9, lambda: redis.hset(SERIAL_NUMBER, mapping={"blocked": "lost"}))
        rider.tap(2.0)
        run(terminal.run, clock, until=3.0)
        assert speaker.played == [(1.0, *self.TOLD), (2.0, "card-already-has-pass", "pass-blocked")]
        assert caplog.messages[-2] == f"{READ_CARD}: card-already-has-pass, trips-left-7"

    def test_a_tap_cuts_it_short(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        speaker.clip_s = 2.0
        rider.tap(1.0)
        rider.tap(2.0, SECOND_CARD)
        rider.tap(3.0)
        rider.tap(4.0)
        run(terminal.run, clock, until=5.0)
        assert speaker.played == [(1.0, *self.TOLD), (2.0, "select-a-pass"), (3.0, *self.TOLD), (4.0, *self.TOLD)]
        assert speaker.stopped == [1.0, 2.0, 3.0, 4.0]

    def test_a_press_cuts_it_short_and_the_next_one_is_told_to_tap_first(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        speaker.clip_s = 2.0
        rider.press(0.9, GREEN, hold_s=0.3)
        rider.tap(1.0)
        rider.press(2.0, RED)
        rider.press(3.0, RED)
        run(terminal.run, clock, until=4.0)
        assert speaker.played[-2:] == [(1.0, *self.TOLD), (3.0, "tap-card-first")]
        assert speaker.stopped[-1] == 2.0

    def test_a_card_that_rests_is_told_once(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        speaker.clip_s = 1.0
        rider.tap(1.0, hold_s=9.0)
        run(terminal.run, clock, until=10.0)
        assert speaker.played == [(1.0, *self.TOLD)]

    def test_a_reader_that_breaks_then_ends_it(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, board: Board, clock: FakeClock
    ) -> None:
        speaker.clip_s = 2.0
        rider.tap(1.0)
        clock.at(2.0, board.reader.unplug)
        run(terminal.run, clock, until=3.0)
        assert speaker.played == [(1.0, *self.TOLD), (2.0, "out-of-service")]

    def test_a_terminal_that_may_not_read_passes_sells_and_tells_only_that_there_is_one(
        self, settings: Settings, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        without = [f"-{name.lower()}" for name, *_ in TO_TELL]
        redis.execute_command("ACL", "SETUSER", "device", "reset", "on", ">secret", "~*", "&*", "+@all", *without)
        user = replace(settings, redis_username="device", redis_password="secret")
        with closing(PassStore(user, TO_SELL)) as store:
            wait_for(lambda: store.problem is None)
            rider.tap(0.5)
            buy(rider, card=SECOND_CARD)
            rider.tap(4.0, SECOND_CARD)
            run(make_terminal(store, speaker, ServiceManager(clock), clock).run, clock, until=5.0)
        redis.execute_command("ACL", "DELUSER", "device")
        assert speaker.played == [
            (0.5, "card-already-has-pass"),
            (1.0, "select-a-pass"),
            (2.0, *CONFIRM_SINGLE),
            (3.0, THANKS[PassType.SINGLE_USE]),
            (4.0, "card-already-has-pass"),
        ]


class TestUnreadable:
    """Two cards in one purse."""

    def lay(self, rider: Rider, at: float, hold_s: float) -> None:
        rider.lay(at, CARD, SECOND_CARD)
        rider.lift(at + hold_s, CARD)
        rider.lift(at + hold_s, SECOND_CARD)

    def test_the_idle_terminal_says_so_once(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        self.lay(rider, 1.0, hold_s=5.0)
        self.lay(rider, 7.0, hold_s=0.9)
        rider.tap(9.0)
        run(terminal.run, clock, until=10.0)
        assert speaker.played == [(2.0, "card-not-supported"), (9.0, "select-a-pass")]

    def test_the_sale_goes_on(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        rider.press(2.0, RED)
        self.lay(rider, 3.0, hold_s=2.0)
        rider.tap(6.0)
        run(terminal.run, clock, until=7.0)
        assert speaker.played[2:] == [(4.0, "card-not-supported"), (6.0, THANKS[PassType.SINGLE_USE])]


class TestFreshPresentation:
    def test_a_card_that_keeps_resting_confirms_nothing(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        rider.tap(1.0, hold_s=4.0)
        rider.press(2.0, RED)
        rider.tap(6.0)
        run(terminal.run, clock, until=7.0)
        assert speaker.played[1:] == [(2.0, *CONFIRM_SINGLE), (6.0, THANKS[PassType.SINGLE_USE])]

    def test_a_second_tap_before_the_press_confirms_nothing(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        rider.tap(2.0, hold_s=3.0)
        rider.press(3.0, RED)
        run(terminal.run, clock, until=6.0)
        assert speaker.played == [(1.0, "select-a-pass"), (3.0, *CONFIRM_SINGLE)]
        assert redis.keys() == []

    def test_the_card_must_leave_before_the_next_sale(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        rider.press(2.0, RED)
        rider.tap(3.0, hold_s=3.0)
        rider.tap(7.0)
        run(terminal.run, clock, until=8.0)
        assert speaker.played[2:] == [
            (3.0, THANKS[PassType.SINGLE_USE]),
            (7.0, "card-already-has-pass", "single-trip-left"),
        ]


class TestButtons:
    def test_a_press_before_the_question_does_not_count(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        rider.press(0.5, YELLOW)
        rider.tap(1.0)
        run(terminal.run, clock, until=3.0)
        assert speaker.played == [(0.5, "tap-card-first"), (1.0, "select-a-pass")]

    def test_a_button_held_before_the_question_does_not_count(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        rider.press(0.5, YELLOW, hold_s=9.0)
        rider.tap(1.0)
        rider.press(3.0, GREEN)
        rider.tap(4.0)
        run(terminal.run, clock, until=5.0)
        assert speaker.played[2:] == [(3.0, *CONFIRM_TWO_HOUR), (4.0, THANKS[PassType.TWO_HOUR])]

    def test_a_press_while_redis_is_asked_does_not_count(
        self,
        terminal: SalesTerminal,
        store: LossyStore,
        rider: Rider,
        speaker: RecordingSpeaker,
        clock: FakeClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(store, "look", lambda _: clock.sleep(0.5))
        rider.tap(1.0)
        rider.press(1.2, RED, hold_s=1.0)
        run(terminal.run, clock, until=3.0)
        assert speaker.clips == ["select-a-pass"]

    def test_it_counts_after_its_release(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        rider.press(0.5, YELLOW, hold_s=1.0)
        rider.tap(1.0)
        rider.press(2.0, YELLOW)
        rider.tap(3.0)
        run(terminal.run, clock, until=4.0)
        assert speaker.clips[-1] == THANKS[PassType.TEN_TRIP]

    def test_two_at_once_do_not_count(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        rider.press(2.0, RED, YELLOW)
        run(terminal.run, clock, until=3.0)
        assert speaker.clips == ["select-a-pass"]


class TestBargeIn:
    def test_a_tap_or_a_press_stops_the_one_that_is_playing(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        """A press by the prompt that it starts; see the speaker's own tests."""
        buy(rider)
        run(terminal.run, clock, until=4.0)
        assert speaker.stopped == [1.0, 3.0]
        assert speaker.played[1] == (2.0, *CONFIRM_SINGLE)


class TestPressWithoutACard:
    def test_each_press_is_told_to_tap_first(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        rider.press(1.0, RED, hold_s=2.0)
        rider.press(4.0, GREEN)
        run(terminal.run, clock, until=5.0)
        assert speaker.played == [(1.0, "tap-card-first"), (4.0, "tap-card-first")]
        assert redis.keys() == []

    def test_a_bounce_is_no_press(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        rider.press(1.0, RED, hold_s=0.015)
        run(terminal.run, clock, until=2.0)
        assert speaker.played == []

    def test_presses_do_not_begin_the_prompt_anew(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        speaker.clip_s = 1.5
        for number in range(6):
            rider.press(1.0 + 0.4 * number, RED)
        run(terminal.run, clock, until=4.0)
        assert speaker.played == [(1.0, "tap-card-first"), (2.6, "tap-card-first")]

    def test_the_end_of_a_sale_is_heard_whole(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        speaker.clip_s = 2.0
        buy(rider)
        rider.press(3.5, RED, hold_s=3.0)
        rider.press(7.0, RED)
        run(terminal.run, clock, until=8.0)
        assert speaker.played[2:] == [(3.0, THANKS[PassType.SINGLE_USE]), (7.0, "tap-card-first")]


class TestSelection:
    def test_until_the_second_tap_the_last_press_counts(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        rider.press(2.0, RED)
        rider.press(3.0, GREEN)
        rider.press(4.0, YELLOW)
        rider.tap(5.0)
        run(terminal.run, clock, until=6.0)
        assert speaker.played[1:] == [
            (2.0, *CONFIRM_SINGLE),
            (3.0, *CONFIRM_TWO_HOUR),
            (4.0, *CONFIRM_TEN),
            (5.0, THANKS[PassType.TEN_TRIP]),
        ]
        assert channels(redis) == ["pass-issued:TEN_TRIP"]

    def test_two_at_once_change_nothing(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        rider.press(2.0, RED)
        rider.press(3.0, GREEN, YELLOW)
        rider.tap(4.0)
        run(terminal.run, clock, until=5.0)
        assert speaker.played[1:] == [(2.0, *CONFIRM_SINGLE), (4.0, THANKS[PassType.SINGLE_USE])]

    def test_a_press_begins_the_30_s_anew(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        rider.press(2.0, RED)
        rider.press(30.0, GREEN)
        rider.tap(59.0)
        run(terminal.run, clock, until=60.0)
        assert speaker.played[-1] == (59.0, THANKS[PassType.TWO_HOUR])


class TestAnotherCardBeforeThePress:
    def test_the_sale_starts_over_with_it(
        self,
        terminal: SalesTerminal,
        rider: Rider,
        speaker: RecordingSpeaker,
        redis: Redis,
        clock: FakeClock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.INFO)
        rider.tap(1.0)
        rider.tap(2.0, SECOND_CARD)
        rider.press(3.0, RED)
        rider.tap(4.0, SECOND_CARD)
        run(terminal.run, clock, until=5.0)
        assert speaker.played == [
            (1.0, "select-a-pass"),
            (2.0, "select-a-pass"),
            (3.0, *CONFIRM_SINGLE),
            (4.0, THANKS[PassType.SINGLE_USE]),
        ]
        assert speaker.stopped == [1.0, 2.0, 4.0]
        second = Card(SECOND_CARD.uid)
        assert redis.exists(second.serial_number)
        assert not redis.exists(SERIAL_NUMBER)
        assert caplog.messages[-2:] == [
            f"{READ_CARD}: {second} came instead",
            f"{second}: {THANKS[PassType.SINGLE_USE]}",
        ]

    def test_it_has_30_s_of_its_own(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        rider.tap(30.0, SECOND_CARD)
        rider.press(58.0, RED)
        run(terminal.run, clock, until=59.0)
        assert speaker.played[-1] == (58.0, *CONFIRM_SINGLE)

    def test_it_may_have_a_pass(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        redis.hset(SERIAL_NUMBER, mapping={"passType": "SINGLE_USE"})
        rider.tap(1.0, SECOND_CARD)
        rider.tap(2.0)
        rider.press(3.0, RED)
        run(terminal.run, clock, until=4.0)
        assert speaker.played[1:] == [(2.0, "card-already-has-pass", "single-trip-left"), (3.0, "tap-card-first")]

    def test_a_card_that_cannot_be_read_does_not_end_the_sale(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        rider.lay(2.0, CARD, SECOND_CARD)
        rider.lift(4.0, CARD)
        rider.lift(4.0, SECOND_CARD)
        rider.press(5.0, RED)
        run(terminal.run, clock, until=6.0)
        assert speaker.played[1:] == [(3.0, "card-not-supported"), (5.0, *CONFIRM_SINGLE)]

    def test_a_reader_that_breaks_then_ends_both(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, board: Board, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        rider.tap(2.0, SECOND_CARD)
        clock.at(3.0, board.reader.unplug)
        clock.at(4.0, board.reader.plug_in)
        rider.press(6.0, RED)
        run(terminal.run, clock, until=7.0)
        assert speaker.played[2:] == [(3.0, "out-of-service"), (6.0, "tap-card-first")]


class TestSilence:
    def test_the_choice_is_asked_for_once_more_and_30_s_without_a_press_end_the_sale(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        rider.press(32.0, RED)
        run(terminal.run, clock, until=33.0)
        assert speaker.played == [
            (1.0, "select-a-pass"),
            (11.0, "select-a-pass"),
            (31.0, "sale-timed-out"),
            (32.0, "tap-card-first"),
        ]
        assert redis.keys() == []

    def test_the_second_tap_is_asked_for_once_more_and_30_s_without_it_end_the_sale(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, redis: Redis, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        rider.press(2.0, RED)
        rider.tap(33.0)
        run(terminal.run, clock, until=34.0)
        assert speaker.played[1:] == [
            (2.0, *CONFIRM_SINGLE),
            (12.0, *CONFIRM_SINGLE),
            (32.0, "sale-timed-out"),
            (33.0, "select-a-pass"),
        ]
        assert redis.keys() == []

    def test_an_answer_after_the_second_asking_counts(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        rider.press(29.0, RED)
        rider.tap(58.0)
        run(terminal.run, clock, until=59.0)
        assert speaker.played[-1] == (58.0, THANKS[PassType.SINGLE_USE])

    def test_silence_begins_when_the_prompt_has_ended(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        speaker.clip_s = 4.05
        rider.tap(1.0)
        run(terminal.run, clock, until=30.0)
        assert speaker.played == [(1.0, "select-a-pass"), (15.0, "select-a-pass")]

    def test_another_prompt_meanwhile_breaks_it(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, clock: FakeClock
    ) -> None:
        speaker.clip_s = 1.0
        rider.tap(1.0)
        rider.lay(8.0, CARD, SECOND_CARD)
        rider.lift(9.5, CARD)
        rider.lift(9.5, SECOND_CARD)
        run(terminal.run, clock, until=30.0)
        assert speaker.played == [(1.0, "select-a-pass"), (9.0, "card-not-supported"), (20.0, "select-a-pass")]


class TestUnanswered:
    def test_without_redis_nothing_is_sold(
        self,
        settings: Settings,
        rider: Rider,
        speaker: RecordingSpeaker,
        clock: FakeClock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with closing(LossyStore(replace(settings, redis_port=free_port()), needs=TO_SELL)) as store:
            terminal = make_terminal(store, speaker, ServiceManager(clock), clock)
            rider.tap(1.0)
            rider.press(2.0, RED)
            run(terminal.run, clock, until=3.0)
        assert speaker.played == [(1.0, "out-of-service"), (2.0, "out-of-service")]
        told = [message for message in caplog.messages if message.startswith(f"card {SERIAL_NUMBER}: ")]
        assert [message.partition(" Redis")[0] for message in told] == [
            f"card {SERIAL_NUMBER}: no answer, nothing is sold: no connection to"
        ]

    def test_a_sale_whose_answer_was_lost_is_completed_by_the_next_tap(
        self,
        terminal: SalesTerminal,
        store: LossyStore,
        rider: Rider,
        speaker: RecordingSpeaker,
        redis: Redis,
        clock: FakeClock,
    ) -> None:
        store.loses_answers = True
        buy(rider, GREEN)
        clock.at(4.0, lambda: setattr(store, "loses_answers", False))
        rider.tap(5.0)
        rider.tap(6.0)
        run(terminal.run, clock, until=7.0)
        assert speaker.played[2:] == [
            (3.0, "out-of-service"),
            (5.0, THANKS[PassType.TWO_HOUR]),
            (6.0, "card-already-has-pass", "two-hours-not-begun"),
        ]
        assert channels(redis) == ["pass-issued:TWO_HOUR"]

    @pytest.mark.parametrize(
        ("later_s", "clips"),
        [(59.0, [THANKS[PassType.SINGLE_USE]]), (60.0, ["card-already-has-pass", "single-trip-left"])],
    )
    def test_a_sale_is_pending_for_a_minute(
        self,
        terminal: SalesTerminal,
        store: LossyStore,
        rider: Rider,
        speaker: RecordingSpeaker,
        clock: FakeClock,
        later_s: float,
        clips: list[str],
    ) -> None:
        store.loses_answers = True
        rider.press(0.5, RED)
        rider.tap(1.0)
        terminal.serve(READ_CARD)
        store.loses_answers = False
        clock.sleep(later_s)
        terminal.serve(READ_CARD)
        assert speaker.played[2:] == [(1.0, "out-of-service"), (tenths(1.0 + later_s), *clips)]


class TestReaderOutOfService:
    def test_it_ends_the_sale_and_a_press_gets_the_prompt(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, board: Board, clock: FakeClock
    ) -> None:
        rider.tap(1.0)
        clock.at(2.0, board.reader.unplug)
        rider.press(3.0, RED)
        clock.at(4.0, board.reader.plug_in)
        rider.press(5.0, RED)
        rider.tap(6.0)
        run(terminal.run, clock, until=7.0)
        assert speaker.played == [
            (1.0, "select-a-pass"),
            (2.0, "out-of-service"),
            (3.0, "out-of-service"),
            (5.0, "tap-card-first"),
            (6.0, "select-a-pass"),
        ]

    def test_a_press_does_not_cut_the_prompt_short(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, board: Board, clock: FakeClock
    ) -> None:
        speaker.clip_s = 2.0
        clock.at(1.0, board.reader.unplug)
        rider.press(2.0, RED)
        rider.press(3.5, RED)
        run(terminal.run, clock, until=4.0)
        assert speaker.played == [(1.0, "out-of-service"), (3.5, "out-of-service")]

    def test_a_button_that_was_held_before_gets_no_prompt(
        self, terminal: SalesTerminal, rider: Rider, speaker: RecordingSpeaker, board: Board, clock: FakeClock
    ) -> None:
        rider.press(0.5, RED, hold_s=3.0)
        clock.at(1.0, board.reader.unplug)
        run(terminal.run, clock, until=3.0)
        assert speaker.played == [(0.5, "tap-card-first"), (1.0, "out-of-service")]

    def test_the_service_manager_gets_the_readers_problem(
        self, store: LossyStore, speaker: RecordingSpeaker, board: Board, clock: FakeClock
    ) -> None:
        manager = RecordingServiceManager(clock)
        clock.at(1.0, board.reader.unplug)
        clock.at(3.0, board.reader.plug_in)
        run(make_terminal(store, speaker, manager, clock).run, clock, until=4.0)
        assert manager.reports == [
            (0.0, None),
            (1.0, "the card reader does not answer: check its wiring"),
            (3.0, None),
        ]

    def test_it_ends_the_wait_for_the_second_tap(
        self,
        terminal: SalesTerminal,
        rider: Rider,
        speaker: RecordingSpeaker,
        board: Board,
        redis: Redis,
        clock: FakeClock,
    ) -> None:
        buy(rider)
        clock.at(2.5, board.reader.unplug)
        clock.at(3.5, board.reader.plug_in)
        rider.tap(5.0)
        run(terminal.run, clock, until=6.0)
        assert speaker.played[2:] == [(2.5, "out-of-service"), (5.0, "select-a-pass")]
        assert redis.keys() == []


@pytest.mark.parametrize(("round_s", "interval_s"), [(0.0, SHORTEST_S), (1.0, LONGEST_S)])
def test_idle_it_looks_at_its_pace(
    terminal: SalesTerminal, board: Board, clock: FakeClock, round_s: float, interval_s: float
) -> None:
    clock.round_s = round_s
    before = board.reader.transfers
    run(terminal.run, clock, until=3.0)
    assert (board.reader.transfers - before) / LOOK_TRANSFERS == pytest.approx(3.0 / interval_s, rel=0.02)
