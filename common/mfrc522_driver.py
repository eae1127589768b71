"""The MFRC522, a reader of contactless cards: which card is in its field.

Datasheet: MFRC522, rev. 3.9. Standard: ISO/IEC 14443-3, type A.
"""

from common import wiring
from common.cards import UnreadableError
from common.clock import Clock

try:
    import RPi.GPIO as GPIO
    from mfrc522 import MFRC522
except RuntimeError as error:  # so RPi.GPIO refuses on a machine that is no Pi, whoever loads it
    raise ImportError(str(error)) from error

RESET_PIN = wiring.RESET.bcm

_SELECT_CODES = (0x93, 0x95, 0x97)  # SEL of cascade levels 1 to 3 (14443-3, table 8)
_CASCADE_TAG = 0x88
_UID_NOT_COMPLETE = 0x04  # in SAK (14443-3, table 9)

_TIMER_IRQ = 0x01  # in ComIrqReg (datasheet 9.3.1.5)
_IDLE_IRQ = 0x10
_RECEIVER_IRQ = 0x20
_ANTENNA_ON = 0x03  # in TxControlReg (datasheet 9.3.2.5)
_MOST_WAITS = 16  # at a quarter of a millisecond; the longest exchange, SELECT and SAK, takes 1.2 ms
_WAIT_S = 0.00025


class ReaderMissingError(OSError):
    """There is no way to a reader on this machine; the message says what to do."""


class Driver(MFRC522):
    """The package's driver, mended where it is wrong, and taught to read UIDs of every length.

    Its wait for an answer takes no notice of the chip's timer and polls on for 2,000 reads. Here the timer ends the
    wait after a millisecond, and the wait sleeps between its reads.
    """

    def __init__(self, clock: Clock) -> None:
        """Open the reader and configure it.

        Raises:
            ReaderMissingError: this machine has no SPI bus, or does not let this user have it.
        """
        self._clock = clock
        GPIO.setmode(GPIO.BCM)
        try:
            super().__init__(bus=0, device=0, pin_rst=RESET_PIN)
        except FileNotFoundError as error:
            raise ReaderMissingError("no SPI bus: switch it on with 'sudo raspi-config nonint do_spi 0'") from error
        except PermissionError as error:
            raise ReaderMissingError("no access to the SPI bus: add this user to the groups spi and gpio") from error

    def MFRC522_Init(self) -> None:  # noqa: N802  # the package's name
        """Configure the chip, with a timer that runs for 1 ms from the end of every transmission."""
        super().MFRC522_Init()
        # 13.56 MHz / (2 x 169 + 1) = 40 kHz, 40 periods (datasheet 8.5). A card answers after 0.09 ms.
        self.Write_MFRC522(self.TModeReg, 0x80)
        self.Write_MFRC522(self.TPrescalerReg, 169)
        self.Write_MFRC522(self.TReloadRegH, 0)
        self.Write_MFRC522(self.TReloadRegL, 39)

    def MFRC522_ToCard(self, command: int, sendData: list[int]) -> tuple[int, list[int], int]:  # noqa: N802, N803
        """Send a frame and receive the answer: a status, its bytes and its number of bits."""
        self._waits_left = _MOST_WAITS
        status, answer, bits = super().MFRC522_ToCard(command, sendData)
        self._silent = status == self.MI_NOTAGERR
        return status, answer, bits

    def Read_MFRC522(self, addr: int) -> int:  # noqa: N802
        """Read a register; while an answer is awaited, ComIrqReg shows a run-out timer as the end of the command."""
        value: int = super().Read_MFRC522(addr)
        if addr != self.CommIrqReg or value & (_RECEIVER_IRQ | _IDLE_IRQ):
            return value
        self._waits_left -= 1
        if value & _TIMER_IRQ or self._waits_left <= 0:
            return value | _TIMER_IRQ | _IDLE_IRQ
        self._clock.sleep(_WAIT_S)
        return value

    def version(self) -> int:
        """Return the chip's version (datasheet 9.3.4.8), or 0x00 or 0xFF if none answers."""
        value: int = self.Read_MFRC522(self.VersionReg)
        return value

    @property
    def is_ready(self) -> bool:
        """Whether a chip answers, and with its field on: one that was reset in between has it off."""
        return self.version() not in {0x00, 0xFF} and self.Read_MFRC522(self.TxControlReg) & _ANTENNA_ON == _ANTENNA_ON

    def restart(self) -> None:
        """Reset the chip by its pin and configure it anew."""
        GPIO.output(RESET_PIN, 0)
        self._clock.sleep(0.001)
        GPIO.output(RESET_PIN, 1)
        self._clock.sleep(0.005)  # the oscillator's start-up (datasheet 8.8.2)
        self.MFRC522_Init()

    def read_uid(self) -> bytes | None:
        """Return the UID of the one card in the field, or None if the field is empty.

        Whatever answered is halted or idle afterwards, and so answers the wake-up of the next call.

        Raises:
            UnreadableError: several cards answer, or one that leaves or does not keep to the standard.
        """
        status, _ = self.MFRC522_Request(self.PICC_REQALL)
        if self._silent:
            return None
        try:
            if status != self.MI_OK:
                raise UnreadableError
            return self._walk_cascade_levels()
        finally:
            self._halt()

    def close(self) -> None:
        """Let go of the SPI bus and of the reset pin, and of no other pin."""
        self.spi.close()
        GPIO.cleanup(RESET_PIN)

    def _walk_cascade_levels(self) -> bytes:
        uid = b""
        for code in _SELECT_CODES:
            part = self._resolve_collisions(code)
            sak = self._select(code, part)
            is_complete = not sak & _UID_NOT_COMPLETE
            if is_complete == (part[0] == _CASCADE_TAG):
                raise UnreadableError
            if is_complete:
                return uid + part[:4]
            uid += part[1:4]
        raise UnreadableError

    def _resolve_collisions(self, code: int) -> bytes:
        """Return the four bytes of this cascade level and their check byte, which the package checks."""
        self.PICC_ANTICOLL = code
        status, part = self.MFRC522_Anticoll()
        if status != self.MI_OK:
            raise UnreadableError
        return bytes(part)

    def _select(self, code: int, part: bytes) -> int:
        """Select the card and return its SAK; the package's own method cannot tell a SAK of 0 from a failure."""
        status, answer, bits = self.MFRC522_ToCard(self.PCD_TRANSCEIVE, self._with_crc([code, 0x70, *part]))
        if status != self.MI_OK or bits != 24 or answer != self._with_crc(answer[:1]):
            raise UnreadableError
        return answer[0]

    def _halt(self) -> None:
        self.MFRC522_ToCard(self.PCD_TRANSCEIVE, self._with_crc([self.PICC_HALT, 0]))

    def _with_crc(self, frame: list[int]) -> list[int]:
        return [*frame, *self.CalulateCRC(frame)]
