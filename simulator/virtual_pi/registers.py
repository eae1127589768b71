"""Registers, bits and commands of the MFRC522 (datasheet rev. 3.9, chapters 9 and 10)."""

from enum import IntEnum
from typing import Self

_READ_ONLY = True


class Register(IntEnum):
    """Registers: the address (9.2, table 20), the value after a reset (9.3), and whether the host can only read."""

    reset: int
    is_read_only: bool

    def __new__(cls, address: int, reset: int, is_read_only: bool = False) -> Self:
        """Create a register from its declaration."""
        register = int.__new__(cls, address)
        register._value_ = address
        register.reset, register.is_read_only = reset, is_read_only
        return register

    COMMAND = 0x01, 0x20
    COM_I_EN = 0x02, 0x80
    DIV_I_EN = 0x03, 0x00
    COM_IRQ = 0x04, 0x14
    DIV_IRQ = 0x05, 0x00
    ERROR = 0x06, 0x00, _READ_ONLY
    STATUS1 = 0x07, 0x00, _READ_ONLY
    STATUS2 = 0x08, 0x00
    FIFO_DATA = 0x09, 0x00
    FIFO_LEVEL = 0x0A, 0x00
    WATER_LEVEL = 0x0B, 0x08
    CONTROL = 0x0C, 0x10
    BIT_FRAMING = 0x0D, 0x00
    COLL = 0x0E, 0xA0
    MODE = 0x11, 0x3F
    TX_MODE = 0x12, 0x00
    RX_MODE = 0x13, 0x00
    TX_CONTROL = 0x14, 0x80
    TX_ASK = 0x15, 0x00
    TX_SEL = 0x16, 0x10
    RX_SEL = 0x17, 0x84
    RX_THRESHOLD = 0x18, 0x84
    DEMOD = 0x19, 0x4D
    MF_TX = 0x1C, 0x62
    MF_RX = 0x1D, 0x00
    SERIAL_SPEED = 0x1F, 0xEB
    CRC_RESULT_H = 0x21, 0xFF, _READ_ONLY
    CRC_RESULT_L = 0x22, 0xFF, _READ_ONLY
    MOD_WIDTH = 0x24, 0x26
    RF_CFG = 0x26, 0x48
    GS_N = 0x27, 0x88
    CW_GS_P = 0x28, 0x20
    MOD_GS_P = 0x29, 0x20
    T_MODE = 0x2A, 0x00
    T_PRESCALER = 0x2B, 0x00
    T_RELOAD_H = 0x2C, 0x00
    T_RELOAD_L = 0x2D, 0x00
    T_COUNTER_VAL_H = 0x2E, 0x00, _READ_ONLY
    T_COUNTER_VAL_L = 0x2F, 0x00, _READ_ONLY
    TEST_SEL1 = 0x31, 0x00
    TEST_SEL2 = 0x32, 0x00
    TEST_PIN_EN = 0x33, 0x80
    TEST_PIN_VALUE = 0x34, 0x00
    TEST_BUS = 0x35, 0x00, _READ_ONLY
    AUTO_TEST = 0x36, 0x40
    VERSION = 0x37, 0x92, _READ_ONLY
    ANALOG_TEST = 0x38, 0x00
    TEST_DAC1 = 0x39, 0x00
    TEST_DAC2 = 0x3A, 0x00
    TEST_ADC = 0x3B, 0x00, _READ_ONLY


WRITABLE = frozenset(register for register in Register if not register.is_read_only)


class Command(IntEnum):
    """Commands of CommandReg (10.3, table 149)."""

    IDLE = 0x0
    MEM = 0x1
    GENERATE_RANDOM_ID = 0x2
    CALC_CRC = 0x3
    TRANSMIT = 0x4
    NO_CMD_CHANGE = 0x7
    RECEIVE = 0x8
    TRANSCEIVE = 0xC
    MF_AUTHENT = 0xE
    SOFT_RESET = 0xF


class ComIrq(IntEnum):
    """Bits of ComIrqReg (9.3.1.5)."""

    SET1 = 0x80
    TX = 0x40
    RX = 0x20
    IDLE = 0x10
    HI_ALERT = 0x08
    LO_ALERT = 0x04
    ERR = 0x02
    TIMER = 0x01


class Error(IntEnum):
    """Bits of ErrorReg (9.3.1.7)."""

    WR_ERR = 0x80
    BUFFER_OVFL = 0x10
    COLL_ERR = 0x08
    CRC_ERR = 0x04
    PARITY_ERR = 0x02
    PROTOCOL_ERR = 0x01


class Status1(IntEnum):
    """Bits of Status1Reg (9.3.1.8)."""

    CRC_OK = 0x40
    CRC_READY = 0x20
    IRQ = 0x10
    T_RUNNING = 0x08
    HI_ALERT = 0x02
    LO_ALERT = 0x01


class ModemState(IntEnum):
    """The lowest bits of Status2Reg (9.3.1.9)."""

    IDLE = 0
    WAIT_FOR_START_SEND = 1
    TX_WAIT = 2
    TRANSMITTING = 3
    RX_WAIT = 4
    WAIT_FOR_DATA = 5
    RECEIVING = 6


DIV_IRQ_CRC = 0x04
COMMAND_RCV_OFF = 0x20
STATUS2_WRITABLE = 0xC0
FIFO_FLUSH = 0x80
CONTROL_T_STOP_NOW, CONTROL_T_START_NOW = 0x80, 0x40
BIT_FRAMING_START_SEND = 0x80
COLL_VALUES_AFTER_COLL, COLL_POS_NOT_VALID = 0x80, 0x20
MODE_TX_WAIT_RF = 0x20
CRC_EN = 0x80  # in TxModeReg and RxModeReg
RX_MODE_MULTIPLE = 0x04
TX_CONTROL_ANTENNA = 0x03
TX_ASK_FORCE_100 = 0x40
DEMOD_PRESCAL_EVEN = 0x10
T_MODE_AUTO, T_MODE_AUTO_RESTART = 0x80, 0x10
CRC_PRESETS = (0x0000, 0x6363, 0xA671, 0xFFFF)  # by ModeReg CRCPreset (9.3.2.2)
FIFO_SIZE = 64


class RegisterBank(bytearray):
    """The values of all registers, by their address, as after a reset."""

    def __init__(self) -> None:
        super().__init__(0x40)
        for register in Register:
            self[register] = register.reset

    @property
    def command(self) -> int:
        """The current command; an unknown code does nothing."""
        return self[Register.COMMAND] & 0x0F

    def interrupt(self, request: ComIrq) -> None:
        """Set an interrupt request."""
        self[Register.COM_IRQ] |= request

    def fail(self, error: Error) -> None:
        """Set an error, and request an interrupt for it."""
        self[Register.ERROR] |= error
        self.interrupt(ComIrq.ERR)
