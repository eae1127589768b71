"""Presentations, from the virtual chip through the real mfrc522 package, on a fake clock."""

import logging
from importlib import import_module

import pytest

from common.card_reader import POLL_INTERVAL_S, CardReader
from common.cards import Card
from simulator.virtual_pi.board import Board
from simulator.virtual_pi.cards import VirtualCard
from tests.fake_clock import FakeClock

FOUR = VirtualCard(bytes.fromhex("0a1b2c3d"))
SEVEN = VirtualCard(bytes.fromhex("04a1b2c3d4e5f6"))
TEN = VirtualCard(bytes.fromhex("0401020304050607080a"))


class Bench:
    """A reader that is polled as a device does it."""

    def __init__(self, board: Board, clock: FakeClock) -> None:
        self.board = board
        self.clock = clock
        self.start()

    def start(self) -> None:
        self.reader = CardReader(import_module("common.mfrc522_driver").Driver(self.clock), self.clock)

    def place(self, *cards: VirtualCard) -> None:
        self.board.reader.place(cards)

    def poll_for(self, seconds: float) -> list[bytes]:
        """Return the UIDs that were presented."""
        presented = []
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            if card := self.reader.poll():
                presented.append(card.uid)
            self.clock.sleep(POLL_INTERVAL_S)
        return presented

    def transfers_of_a_poll(self) -> int:
        before = self.board.reader.transfers
        self.reader.poll()
        return self.board.reader.transfers - before


@pytest.fixture
def bench(board: Board, clock: FakeClock) -> Bench:
    return Bench(board, clock)


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

    def test_another_card_begins_a_new_one_at_once(self, bench: Bench) -> None:
        for card in (FOUR, SEVEN, TEN):
            bench.place(card)
            assert bench.reader.poll() == Card(card.uid)

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
        assert bench.reader.poll() == Card(SEVEN.uid)

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


class TestCost:
    """SPI transfers, with those that check the chip."""

    def test_of_a_poll_without_a_card(self, bench: Bench) -> None:
        assert [bench.transfers_of_a_poll() for _ in range(3)] == [9, 9, 9]

    @pytest.mark.parametrize(("card", "most"), [(FOUR, 45), (SEVEN, 70), (TEN, 95)], ids=str)
    def test_of_a_poll_with_one(self, bench: Bench, card: VirtualCard, most: int) -> None:
        bench.place(card)
        laid, resting = bench.transfers_of_a_poll(), bench.transfers_of_a_poll()
        assert laid < resting <= most, "only a card that was there is halted"


class TestFaults:
    @pytest.mark.parametrize("floating_miso", [0x00, 0xFF])
    def test_unplugged_and_plugged_in(self, bench: Bench, floating_miso: int) -> None:
        bench.place(FOUR)
        bench.poll_for(0.1)
        bench.board.reader.unplug(floating_miso)
        assert bench.poll_for(1) == []
        assert bench.reader.problem == "the card reader does not answer: check its wiring"
        bench.board.reader.plug_in()
        assert bench.poll_for(1) == [], "it was presented before"
        assert bench.reader.problem is None
        bench.place(SEVEN)
        assert bench.reader.poll() == Card(SEVEN.uid)

    def test_a_chip_that_was_reset_is_configured_again_at_once(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench.board.reader.set_nrstpd(False)
        bench.board.reader.set_nrstpd(True)
        bench.place(FOUR)
        with caplog.at_level(logging.INFO):
            assert bench.reader.poll() == Card(FOUR.uid)
        assert caplog.messages == ["the card reader answers again"]
        assert bench.reader.problem is None

    def test_a_failing_bus_is_a_fault_that_passes(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: object) -> None:
            raise OSError(5, "Input/output error")

        fault = "the card reader's bus fails: [Errno 5] Input/output error"
        bench.place(FOUR)
        caplog.set_level(logging.INFO)
        with monkeypatch.context() as context:
            context.setattr(import_module("spidev").SpiDev, "xfer2", fail)
            assert bench.poll_for(1) == []
        assert bench.reader.problem == fault
        assert bench.poll_for(1) == [FOUR.uid]
        assert bench.reader.problem is None
        assert caplog.messages == [fault, "the card reader answers again"]

    def test_close_releases_the_chip(self, bench: Bench) -> None:
        bench.reader.close()
        bench.reader.poll()
        assert bench.reader.problem == "the card reader's bus fails: [Errno 9] Bad file descriptor"
