"""Registers, bits and commands of the MFRC522 (datasheet rev. 3.9, chapters 9 and 10)."""

from enum import IntEnum


class Register(IntEnum):
    """Register addresses (9.2, table 20)."""

    COMMAND = 0x01
    COM_I_EN = 0x02
    DIV_I_EN = 0x03
    COM_IRQ = 0x04
    DIV_IRQ = 0x05
    ERROR = 0x06
    STATUS1 = 0x07
    STATUS2 = 0x08
    FIFO_DATA = 0x09
    FIFO_LEVEL = 0x0A
    WATER_LEVEL = 0x0B
    CONTROL = 0x0C
    BIT_FRAMING = 0x0D
    COLL = 0x0E
    MODE = 0x11
    TX_MODE = 0x12
    RX_MODE = 0x13
    TX_CONTROL = 0x14
    TX_ASK = 0x15
    TX_SEL = 0x16
    RX_SEL = 0x17
    RX_THRESHOLD = 0x18
    DEMOD = 0x19
    MF_TX = 0x1C
    MF_RX = 0x1D
    SERIAL_SPEED = 0x1F
    CRC_RESULT_H = 0x21
    CRC_RESULT_L = 0x22
    MOD_WIDTH = 0x24
    RF_CFG = 0x26
    GS_N = 0x27
    CW_GS_P = 0x28
    MOD_GS_P = 0x29
    T_MODE = 0x2A
    T_PRESCALER = 0x2B
    T_RELOAD_H = 0x2C
    T_RELOAD_L = 0x2D
    T_COUNTER_VAL_H = 0x2E
    T_COUNTER_VAL_L = 0x2F
    TEST_SEL1 = 0x31
    TEST_SEL2 = 0x32
    TEST_PIN_EN = 0x33
    TEST_PIN_VALUE = 0x34
    TEST_BUS = 0x35
    AUTO_TEST = 0x36
    VERSION = 0x37
    ANALOG_TEST = 0x38
    TEST_DAC1 = 0x39
    TEST_DAC2 = 0x3A
    TEST_ADC = 0x3B


RESET_VALUES = {
    Register.COMMAND: 0x20,
    Register.COM_I_EN: 0x80,
    Register.COM_IRQ: 0x14,
    Register.WATER_LEVEL: 0x08,
    Register.CONTROL: 0x10,
    Register.COLL: 0xA0,
    Register.MODE: 0x3F,
    Register.TX_CONTROL: 0x80,
    Register.TX_SEL: 0x10,
    Register.RX_SEL: 0x84,
    Register.RX_THRESHOLD: 0x84,
    Register.DEMOD: 0x4D,
    Register.MF_TX: 0x62,
    Register.SERIAL_SPEED: 0xEB,
    Register.CRC_RESULT_H: 0xFF,
    Register.CRC_RESULT_L: 0xFF,
    Register.MOD_WIDTH: 0x26,
    Register.RF_CFG: 0x48,
    Register.GS_N: 0x88,
    Register.CW_GS_P: 0x20,
    Register.MOD_GS_P: 0x20,
    Register.TEST_PIN_EN: 0x80,
    Register.AUTO_TEST: 0x40,
    Register.VERSION: 0x92,
}
"""Values after a reset (9.3); registers not named here read 0. Status1Reg is made up when it is read."""

RESERVED = frozenset(range(0x40)) - set(Register)
READ_ONLY = RESERVED | {
    Register.ERROR,
    Register.STATUS1,
    Register.CRC_RESULT_H,
    Register.CRC_RESULT_L,
    Register.T_COUNTER_VAL_H,
    Register.T_COUNTER_VAL_L,
    Register.TEST_BUS,
    Register.VERSION,
    Register.TEST_ADC,
}


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
