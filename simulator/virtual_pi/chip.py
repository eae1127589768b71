"""The MFRC522 contactless reader IC, as seen through its SPI interface (datasheet rev. 3.9).

Left out: UART and I2C, soft power-down, bit rates above 106 kbit/s, frames longer than the FIFO, the self-test and
the sectors of MIFARE Classic cards. MFAuthent therefore sends its request, gets no answer, and ends as the datasheet
says for a card that does not answer: when the timer has run out and the host writes Idle.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from simulator.virtual_pi import registers as reg
from simulator.virtual_pi.cards import AnyCard
from simulator.virtual_pi.contactless import ContactlessUart, Field
from simulator.virtual_pi.fifo import Fifo
from simulator.virtual_pi.frames import crc16
from simulator.virtual_pi.registers import ComIrq, Command, Error, ModemState, Register, RegisterBank, Status1
from simulator.virtual_pi.timer import Timer


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
        self._field = Field()
        self._reset()

    # ------------------------------------------------------------------ wires and cards

    def exchange(self, mosi: Sequence[int]) -> list[int]:
        """Carry out one SPI transfer and return what the chip sends meanwhile (8.1.2).

        A read takes an address in every byte but the last and answers each one byte later; a write takes an address
        and any number of values for it.
        """
        with self._lock:
            self.transfers += 1
            if not self._responsive:
                return [self._floating_miso] * len(mosi)
            self._advance()
            if mosi[0] & 0x80:
                return [0, *[self._read(address >> 1 & 0x3F) for address in mosi[:-1]]]
            for value in mosi[1:]:
                self._write(mosi[0] >> 1, value)
            return [0] * len(mosi)

    def place(self, cards: Iterable[AnyCard]) -> None:
        """Make these the cards in the field; one that was there already is not affected."""
        with self._lock:
            self._advance()
            self._field.place(cards)

    def plug_in(self) -> None:
        """Reconnect the wires, if they are off; the chip then starts from reset."""
        with self._lock:
            self._plugged_in = True
            self._power()

    def unplug(self, floating_miso: int = 0x00) -> None:
        """Disconnect all wires; the host then reads only this byte, 0x00 or 0xFF."""
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
        self._registers = RegisterBank()
        self._fifo = Fifo(self._registers)
        self._timer = Timer(self._registers)
        self._uart = ContactlessUart(self._registers, self._fifo, self._timer, self._field)
        self._readers: dict[int, Callable[[], int]] = {
            Register.STATUS1: self._read_status1,
            Register.STATUS2: lambda: self._registers[Register.STATUS2] | self._uart.modem,
            Register.FIFO_DATA: self._fifo.pop,
            Register.FIFO_LEVEL: self._fifo.__len__,
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

    def _advance(self) -> None:
        """Process all events that are due, in order."""
        now = self._clock()
        while self._timer.expires_at <= now or self._uart.due <= now:
            if self._timer.expires_at <= self._uart.due:
                self._timer.expire(now)
            else:
                self._uart.advance()

    # ------------------------------------------------------------------ registers

    def _read(self, register: int) -> int:
        reader = self._readers.get(register)
        return reader() if reader else self._registers[register]

    def _write(self, register: int, value: int) -> None:
        writer = self._writers.get(register)
        if writer:
            writer(value)
        elif register in reg.WRITABLE:
            self._registers[register] = value

    def _read_status1(self) -> int:
        registers = self._registers
        requests = registers[Register.COM_IRQ] & registers[Register.COM_I_EN] & 0x7F
        requests |= registers[Register.DIV_IRQ] & registers[Register.DIV_I_EN] & 0x14
        crc_is_zero = not (registers[Register.CRC_RESULT_H] or registers[Register.CRC_RESULT_L])
        status = {
            Status1.CRC_OK: crc_is_zero,
            Status1.CRC_READY: True,
            Status1.IRQ: requests,
            Status1.T_RUNNING: self._timer.is_running,
            Status1.HI_ALERT: self._fifo.is_high,
            Status1.LO_ALERT: self._fifo.is_low,
        }
        return sum(bit for bit, on in status.items() if on)

    def _write_irq(self, register: Register, value: int, mask: int) -> None:
        """Set the marked bits if the highest one is 1, else clear them (9.3.1.5, 9.3.1.6)."""
        if value & ComIrq.SET1:
            self._registers[register] |= value & mask
        else:
            self._registers[register] &= ~value & mask

    def _write_status2(self, value: int) -> None:
        """Set all but MFCrypto1On, which only a successful authentication sets (9.3.1.9)."""
        self._registers[Register.STATUS2] = value & reg.STATUS2_WRITABLE

    def _write_fifo_data(self, value: int) -> None:
        is_awaiting_data = self._uart.modem in (ModemState.WAIT_FOR_DATA, ModemState.RECEIVING)
        if self._registers.command == Command.MF_AUTHENT or is_awaiting_data:
            self._registers.fail(Error.WR_ERR)
            return
        self._fifo.append(bytes([value]))
        if self._registers.command == Command.CALC_CRC:
            self._calculate_crc()

    def _write_fifo_level(self, value: int) -> None:
        if value & reg.FIFO_FLUSH:
            self._fifo.flush()

    def _write_water_level(self, value: int) -> None:
        self._registers[Register.WATER_LEVEL] = value & 0x3F
        self._fifo.compare_level()

    def _write_control(self, value: int) -> None:
        if value & reg.CONTROL_T_STOP_NOW:
            self._timer.stop(self._clock())
        elif value & reg.CONTROL_T_START_NOW:
            self._timer.start(self._clock())

    def _write_bit_framing(self, value: int) -> None:
        self._registers[Register.BIT_FRAMING] = value
        if value & reg.BIT_FRAMING_START_SEND and self._uart.modem is ModemState.WAIT_FOR_START_SEND:
            self._uart.transmit(self._clock())

    def _write_coll(self, value: int) -> None:
        writable = reg.COLL_VALUES_AFTER_COLL
        self._registers[Register.COLL] = value & writable | self._registers[Register.COLL] & ~writable

    def _write_tx_control(self, value: int) -> None:
        self._registers[Register.TX_CONTROL] = value
        self._uart.switch_field()
        if self._uart.modem is ModemState.TX_WAIT:
            self._uart.transmit(self._clock())

    # ------------------------------------------------------------------ commands

    def _write_command(self, value: int) -> None:
        registers = self._registers
        if value & 0x0F == Command.NO_CMD_CHANGE:
            registers[Register.COMMAND] = value & 0x30 | registers.command
            return
        registers[Register.COMMAND] = value & 0x3F
        registers[Register.ERROR] = 0
        self._uart.begin_command()
        match registers.command:
            case Command.IDLE:
                pass
            case Command.SOFT_RESET:
                self._reset()
            case Command.CALC_CRC:
                self._set_crc(reg.CRC_PRESETS[registers[Register.MODE] & 0x03])
                self._calculate_crc()
            case Command.TRANSMIT | Command.MF_AUTHENT:
                self._uart.transmit(self._clock())
            case Command.RECEIVE:
                self._uart.modem = ModemState.WAIT_FOR_DATA
            case Command.TRANSCEIVE:
                self._uart.modem = ModemState.WAIT_FOR_START_SEND
                self._write_bit_framing(registers[Register.BIT_FRAMING])
            case _:
                self._uart.end_command()

    def _calculate_crc(self) -> None:
        """Add the FIFO's bytes to the CRC; the command runs until another is written (10.3.1.4)."""
        crc = self._registers[Register.CRC_RESULT_H] << 8 | self._registers[Register.CRC_RESULT_L]
        self._set_crc(crc16(self._fifo.take(), crc))
        self._registers[Register.DIV_IRQ] |= reg.DIV_IRQ_CRC

    def _set_crc(self, crc: int) -> None:
        self._registers[Register.CRC_RESULT_H], self._registers[Register.CRC_RESULT_L] = crc >> 8, crc & 0xFF
