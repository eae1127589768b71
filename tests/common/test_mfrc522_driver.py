"""The driver on the virtual chip, with the real mfrc522 package between them, on a fake clock."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from common.cards import UnreadableError
from common.mfrc522_chip import _REGISTERS
from simulator.virtual_pi.board import RESET_PIN, Board
from simulator.virtual_pi.cards import AnyCard, VirtualCard, VirtualPhone
from simulator.virtual_pi.frames import Bits, Reply, crc_a, to_bits, to_bytes
from simulator.virtual_pi.picc import Picc
from simulator.virtual_pi.registers import Register
from tests.fake_clock import FakeClock
from tests.gpio_errors import NO_PI

if TYPE_CHECKING:
    from common.mfrc522_driver import Driver

FOUR = VirtualCard(bytes.fromhex("0a1b2c3d"))
BEGINS_WITH_CASCADE_TAG = VirtualCard(bytes.fromhex("88010203"))
SEVEN = VirtualCard(bytes.fromhex("04a1b2c3d4e5f6"))
TEN = VirtualCard(bytes.fromhex("0401020304050607080a"))
SAME_FIRST_LEVEL = VirtualCard(bytes.fromhex("04a1b2ffffffff"))
LAST_LEVEL_BEGINS_WITH_CASCADE_TAG = VirtualCard(bytes.fromhex("04010203040588070809"))
NO_ANSWER = "the card reader does not answer: check its wiring"
GAINS = {18: 0x08, 23: 0x18, 33: 0x48, 38: 0x58, 43: 0x68, 48: 0x78}
LOST = "the card reader has lost its configuration ({}): check its power supply and its wires"
MUST_BE_SO: dict[int, int] = {  # bits after a start; clones of the chip may have the others otherwise
    Register.MODE: 0xAB,
    Register.TX_CONTROL: 0x03,
    Register.TX_ASK: 0x40,
    Register.RF_CFG: 0x70,
    Register.T_MODE: 0xFF,
    Register.T_PRESCALER: 0xFF,
    Register.T_RELOAD_H: 0xFF,
    Register.T_RELOAD_L: 0xFF,
}


class CardWithAllOtherBits(VirtualCard):
    """Real ones have some: 09 is the SAK of a MIFARE Mini, 20 of a MIFARE DESFire."""

    sak = 0xFB


@pytest.fixture
def driver(clock: FakeClock) -> Driver:
    made: Driver = import_module("common.mfrc522_driver").Driver(clock)
    return made


class TestReading:
    @pytest.mark.parametrize("card", [FOUR, BEGINS_WITH_CASCADE_TAG, SEVEN, TEN], ids=str)
    def test_uids_of_every_length(self, board: Board, driver: Driver, card: VirtualCard) -> None:
        board.reader.place([card])
        assert driver.read_uid() == card.uid

    def test_no_other_bit_of_sak_says_that_the_uid_goes_on(self, board: Board, driver: Driver) -> None:
        board.reader.place([CardWithAllOtherBits(FOUR.uid)])
        assert driver.read_uid() == FOUR.uid

    def test_a_resting_card_answers_every_time(self, board: Board, driver: Driver) -> None:
        board.reader.place([SEVEN])
        assert {driver.read_uid() for _ in range(20)} == {SEVEN.uid}

    def test_no_card(self, driver: Driver) -> None:
        assert driver.read_uid() is None

    def test_a_phone_has_a_random_uid(self, board: Board, driver: Driver) -> None:
        uids = set()
        for _ in range(5):
            board.reader.place([VirtualPhone()])
            uids.add(driver.read_uid())
            board.reader.place([])
        assert len(uids) == 5

    @pytest.mark.parametrize(
        "cards",
        [[FOUR, SEVEN], [SEVEN, SAME_FIRST_LEVEL], [SEVEN, TEN], [FOUR, VirtualPhone()], [FOUR, SEVEN, TEN]],
        ids=str,
    )
    def test_several_cards_collide_until_one_is_left(self, board: Board, driver: Driver, cards: list[AnyCard]) -> None:
        board.reader.place(cards)
        for _ in range(5):
            with pytest.raises(UnreadableError, match="collision"):
                driver.read_uid()
        board.reader.place(cards[:1])
        assert driver.read_uid()

    def test_a_card_that_another_program_left_selected_is_read_at_once(
        self, board: Board, driver: Driver, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Picc, "power_off", lambda _: None)  # it keeps its power during the soft reset
        board.reader.place([FOUR])
        driver.read_uid()
        assert type(driver)(clock).read_uid() == FOUR.uid

    def test_a_card_that_was_read_is_halted_as_the_standard_says(
        self, board: Board, driver: Driver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With HLTA, 50 00 and its CRC (14443-3, 6.4.3)."""
        frames: list[bytes] = []
        answer = Picc.receive

        def receive(picc: Picc, frame: Bits) -> Reply | None:
            frames.append(to_bytes(frame))
            return answer(picc, frame)

        monkeypatch.setattr(Picc, "receive", receive)
        board.reader.place([FOUR])
        driver.read_uid()
        driver.read_uid()
        assert bytes.fromhex("500057cd") in frames

    def test_a_card_torn_off_at_any_moment_is_read_in_full_or_not_at_all(
        self, board: Board, driver: Driver, clock: FakeClock
    ) -> None:
        seen: set[object] = set()
        for microseconds in range(0, 6000, 40):
            board.reader.place([SEVEN])
            clock.at(clock.now() + microseconds / 1e6, lambda: board.reader.place([]))
            try:
                seen.add(driver.read_uid())
            except UnreadableError as error:
                seen.add(type(error))
            clock.sleep(0.01)
            driver.read_uid()
        assert {uid for uid in seen if isinstance(uid, bytes)} == {SEVEN.uid}
        assert len(seen) > 2, "some reads must be torn, and some not"


class TestFlaws:
    @pytest.mark.parametrize(
        ("card", "command", "change", "words"),
        [
            (FOUR, "52", lambda bits: bits[:15], "wrong number of bits: 15 in the answer to 52, not 16"),
            (FOUR, "52", lambda bits: bits + bits, "wrong number of bits: 32 in the answer to 52, not 16"),
            (FOUR, "9320", lambda _: None, "no answer to 9320"),
            (FOUR, "9320", lambda bits: bits[:39], "wrong number of bits: 39 in the answer to 9320, not 40"),
            (FOUR, "9320", lambda bits: bits[:32], "wrong number of bits: 32 in the answer to 9320, not 40"),
            (FOUR, "9320", lambda bits: bits * 3, "no end of the answer to 9320"),
            (FOUR, "9320", lambda bits: (*bits[:-1], 1 - bits[-1]), "wrong BCC: 0a1b2c3d80"),
            (FOUR, "9370", lambda _: None, "no answer to 93700a1b2c3d00"),
            (FOUR, "9370", lambda bits: bits[:8], "wrong number of bits: 8 in the answer to 9370"),
            (FOUR, "9370", lambda bits: (*bits, 0), "wrong number of bits: 25 in the answer to 9370"),
            (FOUR, "9370", lambda bits: (*bits[:-1], 1 - bits[-1]), "wrong CRC of SAK: 08b65d"),
            (FOUR, "9370", lambda _: sak(0x04), "no cascade tag: 0a1b2c3d00 with SAK 04"),
            (LAST_LEVEL_BEGINS_WITH_CASCADE_TAG, "9770", lambda _: sak(0x04), "more than three cascade levels"),
        ],
    )
    def test_an_answer_that_violates_the_standard(
        self,
        board: Board,
        driver: Driver,
        monkeypatch: pytest.MonkeyPatch,
        card: VirtualCard,
        command: str,
        change: Callable[[Bits], Bits | None],
        words: str,
    ) -> None:
        keep_to_the_standard = Picc.receive

        def receive(picc: Picc, frame: Bits) -> Reply | None:
            reply = keep_to_the_standard(picc, frame)
            if reply is None or not to_bytes(frame).startswith(bytes.fromhex(command)):
                return reply
            bits = change(reply.bits)
            return None if bits is None else Reply(bits)

        monkeypatch.setattr(Picc, "receive", receive)
        board.reader.place([card])
        for _ in range(2):
            with pytest.raises(UnreadableError, match=words):
                driver.read_uid()

    def test_an_incomplete_answer(self, board: Board, driver: Driver, clock: FakeClock) -> None:
        driver.read_uid()
        board.reader.place([FOUR])
        clock.at(clock.now() + 250e-6, lambda: board.reader.place([]))
        with pytest.raises(UnreadableError, match="wrong parity in the answer to 52"):
            driver.read_uid()

    @pytest.mark.parametrize(
        ("floating_miso", "words"),
        [
            (0x00, "no end of the answer to 52"),
            (0x21, "^protocol error in the answer to 52"),
            (0xFF, "FIFO overflow, collision, wrong parity, protocol error in the answer to 52"),
        ],
    )
    def test_wires_that_come_loose_during_a_read(
        self, board: Board, driver: Driver, clock: FakeClock, floating_miso: int, words: str
    ) -> None:
        driver.read_uid()
        clock.at(clock.now(), lambda: board.reader.unplug(floating_miso))
        with pytest.raises(UnreadableError, match=words):
            driver.read_uid()


class TestWaiting:
    def test_a_card_that_has_not_halted_has_a_millisecond_to_say_so(self, driver: Driver, clock: FakeClock) -> None:
        start = clock.now()
        driver.halt()
        on_the_air_s = 4 * 9 * 128 / 13.56e6
        assert clock.now() - start >= on_the_air_s + 0.001 - 1e-6

    def test_the_timer_ends_the_wait_for_a_card(self, driver: Driver, clock: FakeClock) -> None:
        driver.read_uid()
        start = clock.now()
        driver.read_uid()
        assert clock.now() - start < 0.0004

    def test_a_timer_that_was_not_set_does_not_block(self, driver: Driver, clock: FakeClock) -> None:
        driver.read_uid()
        driver.Write_MFRC522(driver.TModeReg, 0)
        start = clock.now()
        with pytest.raises(UnreadableError, match="no end of the answer"):
            driver.read_uid()
        assert clock.now() - start < 0.003


class TestChip:
    def test_version(self, board: Board, driver: Driver) -> None:
        assert driver.version() == 0x92
        for floating_miso in (0x00, 0xFF):
            board.reader.unplug(floating_miso)
            assert driver.version() == floating_miso

    def test_fault(self, board: Board, driver: Driver) -> None:
        assert driver.fault() is None
        for floating_miso in (0x00, 0xFF):
            board.reader.unplug(floating_miso)
            assert driver.fault() == NO_ANSWER
            assert driver.restart() == NO_ANSWER
        board.reader.plug_in()
        assert driver.fault() == LOST.format("TxControlReg"), "it came back with its field off"
        assert driver.restart() is None
        assert driver.fault() is None

    @pytest.mark.parametrize("register", _REGISTERS, ids=_REGISTERS.get)
    def test_a_bit_that_cannot_be_set_is_told_if_it_matters(
        self, board: Board, driver: Driver, monkeypatch: pytest.MonkeyPatch, register: int
    ) -> None:
        read = board.reader._read
        for bit in (1 << place for place in range(8)):
            monkeypatch.setattr(board.reader, "_read", lambda asked, bit=bit: read(asked) ^ bit * (asked == register))
            lost = LOST.format(_REGISTERS[register]) if bit & MUST_BE_SO.get(register, 0) else None
            assert driver.restart() == lost, f"{bit:#04x}"

    def test_a_start_that_failed_is_told(self, board: Board, driver: Driver, clock: FakeClock) -> None:
        board.bus_error = errno.EIO
        with pytest.raises(OSError, match="Input/output error"):
            driver.restart()
        new = type(driver)(clock)
        board.bus_error = 0
        assert driver.fault() == new.fault() == NO_ANSWER

    @pytest.mark.parametrize(("gain_db", "value"), list(GAINS.items()))
    def test_gain(self, board: Board, driver: Driver, clock: FakeClock, gain_db: int, value: int) -> None:
        """RFCfgReg bits 6 to 4 (datasheet 9.3.3.6); the chip's own is 33 dB."""
        assert driver._read(driver.RFCfgReg) == bytes([0x48])
        driver = type(driver)(clock, gain_db)
        assert driver._read(driver.RFCfgReg) == bytes([value])
        board.reader.brown_out(except_for=[driver.TxControlReg])
        assert driver.restart() is None
        assert driver._read(driver.RFCfgReg) == bytes([value])

    def test_a_restart_drives_the_reset_pin_and_sends_the_reset_command(
        self, board: Board, driver: Driver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The command helps where the pin is not connected."""
        levels: list[bool] = []
        monkeypatch.setattr(board.reader, "set_nrstpd", levels.append)
        board.reader.flip(Register.DEMOD, 0xFF)
        driver.restart()
        assert levels == [False, True]
        assert driver._read(Register.DEMOD) == bytes([Register.DEMOD.reset])

    def test_a_card_has_5_ms_to_start_before_the_first_poll(self, driver: Driver, clock: FakeClock) -> None:
        for start in (0.0, clock.now()):
            driver.read_uid()
            assert clock.now() - start >= 0.001 + 0.005 + 0.005, "reset, oscillator, card"
            driver.restart()

    def test_only_its_own_pin_is_released(self, board: Board, driver: Driver) -> None:
        gpio = import_module("RPi.GPIO")
        gpio.setup(19, gpio.OUT, initial=gpio.HIGH)
        assert board.is_output(RESET_PIN)
        driver.close()
        assert not board.is_output(RESET_PIN)
        assert board.level(19)

    def test_a_restart_opens_the_bus_anew(self, driver: Driver) -> None:
        """Without closing it first, spidev leaves a file open at each."""
        inode = os.fstat(driver.spi.fileno()).st_ino
        driver.restart()
        assert os.fstat(driver.spi.fileno()).st_ino != inode
        assert driver.spi.max_speed_hz == 1_000_000, "the chip takes up to 10 MHz (8.1.2), long wires take less"

    def test_a_transfer_that_reads_is_as_the_datasheet_says(
        self, board: Board, driver: Driver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Addresses have the highest bit set and not the lowest (8.1.2.3); the last byte is 0 (8.1.2.1)."""
        sent: list[Sequence[int]] = []
        exchange = board.reader.exchange

        def record(mosi: Sequence[int]) -> list[int]:
            sent.append(mosi)
            return exchange(mosi)

        monkeypatch.setattr(board.reader, "exchange", record)
        driver.fault()
        assert [[byte & 0x81 for byte in mosi] for mosi in sent] == [[0x80, 0x80, 0x80, 0]]
        assert sent[0][-1] == 0

    def test_the_bus_is_released(self, driver: Driver) -> None:
        driver.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            driver.version()

    def test_a_machine_that_is_no_pi(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GPIO_FAILS", "NO_PI")
        monkeypatch.syspath_prepend(Path(__file__).with_name("failing_gpio"))
        for name in [*sys.modules]:
            if name == "common.mfrc522_chip" or name.partition(".")[0] in {"RPi", "mfrc522"}:
                monkeypatch.delitem(sys.modules, name)
        with pytest.raises(ImportError, match=str(NO_PI)):
            import_module("common.mfrc522_chip")


def sak(value: int) -> Bits:
    return to_bits(bytes([value]) + crc_a(bytes([value])))
