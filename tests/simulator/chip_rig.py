"""A reader on a test bench: its SPI wires, its clock, and a host's usual steps."""

from dataclasses import dataclass

from simulator.virtual_pi.cards import AnyCard
from simulator.virtual_pi.chip import Mfrc522
from simulator.virtual_pi.frames import crc_a
from simulator.virtual_pi.registers import BIT_FRAMING_START_SEND, Command, Register

ENOUGH_S = 0.015  # for any exchange of frames, and short of the timer's 15.5 ms
REQA, WUPA, SEL_CL1, HLTA = 0x26, 0x52, 0x93, b"\x50\x00"


@dataclass(frozen=True)
class Answer:
    """What a transceive left in the chip: the FIFO, RxLastBits, ErrorReg and CollReg."""

    data: bytes
    last_bits: int
    error: int
    coll: int


class Rig:
    """An MFRC522 whose time is set by the test."""

    def __init__(self, *cards: AnyCard) -> None:
        self.now = 0.0
        self.chip = Mfrc522(clock=lambda: self.now)
        self.chip.place(cards)

    def write(self, register: int, *values: int) -> None:
        self.chip.exchange([register << 1, *values])

    def read(self, register: int) -> int:
        return self.chip.exchange([register << 1 | 0x80, 0])[1]

    def read_fifo(self) -> bytes:
        level = self.read(Register.FIFO_LEVEL)
        return bytes(self.chip.exchange([Register.FIFO_DATA << 1 | 0x80] * level + [0])[1:])

    def initialise(self) -> "Rig":
        """Set up what a driver sets up: 100 % ASK, CRC preset 6363, a timer of 15.5 ms, the antenna."""
        for register, value in (
            (Register.T_MODE, 0x8D),
            (Register.T_PRESCALER, 0x3E),
            (Register.T_RELOAD_L, 30),
            (Register.TX_ASK, 0x40),
            (Register.MODE, 0x3D),
            (Register.TX_CONTROL, 0x83),
        ):
            self.write(register, value)
        return self

    def start(self, data: bytes, last_bits: int = 0, rx_align: int = 0) -> None:
        """Start a transceive."""
        self.write(Register.COMMAND, Command.IDLE)
        self.write(Register.COM_IRQ, 0x7F)
        self.write(Register.FIFO_LEVEL, 0x80)
        self.write(Register.FIFO_DATA, *data)
        self.write(Register.BIT_FRAMING, rx_align << 4 | last_bits)
        self.write(Register.COMMAND, Command.TRANSCEIVE)
        self.write(Register.BIT_FRAMING, BIT_FRAMING_START_SEND | rx_align << 4 | last_bits)

    def transceive(self, data: bytes, last_bits: int = 0, rx_align: int = 0) -> Answer:
        self.start(data, last_bits, rx_align)
        self.now += ENOUGH_S
        last_bits, error = self.read(Register.CONTROL) & 0x07, self.read(Register.ERROR)
        return Answer(self.read_fifo(), last_bits, error, self.read(Register.COLL))

    def wake(self, command: int = REQA) -> bytes:
        """Send REQA or WUPA, a frame of seven bits."""
        return self.transceive(bytes([command]), last_bits=7).data

    def select(self, level: bytes, sel: int = SEL_CL1) -> bytes:
        """Send SELECT with four UID bytes and BCC."""
        command = bytes([sel, 0x70]) + level
        return self.transceive(command + crc_a(command)).data

    def halt(self) -> bytes:
        return self.transceive(HLTA + crc_a(HLTA)).data
