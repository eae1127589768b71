"""The MFRC522 contactless reader IC, as seen through its SPI interface (datasheet rev. 3.9).

Left out: UART and I2C, soft power-down, bit rates above 106 kbit/s, frames longer than the FIFO, the self-test and
the sectors of MIFARE Classic cards. MFAuthent therefore sends its request, gets no answer, and ends as the datasheet
has it for a card that does not answer: when the timer has run out and the host writes Idle.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from math import inf

from simulator.virtual_pi import registers as reg
from simulator.virtual_pi.cards import AnyCard
from simulator.virtual_pi.frames import BIT_S, CARRIER_HZ, Bits, Reply, crc16, crc_a, superpose, to_bits, to_bytes
from simulator.virtual_pi.picc import Picc, State
from simulator.virtual_pi.registers import ComIrq, Command, Error, ModemState, Register, Status1
from simulator.virtual_pi.timer import Timer

_START_AND_END_BITS = 2
_TIMER_STOP_BITS = 5  # a start bit and four data bits (9.3.3.10)
_COLL_POS_MAX = 32


class Mfrc522:
    """A reader and the cards in its field. Its state advances whenever it is accessed; any thread may do so.

    Args:
        clock: the time in seconds; must not run backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.transfers = 0
        self._clock = clock
        self._floating_miso = 0x00
        self._lock = threading.Lock()
        self._plugged_in = self._nrstpd = self._responsive = True
        self._piccs: dict[AnyCard, Picc] = {}
        self._readers: dict[int, Callable[[], int]] = {
            Register.STATUS1: self._read_status1,
            Register.STATUS2: lambda: self._values[Register.STATUS2] | self._modem,
            Register.FIFO_DATA: self._read_fifo_data,
            Register.FIFO_LEVEL: lambda: len(self._fifo),
            Register.T_COUNTER_VAL_H: lambda: self._timer.counter(self._clock()) >> 8,
            Register.T_COUNTER_VAL_L: lambda: self._timer.counter(self._clock()) & 0xFF,
        }
        self._writers: dict[int, Callable[[int], None]] = {
            Register.COMMAND: self._write_command,
            Register.COM_IRQ: lambda value: self._write_irq(Register.COM_IRQ, value, 0x7F),
            Register.DIV_IRQ: lambda value: self._write_irq(Register.DIV_IRQ, value, 0x14),
            Register.STATUS2: self._write_status2,
            Register.FIFO_DATA: self._write_fifo_data,
            Register.FIFO_LEVEL: self._write_fifo_level,
            Register.WATER_LEVEL: self._write_water_level,
            Register.CONTROL: self._write_control,
            Register.BIT_FRAMING: self._write_bit_framing,
            Register.COLL: self._write_coll,
            Register.TX_CONTROL: self._write_tx_control,
        }
        self._reset()

    # ------------------------------------------------------------------ wires and hands

    def exchange(self, mosi: Sequence[int]) -> list[int]:
        """Carry out one SPI transfer and return what the chip sends meanwhile (8.1.2).

        A read takes an address in every byte but the last and answers each one byte later; a write takes an address
        and any number of values for it.
        """
        with self._lock:
            self.transfers += 1
            if not self._responsive:
                return [self._floating_miso] * len(mosi)
            if self._due <= self._clock():
                self._advance()
            if mosi[0] & 0x80:
                return [0, *[self._read(address >> 1 & 0x3F) for address in mosi[:-1]]]
            for value in mosi[1:]:
                self._write(mosi[0] >> 1, value)
            return [0] * len(mosi)

    def place(self, cards: Iterable[AnyCard]) -> None:
        """Make these the cards in the field; one that was there already notices nothing."""
        with self._lock:
            self._advance()
            present = {card: self._piccs.get(card) or Picc(card) for card in cards}
            for card in self._piccs.keys() - present.keys():
                self._piccs[card].power_off()
            self._piccs = present
            self._power_cards()

    def plug_in(self) -> None:
        """Put the wires on again, if they are off; the chip comes back reset."""
        with self._lock:
            self._plugged_in = True
            self._power()

    def unplug(self, floating_miso: int = 0x00) -> None:
        """Pull all the wires off; the host then reads nothing but this byte, 0x00 or 0xFF."""
        with self._lock:
            self._plugged_in, self._floating_miso = False, floating_miso
            self._power()

    def set_nrstpd(self, level: bool) -> None:
        """Drive the pin NRSTPD: low is hard power-down, the rising edge resets (8.6.1, 8.8)."""
        with self._lock:
            self._nrstpd = level
            self._power()

    def _power(self) -> None:
        responsive = self._plugged_in and self._nrstpd
        if responsive != self._responsive:
            self._responsive = responsive
            self._reset()

    def _reset(self) -> None:
        self._values = bytearray(0x40)
        for register, value in reg.RESET_VALUES.items():
            self._values[register] = value
        self._fifo = bytearray()
        self._low, self._high = True, False
        self._timer = Timer()
        self._modem = ModemState.IDLE
        self._frame: Bits = ()
        self._replies: dict[Picc, Reply] = {}
        self._air: list[tuple[float, Callable[[float], None]]] = []
        self._due = inf
        self._power_cards()

    # ------------------------------------------------------------------ time

    def _advance(self) -> None:
        """Let everything happen that is due, in order."""
        now = self._clock()
        while self._due <= now:
            if self._timer.expires_at == self._due:
                self._expire_timer(self._due)
            else:
                at, event = self._air.pop(0)
                event(at)
            self._schedule()

    def _schedule(self) -> None:
        self._due = min(self._timer.expires_at, self._air[0][0] if self._air else inf)

    def _start_timer(self, at: float) -> None:
        values = self._values
        prescaler = (values[Register.T_MODE] & 0x0F) << 8 | values[Register.T_PRESCALER]
        even = bool(values[Register.DEMOD] & reg.DEMOD_PRESCAL_EVEN)
        tick_s = (2 * prescaler + (2 if even else 1)) / CARRIER_HZ
        self._timer.start(at, values[Register.T_RELOAD_H] << 8 | values[Register.T_RELOAD_L], tick_s)

    def _expire_timer(self, at: float) -> None:
        self._timer.stop(at)
        self._interrupt(ComIrq.TIMER)
        if self._values[Register.T_MODE] & reg.T_MODE_AUTO_RESTART:
            self._start_timer(at)
            self._timer.skip_to(self._clock())

    # ------------------------------------------------------------------ registers

    def _read(self, register: int) -> int:
        reader = self._readers.get(register)
        return reader() if reader else self._values[register]

    def _write(self, register: int, value: int) -> None:
        writer = self._writers.get(register)
        if writer:
            writer(value)
            self._schedule()
        elif register not in reg.READ_ONLY:
            self._values[register] = value

    def _read_status1(self) -> int:
        values = self._values
        requests = values[Register.COM_IRQ] & values[Register.COM_I_EN] & 0x7F
        requests |= values[Register.DIV_IRQ] & values[Register.DIV_I_EN] & 0x14
        crc_is_zero = not (values[Register.CRC_RESULT_H] or values[Register.CRC_RESULT_L])
        status = {
            Status1.CRC_OK: crc_is_zero,
            Status1.CRC_READY: True,
            Status1.IRQ: requests,
            Status1.T_RUNNING: self._timer.running,
            Status1.HI_ALERT: self._high,
            Status1.LO_ALERT: self._low,
        }
        return sum(bit for bit, on in status.items() if on)

    def _write_irq(self, register: Register, value: int, mask: int) -> None:
        """Set the marked bits if the highest one is 1, else clear them (9.3.1.5, 9.3.1.6)."""
        if value & ComIrq.SET1:
            self._values[register] |= value & mask
        else:
            self._values[register] &= ~value & mask

    def _write_status2(self, value: int) -> None:
        """Take all but MFCrypto1On, which only a card that authenticates itself can set (9.3.1.9)."""
        self._values[Register.STATUS2] = value & reg.STATUS2_WRITABLE

    def _write_water_level(self, value: int) -> None:
        self._values[Register.WATER_LEVEL] = value & 0x3F
        self._watch_fifo()

    def _write_control(self, value: int) -> None:
        if value & reg.CONTROL_T_STOP_NOW:
            self._timer.stop(self._clock())
        elif value & reg.CONTROL_T_START_NOW:
            self._start_timer(self._clock())

    def _write_bit_framing(self, value: int) -> None:
        self._values[Register.BIT_FRAMING] = value
        if value & reg.BIT_FRAMING_START_SEND and self._modem is ModemState.WAIT_FOR_START_SEND:
            self._transmit()

    def _write_coll(self, value: int) -> None:
        writable = reg.COLL_VALUES_AFTER_COLL
        self._values[Register.COLL] = value & writable | self._values[Register.COLL] & ~writable

    def _write_tx_control(self, value: int) -> None:
        self._values[Register.TX_CONTROL] = value
        self._power_cards()
        if self._modem is ModemState.TX_WAIT:
            self._transmit()

    def _interrupt(self, request: ComIrq) -> None:
        self._values[Register.COM_IRQ] |= request

    def _fail(self, error: Error) -> None:
        self._values[Register.ERROR] |= error
        self._interrupt(ComIrq.ERR)

    # ------------------------------------------------------------------ FIFO

    def _read_fifo_data(self) -> int:
        if not self._fifo:
            return 0
        value = self._fifo.pop(0)
        self._watch_fifo()
        return value

    def _write_fifo_data(self, value: int) -> None:
        if self._command is Command.MF_AUTHENT or self._modem in (ModemState.WAIT_FOR_DATA, ModemState.RECEIVING):
            self._fail(Error.WR_ERR)
        else:
            self._store(bytes([value]))
            if self._command is Command.CALC_CRC:
                self._calculate_crc()

    def _write_fifo_level(self, value: int) -> None:
        if value & reg.FIFO_FLUSH:
            self._fifo.clear()
            self._values[Register.ERROR] &= ~Error.BUFFER_OVFL
            self._watch_fifo()

    def _store(self, data: bytes) -> None:
        room = reg.FIFO_SIZE - len(self._fifo)
        self._fifo += data[:room]
        if len(data) > room:
            self._fail(Error.BUFFER_OVFL)
        self._watch_fifo()

    def _take_fifo(self) -> bytes:
        data = bytes(self._fifo)
        self._fifo.clear()
        self._watch_fifo()
        return data

    def _watch_fifo(self) -> None:
        """Raise the alerts of the water level when it is reached (9.3.1.8)."""
        level, water_level = len(self._fifo), self._values[Register.WATER_LEVEL]
        low, high = level <= water_level, reg.FIFO_SIZE - level <= water_level
        if low and not self._low:
            self._interrupt(ComIrq.LO_ALERT)
        if high and not self._high:
            self._interrupt(ComIrq.HI_ALERT)
        self._low, self._high = low, high

    # ------------------------------------------------------------------ commands

    @property
    def _command(self) -> int:
        return _COMMANDS[self._values[Register.COMMAND] & 0x0F]

    def _write_command(self, value: int) -> None:
        if value & 0x0F == Command.NO_CMD_CHANGE:
            self._values[Register.COMMAND] = value & 0x30 | self._values[Register.COMMAND] & 0x0F
            return
        self._values[Register.COMMAND] = value & 0x3F
        self._values[Register.ERROR] = 0
        if self._modem in (ModemState.TRANSMITTING, ModemState.RECEIVING):
            self._air.clear()
        self._modem = ModemState.IDLE
        match self._command:
            case Command.IDLE:
                pass
            case Command.SOFT_RESET:
                self._reset()
            case Command.CALC_CRC:
                self._set_crc(reg.CRC_PRESETS[self._values[Register.MODE] & 0x03])
                self._calculate_crc()
            case Command.TRANSMIT | Command.MF_AUTHENT:
                self._transmit()
            case Command.RECEIVE:
                self._modem = ModemState.WAIT_FOR_DATA
            case Command.TRANSCEIVE:
                self._modem = ModemState.WAIT_FOR_START_SEND
                self._write_bit_framing(self._values[Register.BIT_FRAMING])
            case _:
                self._end_command()

    def _end_command(self) -> None:
        self._values[Register.COMMAND] &= 0x30
        self._modem = ModemState.IDLE
        self._interrupt(ComIrq.IDLE)

    def _set_crc(self, crc: int) -> None:
        self._values[Register.CRC_RESULT_H], self._values[Register.CRC_RESULT_L] = crc >> 8, crc & 0xFF

    def _calculate_crc(self) -> None:
        """Take the FIFO's bytes into the running CRC; the command goes on until another is written (10.3.1.4)."""
        crc = self._values[Register.CRC_RESULT_H] << 8 | self._values[Register.CRC_RESULT_L]
        self._set_crc(crc16(self._take_fifo(), crc))
        self._values[Register.DIV_IRQ] |= reg.DIV_IRQ_CRC

    # ------------------------------------------------------------------ the contactless interface

    @property
    def _antenna_on(self) -> bool:
        return self._responsive and bool(self._values[Register.TX_CONTROL] & reg.TX_CONTROL_ANTENNA)

    def _power_cards(self) -> None:
        for picc in self._piccs.values():
            picc.power_on() if self._antenna_on else picc.power_off()

    def _transmit(self) -> None:
        values = self._values
        if values[Register.MODE] & reg.MODE_TX_WAIT_RF and not self._antenna_on:
            self._modem = ModemState.TX_WAIT
            return
        data, last_bits = self._take_fifo(), values[Register.BIT_FRAMING] & 0x07
        if self._command is Command.MF_AUTHENT:
            data, last_bits = data[:2] + crc_a(data[:2]), 0
        elif values[Register.TX_MODE] & reg.CRC_EN and not last_bits:
            data += crc16(data, reg.CRC_PRESETS[values[Register.MODE] & 0x03]).to_bytes(2, "little")
        self._frame = to_bits(data, last_bits)
        self._modem = ModemState.TRANSMITTING
        self._air = [(self._clock() + _duration_s(self._frame), self._end_transmission)]

    def _end_transmission(self, at: float) -> None:
        heard = self._antenna_on and self._values[Register.TX_ASK] & reg.TX_ASK_FORCE_100
        answers = {picc: picc.receive(self._frame) for picc in self._piccs.values()} if heard else {}
        self._replies = {picc: answer for picc, answer in answers.items() if answer}
        if self._replies:
            self._air = [(at + _frame_delay_s(self._frame), self._begin_reception)]
        if self._values[Register.T_MODE] & reg.T_MODE_AUTO:
            self._start_timer(at)
        if self._command is not Command.MF_AUTHENT:  # which keeps TxIRq to itself (10.3.1.9)
            self._interrupt(ComIrq.TX)
        self._modem = ModemState.WAIT_FOR_DATA
        if self._command is Command.TRANSMIT:
            self._end_command()

    def _begin_reception(self, at: float) -> None:
        self._replies = {picc: reply for picc, reply in self._replies.items() if picc.state is not State.POWER_OFF}
        receiver_off = self._values[Register.COMMAND] & reg.COMMAND_RCV_OFF
        if not self._replies or receiver_off or self._modem is not ModemState.WAIT_FOR_DATA:
            return
        self._modem = ModemState.RECEIVING
        longest = max((reply.bits for reply in self._replies.values()), key=len)
        self._air = [
            (at + _TIMER_STOP_BITS * BIT_S, self._stop_timer),
            (at + _duration_s(longest), self._end_reception),
        ]

    def _stop_timer(self, at: float) -> None:
        if not self._values[Register.RX_MODE] & reg.RX_MODE_MULTIPLE:
            self._timer.stop(at)

    def _end_reception(self, at: float) -> None:
        reply, collision = superpose(list(self._replies.values()))
        align = self._values[Register.BIT_FRAMING] >> 4 & 0x07
        broken_off = any(picc.state is State.POWER_OFF for picc in self._replies)
        if broken_off or align != reply.split:
            self._fail(Error.PARITY_ERR)
        self._store_reply(self._mark_collision(reply.bits, collision), align)
        self._interrupt(ComIrq.RX)
        if self._values[Register.RX_MODE] & reg.RX_MODE_MULTIPLE:
            self._modem = ModemState.WAIT_FOR_DATA
        elif self._command is Command.RECEIVE:
            self._end_command()
        else:
            self._modem = ModemState.WAIT_FOR_START_SEND

    def _mark_collision(self, bits: Bits, collision: int | None) -> Bits:
        """Note the place of a collision, counted from 1 among the received data bits (9.3.1.15)."""
        coll = self._values[Register.COLL] & reg.COLL_VALUES_AFTER_COLL
        if collision is None:
            self._values[Register.COLL] = coll | reg.COLL_POS_NOT_VALID
            return bits
        self._fail(Error.COLL_ERR)
        in_reach = collision < _COLL_POS_MAX
        self._values[Register.COLL] = coll | ((collision + 1) % _COLL_POS_MAX if in_reach else reg.COLL_POS_NOT_VALID)
        return bits if coll else tuple(bit if index <= collision else 0 for index, bit in enumerate(bits))

    def _store_reply(self, bits: Bits, align: int) -> None:
        data = to_bytes(bits, align)
        if self._values[Register.RX_MODE] & reg.CRC_EN:
            check = crc16(data[:-2], reg.CRC_PRESETS[self._values[Register.MODE] & 0x03]).to_bytes(2, "little")
            if data[-2:] == check:
                data = data[:-2]
            else:
                self._fail(Error.CRC_ERR)
        self._store(data)
        self._values[Register.CONTROL] = (self._values[Register.CONTROL] & ~0x07) | (align + len(bits)) % 8


_COMMANDS = tuple(next((command for command in Command if command == code), code) for code in range(0x10))


def _duration_s(frame: Bits) -> float:
    """Return the time a frame takes: its data bits, a parity bit for each whole byte, its start and its end."""
    return (len(frame) + len(frame) // 8 + _START_AND_END_BITS) * BIT_S


def _frame_delay_s(frame: Bits) -> float:
    """Return the time from a frame to its answer, by the frame's last bit (ISO/IEC 14443-3, 6.2.1.1)."""
    return (1236 if frame[-1] else 1172) / CARRIER_HZ
