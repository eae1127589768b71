"""Presentations, from the virtual chip through the real mfrc522 package, on a fake clock."""

import logging
import math
import random

import pytest

from common.cards import Card
from common.pace import LONGEST_S, SHORTEST_S
from common.presentations import REMEMBERED_S, Presentation, Presentations
from simulator.virtual_pi.board import Board
from simulator.virtual_pi.cards import VirtualCard, VirtualPhone
from tests.common.bench import FOUR, SEVEN, TEN, Bench
from tests.fake_clock import FakeClock

AT_BOTH_BOUNDS = pytest.mark.parametrize("bench", [SHORTEST_S, LONGEST_S], ids="{:g} s".format, indirect=True)


@pytest.fixture
def bench(board: Board, clock: FakeClock, request: pytest.FixtureRequest) -> Bench:
    return Bench(board, clock, getattr(request, "param", LONGEST_S))


@AT_BOTH_BOUNDS
class TestPresentation:
    def test_a_resting_card_is_presented_once(self, bench: Bench) -> None:
        bench.place(FOUR)
        assert bench.poll_for(10) == [FOUR.uid]

    def test_away_for_less_than_300_ms_is_the_same_presentation(self, bench: Bench) -> None:
        bench.place(FOUR)
        bench.poll_for(0.1)
        bench.place()
        bench.poll_for(0.27)
        bench.place(FOUR)
        assert bench.poll_for(1) == []

    def test_away_for_300_ms_ends_it(self, bench: Bench) -> None:
        bench.place(FOUR)
        bench.poll_for(0.1)
        bench.place()
        bench.poll_for(0.35)
        bench.place(FOUR)
        assert bench.poll_for(1) == [FOUR.uid]

    @pytest.mark.parametrize("seen", [(FOUR,), (FOUR, SEVEN)], ids=["the card", "something"])
    def test_it_does_not_end_while_a_card_is_seen_at_times(self, bench: Bench, seen: tuple[VirtualCard, ...]) -> None:
        bench.place(FOUR)
        bench.poll_for(0.1)
        for _ in range(10):
            bench.place()
            bench.poll_for(0.2)
            bench.place(*seen)
            bench.poll_for(0.03)
        bench.place(FOUR)
        assert bench.poll_for(1) == []

    def test_two_cards_that_are_read_in_turn_are_presented_once_each(self, bench: Bench) -> None:
        presented = []
        for _ in range(10):
            for cards in ((FOUR,), (FOUR, SEVEN), (), (SEVEN,)):
                bench.place(*cards)
                presented += bench.poll_for(0.1)
        assert presented == [FOUR.uid, SEVEN.uid]

    def test_a_phone_with_a_new_uid_at_each_look_is_presented_once(self, bench: Bench) -> None:
        presented = []
        for _ in range(20):
            bench.board.reader.place([VirtualPhone()])
            presented += bench.poll_for(0.03)
            bench.place()
            presented += bench.poll_for(0.03)
        assert len(presented) == 1

    def test_another_card_begins_a_new_one_at_once(self, bench: Bench) -> None:
        for card in (FOUR, SEVEN, TEN):
            bench.place(card)
            assert bench.poll() == Card(card.uid)

    def test_a_second_card_beside_it_ends_nothing(self, bench: Bench) -> None:
        bench.place(FOUR)
        bench.poll_for(0.1)
        bench.place(FOUR, SEVEN)
        assert bench.poll_for(1) == []
        bench.place(FOUR)
        assert bench.poll_for(1) == []

    def test_a_card_on_the_reader_at_start_is_not_presented(self, bench: Bench) -> None:
        bench.place(FOUR)
        bench.start()
        assert bench.poll_for(1) == []
        bench.place(SEVEN)
        assert bench.poll() == Card(SEVEN.uid)

    def test_a_card_held_for_40_ms_is_always_read(self, bench: Bench) -> None:
        for milliseconds in range(30):
            start = bench.clock.now()
            bench.clock.at(start + 0.1 + milliseconds / 1000, lambda: bench.place(FOUR))
            bench.clock.at(start + 0.14 + milliseconds / 1000, bench.place)
            assert bench.poll_for(1) == [FOUR.uid]

    def test_the_debug_log_says_why_no_card_can_be_read(self, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        bench.place(FOUR, SEVEN)
        with caplog.at_level(logging.INFO):
            bench.reader.poll()
        assert caplog.messages == []
        with caplog.at_level(logging.DEBUG):
            bench.reader.poll()
        assert caplog.messages == ["no card can be read: collision in the answer to 52"]


@AT_BOTH_BOUNDS
class TestUnreadable:
    def test_a_sign_after_a_second_once_in_a_presentation(self, bench: Bench) -> None:
        bench.place(FOUR, SEVEN)
        assert bench.poll_for(0.95) == []
        assert bench.presentations(10) == [Presentation(None)]
        bench.place()
        bench.poll_for(0.4)
        bench.place(FOUR, SEVEN)
        assert bench.poll_for(5) == [None]

    def test_none_if_it_leaves_before(self, bench: Bench) -> None:
        for _ in range(5):
            bench.place(FOUR, SEVEN)
            assert bench.poll_for(0.9) == []
            bench.place()
            assert bench.poll_for(0.4) == []

    def test_what_answers_only_at_times_counts_as_well(self, bench: Bench) -> None:
        presented = []
        for _ in range(10):
            bench.place(FOUR, SEVEN)
            presented += bench.poll_for(0.03)
            bench.place()
            presented += bench.poll_for(0.2)
        assert presented == [None]

    def test_none_after_a_card_that_was_presented(self, bench: Bench) -> None:
        bench.place(FOUR)
        bench.poll_for(0.1)
        bench.place(FOUR, SEVEN)
        assert bench.poll_for(5) == []

    def test_a_card_that_is_read_after_the_sign_is_presented(self, bench: Bench) -> None:
        bench.place(FOUR, SEVEN)
        bench.poll_for(2)
        bench.place(SEVEN)
        assert bench.poll_for(2) == [SEVEN.uid]


class TestAway:
    """How long a card has been away, by which a gate tells taps apart."""

    def away(self, bench: Bench, seconds: float) -> float:
        bench.place()
        bench.poll_for(seconds)
        bench.place(FOUR)
        [presentation] = bench.presentations(0.1)
        bench.poll_for(5)
        return presentation.away_s

    def test_it_counts_from_when_the_card_was_last_seen(self, bench: Bench) -> None:
        assert self.away(bench, 1) == math.inf, "never seen"
        assert self.away(bench, 0.5) == pytest.approx(0.5, abs=0.08)
        assert self.away(bench, 59) == pytest.approx(59, abs=0.08)
        assert self.away(bench, 61) == math.inf, "forgotten after a minute"

    def test_at_the_edge_of_the_field_it_is_short(self, bench: Bench) -> None:
        """A card that answers 20 % of the looks for 20 s."""
        chance = random.Random(7)
        presentations = []
        for _ in range(600):
            bench.place(*[FOUR] * (chance.random() < 0.2))
            presentations += bench.presentations(0.03)
        assert len(presentations) > 5
        assert [each.away_s for each in presentations if each.away_s >= 2] == [math.inf]

    def test_phones_count_as_one_card(self, bench: Bench) -> None:
        presentations = []
        for _ in range(3):
            bench.board.reader.place([VirtualPhone()])
            presentations += bench.presentations(0.1)
            bench.place()
            presentations += bench.presentations(0.9)
        assert [each.away_s for each in presentations] == [math.inf, *[pytest.approx(0.9, abs=0.08)] * 2]

    def test_only_the_cards_of_the_last_minute_are_remembered(self) -> None:
        """An emulator may show a new card at each look."""
        presentations = Presentations()
        for number in range(4000):
            assert presentations.read(Card(number.to_bytes(4)), now=number * LONGEST_S)
        assert len(presentations._last_seen) == pytest.approx(REMEMBERED_S / LONGEST_S, abs=2)


class TestCost:
    """SPI transfers, with those that check the chip."""

    def test_of_a_poll_without_a_card(self, bench: Bench) -> None:
        assert {bench.transfers_of_a_poll() for _ in range(100)} == {9}

    @pytest.mark.parametrize(("card", "most"), [(FOUR, 45), (SEVEN, 70), (TEN, 95)], ids=str)
    def test_of_a_poll_with_one(self, bench: Bench, card: VirtualCard, most: int) -> None:
        bench.place(card)
        laid, resting = bench.transfers_of_a_poll(), bench.transfers_of_a_poll()
        assert laid < resting <= most, "only a card that was there is halted"
