"""The virtual MFRC522 against its datasheet, over raw SPI."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.virtual_pi.cards import VirtualCard, VirtualPhone
from simulator.virtual_pi.chip import Mfrc522
from simulator.virtual_pi.registers import ComIrq, Command, Error, ModemState, Register, Status1
from tests.simulator.chip_rig import ENOUGH_S, REQA, Rig

CARD = VirtualCard(bytes.fromhex("0a1b2c3d"))
TICK_S = (2 * 0xD3E + 1) / 13.56e6
TIMEOUT_S = 31 * TICK_S
REQA_S = 9 * 128 / 13.56e6  # start, seven bits, end


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def ready() -> Rig:
    """A reader with one card in its field."""
    return Rig(CARD).initialise()


class TestRegisters:
    @pytest.mark.parametrize(
        ("address", "value"),
        [
            (0x01, 0x20), (0x02, 0x80), (0x03, 0x00), (0x04, 0x14), (0x05, 0x00), (0x06, 0x00), (0x07, 0x21),
            (0x08, 0x00), (0x0A, 0x00), (0x0B, 0x08), (0x0C, 0x10), (0x0D, 0x00), (0x11, 0x3F), (0x12, 0x00),
            (0x13, 0x00), (0x14, 0x80), (0x15, 0x00), (0x16, 0x10), (0x17, 0x84), (0x18, 0x84), (0x19, 0x4D),
            (0x1C, 0x62), (0x1D, 0x00), (0x1F, 0xEB), (0x21, 0xFF), (0x22, 0xFF), (0x24, 0x26), (0x26, 0x48),
            (0x27, 0x88), (0x28, 0x20), (0x29, 0x20), (0x2A, 0x00), (0x2B, 0x00), (0x2C, 0x00), (0x2D, 0x00),
            (0x37, 0x92),
        ],
    )  # fmt: skip
    def test_reset_value(self, rig: Rig, address: int, value: int) -> None:
        assert rig.read(address) == value

    def test_a_write_takes_many_values_for_one_address(self, rig: Rig) -> None:
        rig.write(Register.FIFO_DATA, 1, 2, 3)
        assert rig.read(Register.FIFO_LEVEL) == 3

    def test_a_read_takes_an_address_per_byte(self, rig: Rig) -> None:
        mosi = [Register.VERSION << 1 | 0x80, Register.TX_CONTROL << 1 | 0x80, 0]
        assert rig.chip.exchange(mosi) == [0, 0x92, 0x80]

    @pytest.mark.parametrize("register", [Register.VERSION, Register.ERROR, Register.CRC_RESULT_L, 0x0F, 0x3F])
    def test_read_only(self, rig: Rig, register: int) -> None:
        before = rig.read(register)
        rig.write(register, ~before & 0xFF)
        assert rig.read(register) == before

    def test_soft_reset(self, ready: Rig) -> None:
        ready.write(Register.FIFO_DATA, 1, 2, 3)
        ready.write(Register.COMMAND, Command.SOFT_RESET)
        assert [ready.read(register) for register in (0x01, 0x0A, 0x11, 0x14, 0x2A)] == [0x20, 0, 0x3F, 0x80, 0]

    def test_the_host_cannot_set_crypto1(self, rig: Rig) -> None:
        rig.write(Register.STATUS2, 0x48)
        assert rig.read(Register.STATUS2) == 0x40

    def test_transfers_are_counted(self, rig: Rig) -> None:
        rig.write(Register.FIFO_DATA, 1, 2, 3)
        rig.read(Register.FIFO_LEVEL)
        assert rig.chip.transfers == 2


class TestInterrupts:
    def test_set1_chooses_between_setting_and_clearing(self, rig: Rig) -> None:
        rig.write(Register.COM_IRQ, 0x7F)
        assert rig.read(Register.COM_IRQ) == 0
        rig.write(Register.COM_IRQ, ComIrq.SET1 | ComIrq.RX | ComIrq.TIMER)
        assert rig.read(Register.COM_IRQ) == ComIrq.RX | ComIrq.TIMER
        rig.write(Register.COM_IRQ, ComIrq.RX)
        assert rig.read(Register.COM_IRQ) == ComIrq.TIMER

    def test_status1_shows_only_enabled_requests(self, rig: Rig) -> None:
        assert not rig.read(Register.STATUS1) & Status1.IRQ
        rig.write(Register.COM_I_EN, ComIrq.IDLE)
        assert rig.read(Register.STATUS1) & Status1.IRQ

    def test_the_host_going_idle_requests_nothing(self, rig: Rig) -> None:
        rig.write(Register.COM_IRQ, 0x7F)
        rig.write(Register.COMMAND, Command.IDLE)
        assert rig.read(Register.COM_IRQ) == 0

    def test_an_unknown_command_ends_at_once(self, rig: Rig) -> None:
        rig.write(Register.COM_IRQ, 0x7F)
        rig.write(Register.COMMAND, 0x05)
        assert rig.read(Register.COMMAND) & 0x0F == Command.IDLE
        assert rig.read(Register.COM_IRQ) == ComIrq.IDLE

    def test_no_cmd_change_leaves_the_command(self, rig: Rig) -> None:
        rig.write(Register.COMMAND, Command.TRANSCEIVE)
        rig.write(Register.COMMAND, 0x20 | Command.NO_CMD_CHANGE)
        assert rig.read(Register.COMMAND) == 0x20 | Command.TRANSCEIVE


class TestFifo:
    def test_first_in_first_out(self, rig: Rig) -> None:
        rig.write(Register.FIFO_DATA, *range(10))
        assert rig.read_fifo() == bytes(range(10))
        assert rig.read(Register.FIFO_LEVEL) == 0

    def test_the_65th_byte_overflows_and_a_flush_clears_the_error(self, rig: Rig) -> None:
        rig.write(Register.FIFO_DATA, *range(64))
        assert rig.read(Register.ERROR) == 0
        rig.write(Register.FIFO_DATA, 99)
        assert rig.read(Register.ERROR) == Error.BUFFER_OVFL
        assert rig.read(Register.COM_IRQ) & ComIrq.ERR
        assert rig.read_fifo() == bytes(range(64))
        rig.write(Register.FIFO_LEVEL, 0x80)
        assert (rig.read(Register.FIFO_LEVEL), rig.read(Register.ERROR)) == (0, 0)

    def test_alerts_at_the_water_level(self, rig: Rig) -> None:
        rig.write(Register.COM_IRQ, 0x7F)
        rig.write(Register.FIFO_DATA, *range(55))
        assert not rig.read(Register.STATUS1) & (Status1.HI_ALERT | Status1.LO_ALERT)
        rig.write(Register.FIFO_DATA, 1)
        assert rig.read(Register.STATUS1) & Status1.HI_ALERT
        assert rig.read(Register.COM_IRQ) == ComIrq.HI_ALERT
        rig.write(Register.FIFO_LEVEL, 0x80)
        assert rig.read(Register.STATUS1) & Status1.LO_ALERT
        assert rig.read(Register.COM_IRQ) == ComIrq.HI_ALERT | ComIrq.LO_ALERT

    def test_a_write_while_an_answer_is_awaited_is_an_error(self, ready: Rig) -> None:
        ready.start(bytes([REQA]), last_bits=7)
        ready.now += REQA_S
        ready.write(Register.FIFO_DATA, 1)
        assert ready.read(Register.ERROR) == Error.WR_ERR


class TestCrcCoprocessor:
    def calculate(self, rig: Rig, mode: int, data: bytes) -> bytes:
        rig.write(Register.MODE, mode)
        rig.write(Register.FIFO_LEVEL, 0x80)
        rig.write(Register.DIV_IRQ, 0x04)
        rig.write(Register.FIFO_DATA, *data)
        rig.write(Register.COMMAND, Command.CALC_CRC)
        if not rig.read(Register.DIV_IRQ) & 0x04:
            raise ValueError("no CRC is ready")
        return bytes([rig.read(Register.CRC_RESULT_L), rig.read(Register.CRC_RESULT_H)])

    @pytest.mark.parametrize(("data", "crc"), [("0000", "a01e"), ("1234", "26cf")])
    def test_crc_a_of_iso_14443_3_annex_b(self, rig: Rig, data: str, crc: str) -> None:
        assert self.calculate(rig, 0x3D, bytes.fromhex(data)).hex() == crc

    @pytest.mark.parametrize(("data", "crc"), [("000000", "ccc6"), ("0faaff", "fcd1"), ("0a123456", "2cf6")])
    def test_crc_b_of_iso_14443_3_annex_b_is_the_complement_at_preset_ffff(self, rig: Rig, data: str, crc: str) -> None:
        result = self.calculate(rig, 0x3F, bytes.fromhex(data))
        assert bytes(~byte & 0xFF for byte in result).hex() == crc

    def test_bytes_written_later_are_added(self, rig: Rig) -> None:
        self.calculate(rig, 0x3D, b"\x12")
        rig.write(Register.FIFO_DATA, 0x34)
        assert [rig.read(Register.CRC_RESULT_L), rig.read(Register.CRC_RESULT_H)] == [0x26, 0xCF]

    def test_the_crc_of_data_with_its_crc_is_zero(self, rig: Rig) -> None:
        self.calculate(rig, 0x3D, bytes.fromhex("123426cf"))
        assert rig.read(Register.STATUS1) & Status1.CRC_OK


class TestTimer:
    def test_it_starts_with_the_end_of_the_transmission(self) -> None:
        rig = Rig().initialise()
        rig.start(bytes([REQA]), last_bits=7)
        rig.now += 0.99 * REQA_S
        assert not rig.read(Register.STATUS1) & Status1.T_RUNNING
        rig.now = REQA_S
        assert rig.read(Register.STATUS1) & Status1.T_RUNNING
        rig.now = REQA_S + 0.999 * TIMEOUT_S
        assert not rig.read(Register.COM_IRQ) & ComIrq.TIMER
        rig.now = REQA_S + 1.001 * TIMEOUT_S
        assert rig.read(Register.COM_IRQ) & (ComIrq.TIMER | ComIrq.RX) == ComIrq.TIMER
        assert not rig.read(Register.STATUS1) & Status1.T_RUNNING

    def test_an_answer_stops_it(self, ready: Rig) -> None:
        ready.start(bytes([REQA]), last_bits=7)
        ready.now += 10 * TIMEOUT_S
        assert ready.read(Register.COM_IRQ) & (ComIrq.TIMER | ComIrq.RX) == ComIrq.RX

    def test_without_tauto_nothing_times_out(self) -> None:
        rig = Rig().initialise()
        rig.write(Register.T_MODE, 0x0D)
        rig.start(bytes([REQA]), last_bits=7)
        rig.now += 10 * TIMEOUT_S
        assert not rig.read(Register.COM_IRQ) & ComIrq.TIMER

    def test_start_count_and_stop_by_hand(self, rig: Rig) -> None:
        rig.initialise()
        rig.write(Register.COM_IRQ, 0x7F)
        rig.write(Register.CONTROL, 0x40)
        rig.now += 10.5 * TICK_S
        assert rig.read(Register.T_COUNTER_VAL_L) == 20
        rig.write(Register.CONTROL, 0x80)
        rig.now += TIMEOUT_S
        assert rig.read(Register.T_COUNTER_VAL_L) == 20
        assert not rig.read(Register.COM_IRQ) & ComIrq.TIMER

    def test_auto_restart(self, rig: Rig) -> None:
        rig.initialise()
        rig.write(Register.T_MODE, 0x1D)
        rig.write(Register.CONTROL, 0x40)
        for _ in range(3):
            rig.write(Register.COM_IRQ, 0x7F)
            rig.now += 1.001 * TIMEOUT_S
            assert rig.read(Register.COM_IRQ) & ComIrq.TIMER
            assert rig.read(Register.STATUS1) & Status1.T_RUNNING

    def test_auto_restart_keeps_its_period_without_accesses(self, rig: Rig) -> None:
        rig.initialise()
        rig.write(Register.T_MODE, 0x1D)
        rig.write(Register.CONTROL, 0x40)
        rig.now += 1_000_000 * TIMEOUT_S + 10.5 * TICK_S
        assert rig.read(Register.T_COUNTER_VAL_L) == 20

    def test_even_prescaler(self, rig: Rig) -> None:
        rig.initialise()
        rig.write(Register.DEMOD, 0x4D | 0x10)
        rig.write(Register.T_PRESCALER, 0)
        rig.write(Register.T_MODE, 0)
        rig.write(Register.COM_IRQ, 0x7F)
        rig.write(Register.CONTROL, 0x40)
        rig.now += 31 * 1.5 / 13.56e6
        assert not rig.read(Register.COM_IRQ) & ComIrq.TIMER
        rig.now += 31 * 0.6 / 13.56e6
        assert rig.read(Register.COM_IRQ) & ComIrq.TIMER


class TestTransceive:
    def test_it_waits_for_start_send(self, ready: Rig) -> None:
        ready.write(Register.COM_IRQ, 0x7F)
        ready.write(Register.FIFO_DATA, REQA)
        ready.write(Register.BIT_FRAMING, 0x07)
        ready.write(Register.COMMAND, Command.TRANSCEIVE)
        ready.now += ENOUGH_S
        assert not ready.read(Register.COM_IRQ) & ComIrq.TX
        assert ready.read(Register.STATUS2) == ModemState.WAIT_FOR_START_SEND
        ready.write(Register.BIT_FRAMING, 0x87)
        ready.now += ENOUGH_S
        assert ready.read(Register.COM_IRQ) & (ComIrq.TX | ComIrq.RX) == ComIrq.TX | ComIrq.RX

    def test_the_answer_takes_its_time(self, ready: Rig) -> None:
        """REQA, 1172 carrier periods of frame delay, then start, 16 bits, 2 parity bits and end at 106 kbit/s."""
        ready.start(bytes([REQA]), last_bits=7)
        answered_at = REQA_S + 1172 / 13.56e6 + 20 * 128 / 13.56e6
        ready.now = answered_at - 1e-6
        assert ready.read(Register.STATUS2) == ModemState.RECEIVING
        assert not ready.read(Register.COM_IRQ) & ComIrq.RX
        ready.now = answered_at + 1e-6
        assert ready.read(Register.COM_IRQ) & ComIrq.RX
        assert ready.read_fifo() == b"\x04\x00"

    def test_a_command_aborts_a_transmission(self, ready: Rig) -> None:
        ready.start(bytes([REQA]), last_bits=7)
        ready.now += REQA_S / 2
        ready.write(Register.COMMAND, Command.IDLE)
        ready.now += ENOUGH_S
        assert ready.read(Register.FIFO_LEVEL) == 0
        assert ready.wake() == b"\x04\x00"  # the card has not received that frame, so it is idle

    def test_transmit_then_receive(self, ready: Rig) -> None:
        ready.write(Register.COM_IRQ, 0x7F)
        ready.write(Register.BIT_FRAMING, 0x07)
        ready.write(Register.FIFO_DATA, REQA)
        ready.write(Register.COMMAND, Command.TRANSMIT)
        ready.now += REQA_S
        assert ready.read(Register.COM_IRQ) & (ComIrq.TX | ComIrq.IDLE) == ComIrq.TX | ComIrq.IDLE
        ready.write(Register.COMMAND, Command.RECEIVE)
        ready.now += ENOUGH_S
        assert ready.read_fifo() == b"\x04\x00"
        assert ready.read(Register.COMMAND) & 0x0F == Command.IDLE

    def test_the_chip_appends_and_checks_crc_a(self, ready: Rig) -> None:
        ready.wake()
        level = ready.transceive(b"\x93\x20").data
        ready.write(Register.TX_MODE, 0x80)
        ready.write(Register.RX_MODE, 0x80)
        answer = ready.transceive(b"\x93\x70" + level)
        assert (answer.data, answer.error) == (b"\x08", 0)

    def test_an_answer_without_crc_fails_the_check(self, ready: Rig) -> None:
        ready.write(Register.RX_MODE, 0x80)
        answer = ready.transceive(bytes([REQA]), last_bits=7)
        assert (answer.data, answer.error) == (b"\x04\x00", Error.CRC_ERR)

    def test_a_receiver_that_is_off_receives_nothing(self, ready: Rig) -> None:
        ready.start(bytes([REQA]), last_bits=7)
        ready.write(Register.COMMAND, 0x20 | Command.NO_CMD_CHANGE)
        ready.now += ENOUGH_S
        assert not ready.read(Register.COM_IRQ) & ComIrq.RX

    def test_with_rx_multiple_the_receiver_stays_on(self, ready: Rig) -> None:
        ready.write(Register.RX_MODE, 0x04)
        assert ready.wake() == b"\x04\x00"
        assert ready.read(Register.STATUS2) == ModemState.WAIT_FOR_DATA
        assert ready.read(Register.STATUS1) & Status1.T_RUNNING

    def test_a_card_removed_while_it_answers_causes_a_parity_error(self, ready: Rig) -> None:
        ready.start(bytes([REQA]), last_bits=7)
        ready.now += REQA_S + 1172 / 13.56e6 + 5 * 128 / 13.56e6
        ready.chip.place([])
        ready.now += ENOUGH_S
        assert ready.read(Register.ERROR) == Error.PARITY_ERR

    def test_mf_authent_gets_no_answer_and_crypto1_stays_off(self, ready: Rig) -> None:
        ready.wake()
        level = ready.transceive(b"\x93\x20").data
        ready.select(level)
        ready.write(Register.COM_IRQ, 0x7F)
        ready.write(Register.FIFO_DATA, 0x60, 11, *b"\xff" * 6, *level[:4])
        ready.write(Register.COMMAND, Command.MF_AUTHENT)
        ready.now += 0.1
        requests = ComIrq.TIMER | ComIrq.IDLE | ComIrq.TX | ComIrq.RX
        assert ready.read(Register.COM_IRQ) & requests == ComIrq.TIMER
        assert not ready.read(Register.STATUS2) & 0x08


class TestAntenna:
    def test_off_takes_the_cards_power(self, ready: Rig) -> None:
        ready.wake()
        ready.select(ready.transceive(b"\x93\x20").data)
        ready.halt()
        assert ready.wake() == b""
        ready.write(Register.TX_CONTROL, 0x80)
        ready.write(Register.TX_CONTROL, 0x83)
        assert ready.wake() == b"\x04\x00"

    def test_a_transmission_waits_for_the_field(self, ready: Rig) -> None:
        ready.write(Register.TX_CONTROL, 0x80)
        ready.start(bytes([REQA]), last_bits=7)
        ready.now += 1
        assert ready.read(Register.STATUS2) == ModemState.TX_WAIT
        assert not ready.read(Register.COM_IRQ) & (ComIrq.TX | ComIrq.TIMER)
        ready.write(Register.TX_CONTROL, 0x83)
        ready.now += ENOUGH_S
        assert ready.read_fifo() == b"\x04\x00"

    def test_without_100_percent_ask_no_card_understands(self, ready: Rig) -> None:
        ready.write(Register.TX_ASK, 0x00)
        assert ready.wake() == b""
        ready.write(Register.TX_ASK, 0x40)
        assert ready.wake() == b"\x04\x00"


class TestWires:
    @pytest.mark.parametrize("floating", [0x00, 0xFF])
    def test_unplugged(self, ready: Rig, floating: int) -> None:
        ready.chip.unplug(floating)
        assert {ready.read(register) for register in range(0x40)} == {floating}
        ready.write(Register.T_MODE, 0x8D)
        ready.chip.plug_in()
        assert (ready.read(Register.VERSION), ready.read(Register.T_MODE), ready.read(Register.TX_CONTROL)) == (
            0x92,
            0x00,
            0x80,
        )
        assert ready.initialise().wake() == b"\x04\x00"

    def test_reset_pin(self, ready: Rig) -> None:
        ready.chip.set_nrstpd(False)
        assert ready.read(Register.VERSION) == 0
        ready.chip.set_nrstpd(True)
        assert (ready.read(Register.VERSION), ready.read(Register.T_MODE)) == (0x92, 0x00)

    def test_a_halted_card_is_not_affected_by_a_second_one(self, ready: Rig) -> None:
        ready.wake()
        ready.select(ready.transceive(b"\x93\x20").data)
        ready.halt()
        ready.chip.place([CARD, VirtualCard(bytes.fromhex("01020304"))])
        ready.wake()
        assert ready.transceive(b"\x93\x20").data == bytes.fromhex("0102030404")


_TRANSFERS = st.lists(st.integers(0, 0xFF), min_size=1, max_size=70)
_CARDS = st.lists(
    st.sampled_from([CARD, VirtualCard(bytes(range(7))), VirtualCard(bytes(range(10))), VirtualPhone()]), unique=True
)


@given(st.lists(st.tuples(_TRANSFERS, st.floats(0, 0.02), _CARDS)))
def test_the_chip_survives_any_access(steps: list[tuple[list[int], float, list[VirtualCard | VirtualPhone]]]) -> None:
    now = 0.0
    chip = Mfrc522(clock=lambda: now)
    for mosi, seconds, cards in steps:
        chip.place(cards)
        miso = chip.exchange(mosi)
        assert len(miso) == len(mosi)
        assert all(0 <= byte <= 0xFF for byte in miso)
        now += seconds
    chip.exchange([Command.SOFT_RESET << 1, 0])
    chip.exchange([Register.COMMAND << 1, Command.SOFT_RESET])
    assert chip.exchange([Register.VERSION << 1 | 0x80, 0]) == [0, 0x92]
