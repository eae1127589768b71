"""The reader subclass on the virtual chip, with the real mfrc522 package between them."""
# the module is imported anew by each test

from importlib import import_module
from typing import Any

import pytest

from common.card_reader import CardReader
from common.cards import Card as ReadCard
from common.cards import UnreadableError
from simulator.virtual_pi.board import RESET_PIN, Board
from simulator.virtual_pi.cards import AnyCard, Card, Phone
from tests.fake_clock import FakeClock

FOUR = Card(bytes.fromhex("0a1b2c3d"))
SEVEN = Card(bytes.fromhex("04a1b2c3d4e5f6"))
TEN = Card(bytes.fromhex("0401020304050607080a"))
SAME_FIRST_LEVEL = Card(bytes.fromhex("04a1b2ffffffff"))
PRESENTATION_END_S = 0.3


@pytest.fixture
def module(board: Board) -> Any:
    return import_module("common.mfrc522_driver")


@pytest.fixture
def driver(module: Any, clock: FakeClock) -> Any:
    return module.Driver(clock)


@pytest.fixture
def reader(driver: Any, clock: FakeClock) -> CardReader:
    return CardReader(driver, clock)


@pytest.fixture
def poll_for(reader: CardReader, clock: FakeClock) -> Any:
    def poll_for(seconds: float) -> list[ReadCard]:
        """Poll as often as a device does; return the presentations."""
        cards = []
        end = clock.now() + seconds
        while clock.now() < end:
            cards.append(reader.poll())
            clock.sleep(0.02)
        return [card for card in cards if card]

    return poll_for


class TestDriver:
    def test_an_empty_poll_costs_at_most_40_transfers(self, board: Board, reader: CardReader) -> None:
        before = board.reader.transfers
        for _ in range(100):
            assert reader.poll() is None
        assert board.reader.transfers - before <= 100 * 40

    @pytest.mark.parametrize("card", [FOUR, SEVEN, TEN], ids=str)
    def test_uids_of_every_length(self, board: Board, driver: Any, card: Card) -> None:
        board.reader.place([card])
        assert driver.read_uid() == card.uid

    def test_a_resting_card_answers_every_time(self, board: Board, driver: Any) -> None:
        board.reader.place([SEVEN])
        assert {driver.read_uid() for _ in range(20)} == {SEVEN.uid}

    def test_no_card(self, driver: Any) -> None:
        assert driver.read_uid() is None

    @pytest.mark.parametrize(
        "cards", [[FOUR, SEVEN], [SEVEN, SAME_FIRST_LEVEL], [SEVEN, TEN], [FOUR, Phone()], [FOUR, SEVEN, TEN]], ids=str
    )
    def test_several_cards(self, board: Board, driver: Any, cards: list[AnyCard]) -> None:
        board.reader.place(cards)
        for _ in range(5):
            with pytest.raises(UnreadableError):
                driver.read_uid()

    def test_a_phone_has_a_random_uid(self, board: Board, driver: Any) -> None:
        uids = set()
        for _ in range(5):
            board.reader.place([Phone()])
            uids.add(driver.read_uid())
            board.reader.place([])
        assert len(uids) == 5
        assert all(ReadCard(uid).is_random for uid in uids)

    def test_ready(self, board: Board, driver: Any) -> None:
        assert driver.is_ready
        for floating_miso in (0x00, 0xFF):
            board.reader.unplug(floating_miso)
            assert not driver.is_ready
        board.reader.plug_in()
        assert not driver.is_ready, "it came back with its field off"
        driver.restart()
        assert driver.is_ready

    def test_only_its_own_pin_is_touched(self, board: Board, driver: Any) -> None:
        board.drive(19, True)
        assert board.is_output(RESET_PIN)
        driver.close()
        assert not board.is_output(RESET_PIN)
        assert board.level(19)


class TestPresentation:
    def test_a_card_is_presented_once_however_long_it_rests(
        self, board: Board, reader: CardReader, poll_for: Any
    ) -> None:
        board.reader.place([FOUR])
        assert poll_for(2.0) == [ReadCard(FOUR.uid)]

    def test_away_for_a_moment_is_the_same_presentation(self, board: Board, reader: CardReader, poll_for: Any) -> None:
        board.reader.place([FOUR])
        assert reader.poll()
        board.reader.place([])
        assert poll_for(PRESENTATION_END_S / 2) == []
        board.reader.place([FOUR])
        assert poll_for(0.1) == []

    def test_away_for_longer_ends_it(self, board: Board, reader: CardReader, poll_for: Any) -> None:
        for _ in range(2):
            board.reader.place([FOUR])
            assert poll_for(0.1) == [ReadCard(FOUR.uid)]
            board.reader.place([])
            assert poll_for(PRESENTATION_END_S + 0.1) == []

    def test_another_card_begins_another_at_once(self, board: Board, reader: CardReader) -> None:
        for card in (FOUR, SEVEN, TEN):
            board.reader.place([card])
            assert reader.poll() == ReadCard(card.uid)

    def test_a_second_card_beside_it_ends_nothing(self, board: Board, reader: CardReader, poll_for: Any) -> None:
        board.reader.place([FOUR])
        assert reader.poll()
        board.reader.place([FOUR, SEVEN])
        assert poll_for(PRESENTATION_END_S + 0.1) == []
        board.reader.place([FOUR])
        assert poll_for(0.1) == []

    def test_a_card_that_lies_there_from_the_start_is_not_presented(
        self, board: Board, driver: Any, clock: FakeClock
    ) -> None:
        board.reader.place([FOUR])
        reader = CardReader(driver, clock)
        assert reader.poll() is None
        board.reader.place([SEVEN])
        assert reader.poll() == ReadCard(SEVEN.uid)


class TestFaults:
    @pytest.mark.parametrize("floating_miso", [0x00, 0xFF])
    def test_unplugged_and_plugged_in(
        self, board: Board, reader: CardReader, poll_for: Any, floating_miso: int
    ) -> None:
        board.reader.place([FOUR])
        assert reader.poll()
        board.reader.unplug(floating_miso)
        assert reader.poll() is None
        assert reader.problem
        assert repr(reader) == "<CardReader: the card reader does not answer: check its wiring>"
        board.reader.plug_in()
        assert poll_for(1.0) == [], "it was presented before"
        assert not reader.problem
        board.reader.place([SEVEN])
        assert reader.poll() == ReadCard(SEVEN.uid)

    def test_a_chip_that_was_reset_is_noticed(self, board: Board, reader: CardReader, poll_for: Any) -> None:
        board.reader.set_nrstpd(False)
        board.reader.set_nrstpd(True)
        reader.poll()
        board.reader.place([FOUR])
        assert poll_for(1.0) == [ReadCard(FOUR.uid)]

    @pytest.mark.parametrize(
        ("error", "advice"), [(FileNotFoundError, "switch it on"), (PermissionError, "groups spi and gpio")]
    )
    def test_no_way_to_the_bus(
        self, module: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, error: type[OSError], advice: str
    ) -> None:
        def refuse(*_: object) -> None:
            raise error

        monkeypatch.setattr(import_module("spidev").SpiDev, "open", refuse)
        with pytest.raises(module.ReaderMissingError, match=advice):
            module.Driver(clock)

    def test_a_failing_bus_is_a_fault_that_passes(
        self, board: Board, reader: CardReader, poll_for: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as context:
            context.setattr(import_module("spidev").SpiDev, "xfer2", fail)
            assert poll_for(0.7) == []
            assert reader.problem
        board.reader.place([FOUR])
        assert poll_for(1.0) == [ReadCard(FOUR.uid)]
