"""A reader that fails: what is told, and when it works again. On the virtual chip and a fake clock."""

import errno
import logging
from collections.abc import Callable

import pytest
import RPi.GPIO as GPIO

from common.card_reader import NOTICED_S, SILENCE_S
from common.cards import Card
from common.mfrc522_chip import _REGISTERS
from common.pace import LONGEST_S
from common.pins import PinError
from simulator.virtual_pi.board import Board
from simulator.virtual_pi.registers import Register
from tests.common.bench import FOUR, SEVEN, Bench
from tests.fake_clock import FakeClock
from tests.gpio_errors import BUSY

NO_ANSWER = "the card reader does not answer: check its wiring"
LOST = "the card reader has lost its configuration ({}): check its power supply and its wires"
STUCK = "the card reader is stuck: check its power supply and its wires"
BUS_FAILS = "the card reader's bus fails ({}): check that nothing else uses SPI bus 0"
NO_DEVICE = (
    "no /dev/spidev0.0: switch SPI on with 'sudo raspi-config nonint do_spi 0';"
    " if it is on, remove the overlay that uses GPIO 8"
)
NO_ACCESS = "no access to /dev/spidev0.0: add this user to the groups spi and gpio"
WORKS = "the card reader answers again"

STARTED = {  # the values of a reset (datasheet 9.3), but for those that have a reason beside them
    Register.STATUS2: 0x00,
    Register.MODE: 0x3D,  # a frame waits for the field
    Register.TX_MODE: 0x00,
    Register.RX_MODE: 0x00,
    Register.TX_CONTROL: 0x83,  # the field is on
    Register.TX_ASK: 0x40,  # 100 % modulation
    Register.TX_SEL: 0x10,
    Register.RX_SEL: 0x84,
    Register.RX_THRESHOLD: 0x84,
    Register.DEMOD: 0x4D,
    Register.MF_TX: 0x62,
    Register.MF_RX: 0x00,
    Register.MOD_WIDTH: 0x26,
    Register.RF_CFG: 0x48,  # 33 dB
    Register.GS_N: 0x88,
    Register.CW_GS_P: 0x20,
    Register.MOD_GS_P: 0x20,
    Register.T_MODE: 0x80,  # from the end of a frame
    Register.T_PRESCALER: 169,  # at 40 kHz
    Register.T_RELOAD_H: 0,
    Register.T_RELOAD_L: 9,  # for 10 periods
    Register.TEST_SEL2: 0x00,
    Register.AUTO_TEST: 0x40,
}
BITS = dict.fromkeys(STARTED, 0xFF) | {Register.STATUS2: 0x08}  # of that the others change by themselves, or do nothing


@pytest.fixture
def bench(board: Board, clock: FakeClock) -> Bench:
    return Bench(board, clock, LONGEST_S)


def values(board: Board) -> list[int]:
    """What the registers hold whose bits count."""
    return [board.reader.exchange([register << 1 | 0x80, 0])[1] & bits for register, bits in BITS.items()]


class TestConfiguration:
    def test_what_the_registers_hold_after_a_start(self, bench: Bench) -> None:
        assert dict(zip(BITS, values(bench.board), strict=True)) == STARTED

    @pytest.mark.parametrize("register", BITS, ids=lambda register: register.name)
    def test_each_bit_that_is_lost_is_restored_in_time(
        self, bench: Bench, caplog: pytest.LogCaptureFixture, register: Register
    ) -> None:
        before = values(bench.board)
        for bit in (1 << place for place in range(8) if BITS[register] & 1 << place):
            flipped_at = bench.clock.now()
            bench.board.reader.flip(register, bit)
            while values(bench.board) != before and bench.clock.now() - flipped_at < NOTICED_S:
                bench.poll_for(LONGEST_S)
            assert bench.clock.now() - flipped_at < NOTICED_S / 3
            assert bench.reader.problem is None
        assert set(caplog.messages) <= {LOST.format(_REGISTERS[register]), STUCK}
        assert _REGISTERS[register].replace("Reg", "").upper() == register.name.replace("_", "")
        bench.place(FOUR)
        assert bench.poll() == Card(FOUR.uid)

    def test_a_brown_out_that_leaves_the_field_on(self, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        before = values(bench.board)
        bench.board.reader.brown_out(except_for=[Register.TX_CONTROL])
        bench.place(FOUR)
        assert bench.poll_for(NOTICED_S / 2) == [FOUR.uid]
        assert values(bench.board) == before
        assert caplog.messages[1:] == [WORKS]

    def test_a_card_that_rests_meanwhile_is_not_presented_again(self, bench: Bench) -> None:
        bench.place(FOUR)
        bench.poll_for(1)
        bench.board.reader.flip(Register.TX_ASK, 0x40)
        assert bench.poll_for(NOTICED_S) == []

    def test_a_card_that_was_away_for_4_s_is_presented_again(self, bench: Bench) -> None:
        bench.place(FOUR)
        bench.poll_for(1)
        bench.place()
        bench.poll_for(4)
        bench.board.reader.set_nrstpd(False)
        bench.board.reader.set_nrstpd(True)
        bench.place(FOUR)
        assert bench.poll() == Card(FOUR.uid)

    def test_it_is_checked_while_a_card_rests(self, bench: Bench) -> None:
        bench.place(FOUR)
        bench.poll_for(1)
        before = values(bench.board)
        bench.board.reader.flip(Register.RF_CFG, 0x70)
        bench.poll_for(NOTICED_S / 2)
        assert values(bench.board) == before

    def test_a_chip_that_does_not_take_it_is_told(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(bench.board.reader, "_write", lambda *_: None)
        bench.board.reader.brown_out()
        bench.place(FOUR)
        assert bench.poll_for(10) == []
        assert bench.reader.problem == LOST.format("ModeReg")
        assert caplog.messages == [bench.reader.problem]
        monkeypatch.undo()
        assert bench.poll_for(1) == [FOUR.uid]
        assert bench.reader.problem is None

    def test_a_chip_that_was_reset_is_configured_again_at_once(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench.board.reader.set_nrstpd(False)
        bench.board.reader.set_nrstpd(True)
        bench.place(FOUR)
        with caplog.at_level(logging.INFO):
            assert bench.poll() == Card(FOUR.uid)
        assert caplog.messages == [LOST.format("TxControlReg"), WORKS]
        assert bench.reader.problem is None


class TestReceiver:
    def test_one_that_went_deaf_hears_again_within_a_minute(self, bench: Bench) -> None:
        bench.board.reader.deafen()
        assert bench.poll_for(60.0) == []
        bench.place(FOUR)
        assert bench.poll_for(0.1) == [FOUR.uid]
        assert bench.reader.problem is None

    def test_a_restart_for_silence_costs_less_than_10_ms(
        self, bench: Bench, clock: FakeClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        longest_s = 0.0
        while clock.now() < 10 * SILENCE_S:
            start = clock.now()
            bench.reader.poll()
            longest_s = max(longest_s, clock.now() - start)
            clock.sleep(1.0)
        assert 0.006 < longest_s < 0.010
        assert caplog.messages == []

    def test_none_while_cards_answer(self, bench: Bench, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
        restarts: list[bool] = []
        monkeypatch.setattr(bench.board.reader, "set_nrstpd", restarts.append)
        while clock.now() < 3 * SILENCE_S:
            bench.place(FOUR)
            bench.poll_for(0.1)
            bench.place()
            bench.poll_for(0.1)
            clock.sleep(45.0)
        assert restarts == []

    def test_a_chip_whose_frames_never_end_is_restarted_at_once(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench.board.reader.stop()
        bench.place(FOUR)
        assert bench.poll_for(0.1) == [FOUR.uid]
        assert caplog.messages == [STUCK]

    def test_one_that_stays_stuck_is_told(self, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        bench.board.reader.stop(for_good=True)
        assert bench.poll_for(10) == []
        assert bench.reader.problem == STUCK
        assert caplog.messages == [STUCK]


class TestWires:
    @pytest.mark.parametrize("floating_miso", [0x00, 0xFF])
    def test_unplugged_and_plugged_in(self, bench: Bench, floating_miso: int) -> None:
        bench.place(FOUR)
        bench.poll_for(0.1)
        bench.board.reader.unplug(floating_miso)
        assert bench.poll_for(5) == []
        assert bench.reader.problem == NO_ANSWER
        bench.board.reader.plug_in()
        assert bench.poll_for(1) == [], "it was presented before"
        assert bench.reader.problem is None
        bench.place(SEVEN)
        assert bench.poll() == Card(SEVEN.uid)

    @pytest.mark.parametrize("every", [2, 3, 10, 50, 1000])
    def test_transfers_that_get_lost(self, bench: Bench, caplog: pytest.LogCaptureFixture, every: int) -> None:
        """Nothing but the card's own number is read, each text is logged once a minute, and it works in the end."""
        caplog.set_level(logging.INFO)
        bench.board.reader.lose_transfers(every)
        bench.place(FOUR)
        assert set(bench.poll_for(10)) <= {FOUR.uid, None}
        assert len(caplog.messages) == len(set(caplog.messages))
        bench.board.reader.lose_transfers(0)
        bench.place()
        bench.poll_for(5)
        bench.place(FOUR)
        assert bench.poll_for(1) == [FOUR.uid]

    def test_one_that_lasts_is_told_once(self, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        bench.board.reader.unplug()
        bench.poll_for(150)
        assert caplog.messages == [NO_ANSWER]

    def test_one_that_comes_and_goes_is_told_once_a_minute(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(20):
            bench.board.reader.unplug()
            bench.poll_for(0.1)
            bench.board.reader.plug_in()
            bench.poll_for(0.1)
            bench.clock.sleep(10.8)
        assert caplog.messages == [NO_ANSWER] * 4, "after 0, 66, 132 and 198 s"


class TestBus:
    @pytest.mark.parametrize(
        ("error", "problem"),
        [
            (errno.ENOENT, NO_DEVICE),
            (errno.EACCES, NO_ACCESS),
            (errno.EIO, BUS_FAILS.format("Input/output error")),
            (errno.ETIMEDOUT, BUS_FAILS.format("Connection timed out")),
        ],
        ids=errno.errorcode.get,
    )
    def test_it_fails_at_the_start_and_later(
        self, bench: Bench, caplog: pytest.LogCaptureFixture, error: int, problem: str
    ) -> None:
        caplog.set_level(logging.INFO)
        bench.place(FOUR)
        bench.board.bus_error = error
        bench.start()
        assert bench.poll_for(1) == []
        assert bench.reader.problem == problem
        bench.board.bus_error = 0
        assert bench.poll_for(1) == [], "at the start"
        assert bench.reader.problem is None
        bench.place(SEVEN)
        assert bench.poll_for(1) == [SEVEN.uid]
        bench.board.bus_error = error
        assert bench.poll_for(1) == []
        assert bench.reader.problem == problem
        bench.board.bus_error = 0
        bench.place()
        assert bench.poll_for(1) == []
        bench.place(FOUR)
        assert bench.poll() == Card(FOUR.uid)
        assert bench.reader.problem is None
        assert [message for message in caplog.messages if "shutdown" not in message] == [problem, WORKS]

    def test_a_reader_that_comes_later(self, bench: Bench) -> None:
        bench.board.reader.unplug()
        bench.start()
        bench.poll_for(1)
        assert bench.reader.problem == NO_ANSWER
        bench.board.reader.plug_in()
        bench.poll_for(1)
        assert bench.reader.problem is None
        bench.place(FOUR)
        assert bench.poll() == Card(FOUR.uid)

    def test_close_releases_the_chip(self, bench: Bench) -> None:
        bench.reader.close()
        bench.reader.poll()
        assert bench.reader.problem == BUS_FAILS.format("Bad file descriptor")


class TestResetPin:
    BUSY = (
        "the reader's reset pin (GPIO 25) cannot be used (GPIO busy):"
        " another program or an overlay has it: 'python -m doctor' names it"
    )

    @pytest.fixture
    def refuse(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        def refuse(function: str) -> None:
            def fail(*_: object, **__: object) -> None:
                raise BUSY

            monkeypatch.setattr(GPIO, function, fail)

        return refuse

    def test_one_that_another_program_has(self, bench: Bench, refuse: Callable[[str], None]) -> None:
        refuse("setup")
        with pytest.raises(PinError) as raised:
            bench.start()
        assert str(raised.value) == self.BUSY

    def test_one_that_fails_later(self, bench: Bench, refuse: Callable[[str], None]) -> None:
        bench.board.reader.unplug()
        refuse("output")
        bench.poll_for(1)
        assert bench.reader.problem == self.BUSY
