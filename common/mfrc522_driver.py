"""The MFRC522 (datasheet rev. 3.9), and the selection of the one card in its field (ISO/IEC 14443-3, type A)."""

from functools import reduce
from operator import xor

from common import wiring
from common.cards import UnreadableError
from common.clock import Clock

try:
    import RPi.GPIO as GPIO
    from mfrc522 import MFRC522
except RuntimeError as error:  # raised by RPi.GPIO on a machine that is not a Pi
    raise ImportError(str(error)) from error

_SELECT_CODES = (0x93, 0x95, 0x97)  # SEL of cascade levels 1 to 3 (14443-3, 6.5.3)
_CASCADE_TAG = 0x88
_UID_NOT_COMPLETE = 0x04  # in SAK (14443-3, 6.5.3.4)

_BYTE_S = 9 * 128 / 13.56e6  # on the air: eight bits and parity at 106 kbit/s
_FRAME_DELAY_S = 0.00013  # from frame to answer: 1236 carrier periods (14443-3, 6.2.1.1), start and end of both

_ANSWERED, _TIMED_OUT = 0x20, 0x01  # RxIRq and TimerIRq in ComIrqReg (datasheet 9.3.1.5)
_ANTENNA_ON = 0x03  # in TxControlReg (datasheet 9.3.2.5)
_ERRORS = {0x10: "FIFO overflow", 0x08: "collision", 0x02: "wrong parity", 0x01: "protocol error"}  # (9.3.1.7)


class NoAnswerError(UnreadableError):
    """No card has answered."""


class Driver(MFRC522):
    """The chip on SPI bus 0. The package opens and initialises it; frames are sent and received here."""

    def __init__(self, clock: Clock) -> None:
        """Open the reader.

        Raises:
            OSError: this machine has no SPI bus, or this user has no access to it; the message says what to do.
        """
        self._clock = clock
        self._may_be_awake = True  # a program before this one may have left a card selected
        GPIO.setmode(GPIO.BCM)
        try:
            super().__init__(bus=0, device=0, pin_rst=wiring.RESET.bcm)
        except FileNotFoundError as error:
            raise OSError("no SPI bus: switch it on with 'sudo raspi-config nonint do_spi 0'") from error
        except PermissionError as error:
            raise OSError("no access to the SPI bus: add this user to the groups spi and gpio") from error
        self._configure()

    def version(self) -> int:
        """Return the chip's version (datasheet 9.3.4.8); it reads 0x00 or 0xFF if no chip answers."""
        return self._read(self.VersionReg)[0]

    @property
    def is_ready(self) -> bool:
        """Whether a chip answers, and with its field on: one that was reset meanwhile has it off."""
        version, tx_control = self._read(self.VersionReg, self.TxControlReg)
        return version not in {0x00, 0xFF} and tx_control & _ANTENNA_ON == _ANTENNA_ON

    def restart(self) -> None:
        """Reset the chip by its pin and configure it anew."""
        GPIO.output(wiring.RESET.bcm, 0)
        self._clock.sleep(0.001)
        GPIO.output(wiring.RESET.bcm, 1)
        self._clock.sleep(0.005)  # the oscillator's start-up (datasheet 8.8.2)
        self.MFRC522_Init()
        self._configure()

    def close(self) -> None:
        """Release the SPI bus and the reset pin, and no other pin."""
        self.spi.close()
        GPIO.cleanup(wiring.RESET.bcm)

    def read_uid(self) -> bytes | None:
        """Return the UID of the one card in the field, or None if the field is empty.

        What has answered is halted by the next call, since only a card that is idle or halted answers WUPA.

        Raises:
            UnreadableError: several cards answer, or one that is removed or violates the standard.
        """
        if self._may_be_awake:
            self.halt()
        self._may_be_awake = True
        try:
            self.wake_up()
        except NoAnswerError:
            self._may_be_awake = False
            return None
        uid = b""
        for code in _SELECT_CODES:
            part = self.anticollision(code)
            sak = self.select(code, part)
            is_complete = not sak & _UID_NOT_COMPLETE
            if is_complete == (part[0] == _CASCADE_TAG):
                raise UnreadableError(f"wrong cascade tag: {part.hex()} with SAK {sak:02x}")
            if is_complete:
                return uid + part[:4]
            uid += part[1:4]
        raise UnreadableError("more than three cascade levels")

    def wake_up(self) -> bytes:
        """Send WUPA, a short frame of seven bits (14443-3, 6.4.1), and return ATQA."""
        return self.transceive(b"\x52", answer_bits=16, last_bits=7)

    def anticollision(self, code: int) -> bytes:
        """Return the part of the UID that this cascade level has, four bytes and their check byte (BCC)."""
        part = self.transceive(bytes([code, 0x20]), answer_bits=40)
        if reduce(xor, part):
            raise UnreadableError(f"wrong BCC: {part.hex()}")
        return part

    def select(self, code: int, part: bytes) -> int:
        """Select the card that has this part of a UID, and return its SAK."""
        answer = self.transceive(_with_crc(bytes([code, 0x70]) + part), answer_bits=24)
        if answer != _with_crc(answer[:1]):
            raise UnreadableError(f"wrong CRC of SAK: {answer.hex()}")
        return answer[0]

    def halt(self) -> None:
        """Send HLTA: a selected card halts without an answer; one in READY falls back (14443-3, 6.3)."""
        self._send(_with_crc(b"\x50\x00"))
        self._clock.sleep(4 * _BYTE_S + 0.001)  # a card that has not halted answers in this time (14443-3, 6.4.3)

    def transceive(self, frame: bytes, answer_bits: int, last_bits: int = 0) -> bytes:
        """Send a frame, of its last byte only `last_bits` unless 0, and return the answer, of `answer_bits`.

        Raises:
            NoAnswerError: no answer began before the timer expired.
            UnreadableError: the answer is flawed; the message says how.
        """
        self._send(frame, last_bits)
        self._clock.sleep((len(frame) + answer_bits / 8) * _BYTE_S + _FRAME_DELAY_S)
        for _ in range(4):  # the first is enough, unless the machine's clock or the chip's is inaccurate
            outcome = self._read(self.CommIrqReg, self.ErrorReg, self.FIFOLevelReg, self.ControlReg)
            requests, errors, level, control = outcome
            if requests & _ANSWERED:
                break
            if requests & _TIMED_OUT:
                raise NoAnswerError(f"no answer to {frame.hex()}")
            self._clock.sleep(_FRAME_DELAY_S)
        else:
            raise UnreadableError(f"no end of the answer to {frame.hex()}")
        if flaws := [words for bit, words in _ERRORS.items() if errors & bit]:
            raise UnreadableError(f"{', '.join(flaws)} in the answer to {frame.hex()}")
        bits = level * 8 - (-control & 0x07)  # RxLastBits: valid bits of the last byte; 0 is all (9.3.1.13)
        if bits != answer_bits:
            raise UnreadableError(f"wrong number of bits: {bits} in the answer to {frame.hex()}, not {answer_bits}")
        return self._read(*[self.FIFODataReg] * level)

    def _configure(self) -> None:
        """Let the timer run from the end of each frame until an answer begins, for 10 periods of 40 kHz at most."""
        self._write(self.TModeReg, 0x80)
        self._write(self.TPrescalerReg, 169)  # 13.56 MHz / (2 x 169 + 1) (datasheet 8.5)
        self._write(self.TReloadRegH, 0)
        self._write(self.TReloadRegL, 9)
        self._clock.sleep(0.005)  # in which a card in a new field becomes ready (14443-3, 5)

    def _send(self, frame: bytes, last_bits: int = 0) -> None:
        self._write(self.BitFramingReg, last_bits)
        self._write(self.CommandReg, self.PCD_IDLE)
        self._write(self.CommIrqReg, 0x7F)
        self._write(self.FIFOLevelReg, 0x80)  # flush (9.3.1.11)
        self._write(self.FIFODataReg, *frame)
        self._write(self.CommandReg, self.PCD_TRANSCEIVE)
        self._write(self.BitFramingReg, 0x80 | last_bits)  # start (9.3.1.14)

    def _read(self, *registers: int) -> bytes:
        """Read registers in one transfer: each byte sent asks for what the next one brings (datasheet 8.1.2.1)."""
        return bytes(self.spi.xfer2([*(0x80 | register << 1 for register in registers), 0])[1:])

    def _write(self, register: int, *values: int) -> None:
        """Write values to one register in one transfer (datasheet 8.1.2.2)."""
        self.spi.xfer2([register << 1, *values])


def _with_crc(frame: bytes) -> bytes:
    """Append CRC_A (14443-3, annex B)."""
    crc = 0x6363
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return frame + crc.to_bytes(2, "little")
