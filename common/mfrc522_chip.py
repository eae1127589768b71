"""The MFRC522 (datasheet rev. 3.9): its bus, its reset, and whether it is still configured as it was."""

from contextlib import suppress
from itertools import cycle

from common import wiring
from common.clock import Clock
from common.pins import open_gpio, pin_errors

try:
    import spidev
    from mfrc522 import MFRC522
except RuntimeError as error:  # raised by RPi.GPIO, which it imports, on a machine that is not a Pi
    raise ImportError(str(error)) from error

_RESET_PIN = f"the reader's reset pin (GPIO {wiring.RESET.bcm})"

NO_ANSWER = "the card reader does not answer: check its wiring"

_GAINS = {18: 0, 23: 1, 33: 4, 38: 5, 43: 6, 48: 7}  # dB: RxGain, bits 6 to 4 of RFCfgReg (9.3.3.6)
_CARD_START_S = 0.005  # from field to the first frame that a card must answer (ISO/IEC 14443-3, 5)
_SPEED_HZ = 1_000_000

_REGISTERS = {  # all that a frame, its answer or the time between them depends on, and that no command changes
    0x08: "Status2Reg",
    0x11: "ModeReg",
    0x12: "TxModeReg",
    0x13: "RxModeReg",
    0x14: "TxControlReg",
    0x15: "TxASKReg",
    0x16: "TxSelReg",
    0x17: "RxSelReg",
    0x18: "RxThresholdReg",
    0x19: "DemodReg",
    0x1C: "MfTxReg",
    0x1D: "MfRxReg",
    0x24: "ModWidthReg",
    0x26: "RFCfgReg",
    0x27: "GsNReg",
    0x28: "CWGsPReg",
    0x29: "ModGsPReg",
    0x2A: "TModeReg",
    0x2B: "TPrescalerReg",
    0x2C: "TReloadRegH",
    0x2D: "TReloadRegL",
    0x32: "TestSel2Reg",
    0x36: "AutoTestReg",
}
_STEADY_BITS = dict.fromkeys(_REGISTERS, 0xFF) | {0x08: 0x08}  # of Status2Reg only MFCrypto1On (9.3.1.9)
_CONFIGURED_BITS = {  # what this driver and the package set, and what is reserved for future use left out (9.3)
    0x11: (0x3D, 0xAB),
    0x14: (0x03, 0x03),
    0x15: (0x40, 0x40),
    0x2A: (0x80, 0xFF),  # the timer runs from the end of each frame until an answer begins
    0x2B: (169, 0xFF),  # 13.56 MHz / (2 x 169 + 1) is 40 kHz (8.5)
    0x2C: (0, 0xFF),
    0x2D: (9, 0xFF),  # for 10 periods at most
}


class Chip(MFRC522):
    """The chip on SPI bus 0, device 0, which the mfrc522 package initialises.

    The package's constructor is not called: it cannot be repeated until a reader answers.

    Args:
        gain_db: the receiver's gain: 18, 23, 33, 38, 43 or 48.

    Raises:
        PinError: the reset pin cannot be used.
    """

    def __init__(self, clock: Clock, gain_db: int) -> None:
        self._clock = clock
        self._configured_bits = _CONFIGURED_BITS | {0x26: (_GAINS[gain_db] << 4, 0x70)}
        self._expected: dict[int, int] = {}
        self._turn = cycle(_REGISTERS)
        self._is_started = False
        self._cards_start_until = 0.0
        self._gpio = open_gpio()
        with pin_errors(_RESET_PIN):
            self._gpio.setup(wiring.RESET.bcm, self._gpio.OUT, initial=1)
        self.spi = spidev.SpiDev()
        with suppress(OSError):  # who uses it sees it by `fault`, and tries again
            self.restart()

    def version(self) -> int:
        """Return the chip's version (9.3.4.8); it reads 0x00 or 0xFF if no chip answers."""
        return self._read(self.VersionReg)[0]

    def fault(self) -> str | None:
        """Return what is wrong, in words. Each call checks the field and one register more, in a single transfer.

        Raises:
            OSError: the bus fails.
        """
        if not self._is_started:
            return NO_ANSWER
        register = next(self._turn)
        version, *values = self._read(self.VersionReg, self.TxControlReg, register)
        if version in {0x00, 0xFF}:
            return NO_ANSWER
        for checked, value in zip((self.TxControlReg, register), values, strict=True):
            if value & _STEADY_BITS[checked] != self._expected[checked]:
                return _lost(checked)
        return None

    def restart(self) -> str | None:
        """Open the bus anew, reset the chip by its pin and configure it; return what is wrong then, in words.

        Raises:
            OSError: the bus cannot be opened, or fails, or the pin does.
        """
        self._is_started = False
        self.spi.close()
        self.spi.open(0, 0)
        self.spi.max_speed_hz = _SPEED_HZ
        with pin_errors(_RESET_PIN):
            self._gpio.output(wiring.RESET.bcm, 0)
            self._clock.sleep(0.001)
            self._gpio.output(wiring.RESET.bcm, 1)
        self._clock.sleep(0.005)  # the oscillator's start-up (8.8.2)
        self.MFRC522_Init()
        self._cards_start_until = self._clock.now() + _CARD_START_S
        for register, (value, bits) in self._configured_bits.items():
            self._write(register, self._read(register)[0] & ~bits | value)
        self._is_started = True
        return self._learn()

    def close(self) -> None:
        """Release the SPI bus and the reset pin, and no other pin."""
        self.spi.close()
        self._gpio.cleanup(wiring.RESET.bcm)

    def _learn(self) -> str | None:
        """Read what the registers hold from now on, which clones of the chip have values of their own for."""
        version, *values = self._read(self.VersionReg, *_REGISTERS)
        if version in {0x00, 0xFF}:
            return NO_ANSWER
        for register, value in zip(_REGISTERS, values, strict=True):
            self._expected[register] = value & _STEADY_BITS[register]
        for register, (value, bits) in self._configured_bits.items():
            if (self._expected[register] ^ value) & bits:
                return _lost(register)
        return None

    def _wait_for_cards(self) -> None:
        """Wait until a card in a field that has been switched on is ready."""
        if (left_s := self._cards_start_until - self._clock.now()) > 0:
            self._clock.sleep(left_s)

    def _read(self, *registers: int) -> bytes:
        """Read registers in one transfer: each byte sent asks for what the next one brings (8.1.2.1)."""
        return bytes(self.spi.xfer2([*[0x80 | register << 1 for register in registers], 0])[1:])

    def _write(self, register: int, *values: int) -> None:
        """Write values to one register in one transfer (8.1.2.2)."""
        self.spi.xfer2([register << 1, *values])


def _lost(register: int) -> str:
    return f"the card reader has lost its configuration ({_REGISTERS[register]}): check its power supply and its wires"
