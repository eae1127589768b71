"""The MFRC522's contactless side: its antenna's field, and the frames that it exchanges with the cards in it."""

from collections.abc import Callable, Iterable
from math import inf

from simulator.virtual_pi import registers as reg
from simulator.virtual_pi.cards import AnyCard
from simulator.virtual_pi.fifo import Fifo
from simulator.virtual_pi.frames import BIT_S, CARRIER_HZ, Bits, Reply, crc16, crc_a, superpose, to_bits, to_bytes
from simulator.virtual_pi.picc import Picc, State
from simulator.virtual_pi.registers import ComIrq, Command, Error, ModemState, Register, RegisterBank
from simulator.virtual_pi.timer import Timer

_START_AND_END_BITS = 2  # (ISO/IEC 14443-3, 6.2.3)
_TIMER_STOP_BITS = 5  # a start bit and four data bits (9.3.3.10)
_COLL_POS_MAX = 32


class Field:
    """The cards in front of the antenna."""

    def __init__(self) -> None:
        self._is_on = False
        self._piccs: dict[AnyCard, Picc] = {}

    def place(self, cards: Iterable[AnyCard]) -> None:
        """Make these the cards in the field; one that was there already is not affected."""
        present = {card: self._piccs.get(card) or Picc(card) for card in cards}
        for card in self._piccs.keys() - present.keys():
            self._piccs[card].power_off()
        self._piccs = present
        self.power(self._is_on)

    def power(self, is_on: bool) -> None:
        """Switch the field on or off."""
        self._is_on = is_on
        for picc in self._piccs.values():
            picc.power_on() if is_on else picc.power_off()

    def answers(self, frame: Bits) -> dict[Picc, Reply]:
        """Send the cards a frame; return their replies."""
        replies = {picc: picc.receive(frame) for picc in self._piccs.values()} if self._is_on else {}
        return {picc: reply for picc, reply in replies.items() if reply}


class ContactlessUart:
    """Sends what is in the FIFO and receives the answers into it. Its events happen when `advance` is called."""

    def __init__(self, registers: RegisterBank, fifo: Fifo, timer: Timer, field: Field) -> None:
        self.modem = ModemState.IDLE
        self.is_deaf = False
        self._registers = registers
        self._fifo = fifo
        self._timer = timer
        self._field = field
        self._frame: Bits = ()
        self._replies: dict[Picc, Reply] = {}
        self._plan()
        self.switch_field()

    def _plan(self, *events: tuple[float, Callable[[float], None]]) -> None:
        """Set the events to come; `due` is the time of the first, a plain attribute since it is read often."""
        self._events = events
        self.due = events[0][0] if events else inf

    def advance(self) -> None:
        """Process the next event."""
        (at, event), *later = self._events
        self._plan(*later)
        event(at)

    def begin_command(self) -> None:
        """Abort a frame that is on the air; an answer that has not begun may still come."""
        if self.modem in (ModemState.TRANSMITTING, ModemState.RECEIVING):
            self._plan()
        self.modem = ModemState.IDLE

    def end_command(self) -> None:
        """Become idle, and request an interrupt for it."""
        self._registers[Register.COMMAND] &= 0x30
        self.modem = ModemState.IDLE
        self._registers.interrupt(ComIrq.IDLE)

    def switch_field(self) -> None:
        """Switch the field on or off, as TxControlReg says (9.3.2.5)."""
        self._field.power(self._antenna_is_on)

    @property
    def _antenna_is_on(self) -> bool:
        return bool(self._registers[Register.TX_CONTROL] & reg.TX_CONTROL_ANTENNA)

    def transmit(self, at: float) -> None:
        """Send what is in the FIFO, or wait for the field if that is set."""
        registers = self._registers
        if registers[Register.MODE] & reg.MODE_TX_WAIT_RF and not self._antenna_is_on:
            self.modem = ModemState.TX_WAIT
            return
        data, last_bits = self._fifo.take(), registers[Register.BIT_FRAMING] & 0x07
        if registers.command == Command.MF_AUTHENT:
            data, last_bits = data[:2] + crc_a(data[:2]), 0
        elif registers[Register.TX_MODE] & reg.CRC_EN and not last_bits:
            data += self._crc(data)
        self._frame = to_bits(data, last_bits)
        self.modem = ModemState.TRANSMITTING
        self._plan((at + _duration_s(self._frame), self._end_transmission))

    def _end_transmission(self, at: float) -> None:
        registers = self._registers
        can_be_understood = registers[Register.TX_ASK] & reg.TX_ASK_FORCE_100
        self._replies = self._field.answers(self._frame) if can_be_understood else {}
        if self._replies:
            self._plan((at + _frame_delay_s(self._frame), self._begin_reception))
        if registers[Register.T_MODE] & reg.T_MODE_AUTO:
            self._timer.start(at)
        if registers.command != Command.MF_AUTHENT:  # which does not set TxIRq (10.3.1.9)
            registers.interrupt(ComIrq.TX)
        self.modem = ModemState.WAIT_FOR_DATA
        if registers.command == Command.TRANSMIT:
            self.end_command()

    def _begin_reception(self, at: float) -> None:
        self._replies = {picc: reply for picc, reply in self._replies.items() if picc.state is not State.POWER_OFF}
        is_receiver_off = self.is_deaf or self._registers[Register.COMMAND] & reg.COMMAND_RCV_OFF
        if not self._replies or is_receiver_off or self.modem is not ModemState.WAIT_FOR_DATA:
            return
        self.modem = ModemState.RECEIVING
        longest = max((reply.bits for reply in self._replies.values()), key=len)
        self._plan(
            (at + _TIMER_STOP_BITS * BIT_S, self._stop_timer),
            (at + _duration_s(longest), self._end_reception),
        )

    def _stop_timer(self, at: float) -> None:
        if not self._registers[Register.RX_MODE] & reg.RX_MODE_MULTIPLE:
            self._timer.stop(at)

    def _end_reception(self, _at: float) -> None:
        registers = self._registers
        reply, collision = superpose(list(self._replies.values()))
        align = registers[Register.BIT_FRAMING] >> 4 & 0x07
        broken_off = any(picc.state is State.POWER_OFF for picc in self._replies)
        if broken_off or align != reply.split:
            registers.fail(Error.PARITY_ERR)
        self._store(self._mark_collision(reply.bits, collision), align)
        registers.interrupt(ComIrq.RX)
        if registers[Register.RX_MODE] & reg.RX_MODE_MULTIPLE:
            self.modem = ModemState.WAIT_FOR_DATA
        elif registers.command == Command.RECEIVE:
            self.end_command()
        else:
            self.modem = ModemState.WAIT_FOR_START_SEND

    def _mark_collision(self, bits: Bits, collision: int | None) -> Bits:
        """Record the position of a collision, counted from 1 among the received data bits (9.3.1.15)."""
        registers = self._registers
        coll = registers[Register.COLL] & reg.COLL_VALUES_AFTER_COLL
        if collision is None:
            registers[Register.COLL] = coll | reg.COLL_POS_NOT_VALID
            return bits
        registers.fail(Error.COLL_ERR)
        is_valid = collision < _COLL_POS_MAX
        registers[Register.COLL] = coll | ((collision + 1) % _COLL_POS_MAX if is_valid else reg.COLL_POS_NOT_VALID)
        return bits if coll else tuple(bit if index <= collision else 0 for index, bit in enumerate(bits))

    def _store(self, bits: Bits, align: int) -> None:
        registers = self._registers
        data = to_bytes(bits, align)
        if registers[Register.RX_MODE] & reg.CRC_EN:
            if data[-2:] == self._crc(data[:-2]):
                data = data[:-2]
            else:
                registers.fail(Error.CRC_ERR)
        self._fifo.append(data)
        registers[Register.CONTROL] = (registers[Register.CONTROL] & ~0x07) | (align + len(bits)) % 8

    def _crc(self, data: bytes) -> bytes:
        return crc16(data, reg.CRC_PRESETS[self._registers[Register.MODE] & 0x03]).to_bytes(2, "little")


def _duration_s(frame: Bits) -> float:
    """Return the time a frame takes: its data bits, a parity bit for each whole byte, its start and its end."""
    return (len(frame) + len(frame) // 8 + _START_AND_END_BITS) * BIT_S


def _frame_delay_s(frame: Bits) -> float:
    """Return the time from a frame to its answer, by the frame's last bit (ISO/IEC 14443-3, 6.2.1.1)."""
    return (1236 if frame[-1] else 1172) / CARRIER_HZ
