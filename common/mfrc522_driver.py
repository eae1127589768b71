"""The selection of the one card in the MFRC522's field (ISO/IEC 14443-3, type A; datasheet rev. 3.9)."""

from contextlib import suppress
from functools import reduce
from operator import xor

from common.cards import UnreadableError
from common.clock import Clock
from common.mfrc522_chip import Chip

_SELECT_CODES = (0x93, 0x95, 0x97)  # SEL of cascade levels 1 to 3 (14443-3, 6.5.3)
_CASCADE_TAG = 0x88
_UID_NOT_COMPLETE = 0x04  # in SAK (14443-3, 6.5.3.4)

_BYTE_S = 9 * 128 / 13.56e6  # on the air: eight bits and parity at 106 kbit/s
_FRAME_DELAY_S = 0.00013  # from frame to answer: 1236 carrier periods (14443-3, 6.2.1.1), start and end of both

_ANSWERED, _TIMED_OUT = 0x20, 0x01  # RxIRq and TimerIRq in ComIrqReg (datasheet 9.3.1.5)
_ERRORS = {0x10: "FIFO overflow", 0x08: "collision", 0x02: "wrong parity", 0x01: "protocol error"}  # (9.3.1.7)
_STUCK = "the card reader is stuck: check its power supply and its wires"


class NoAnswerError(UnreadableError):
    """No card has answered."""


class EndlessError(UnreadableError):
    """Neither has an answer ended, nor the time for one."""


class Driver(Chip):
    """Sends frames by the chip and receives the answers; opening, configuring and checking it is `Chip`'s.

    Args:
        gain_db: the receiver's gain: 18, 23, 33, 38, 43 or 48.
    """

    def __init__(self, clock: Clock, gain_db: int = 33) -> None:
        self._may_be_awake = True  # a program before this one may have left a card selected
        self._is_stuck = False
        super().__init__(clock, gain_db)

    def fault(self) -> str | None:
        """Return what is wrong, in words; the registers are checked in turn, one at each call.

        Raises:
            OSError: the bus fails.
        """
        return _STUCK if self._is_stuck else super().fault()

    def restart(self) -> str | None:
        """Open the bus anew, reset and configure the chip, and try it; return what is wrong then, in words.

        Raises:
            OSError: the bus cannot be opened, or fails.
        """
        self._is_stuck = False
        if fault := super().restart():
            return fault
        with suppress(UnreadableError):
            self.wake_up()
        self._may_be_awake = True
        return _STUCK if self._is_stuck else None

    def read_uid(self) -> bytes | None:
        """Return the UID of the one card in the field, or None if the field is empty.

        What has answered is halted by the next call, since only a card that is idle or halted answers WUPA.

        Raises:
            UnreadableError: several cards answer, or one that is removed or violates the standard.
        """
        self._wait_for_cards()
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
            if not sak & _UID_NOT_COMPLETE:
                return uid + part[:4]
            if part[0] != _CASCADE_TAG:
                raise UnreadableError(f"no cascade tag: {part.hex()} with SAK {sak:02x}")
            uid += part[1:4]
        raise UnreadableError("more than three cascade levels")

    def wake_up(self) -> bytes:
        """Send WUPA, a short frame of seven bits (14443-3, 6.4.1), and return ATQA."""
        try:
            return self.transceive(b"\x52", answer_bits=16, last_bits=7)
        except EndlessError:
            self._is_stuck = True
            raise

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
            EndlessError: neither an answer nor the timer has ended.
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
            raise EndlessError(f"no end of the answer to {frame.hex()}")
        if flaws := [words for bit, words in _ERRORS.items() if errors & bit]:
            raise UnreadableError(f"{', '.join(flaws)} in the answer to {frame.hex()}")
        bits = level * 8 - (-control & 0x07)  # RxLastBits: valid bits of the last byte; 0 is all (9.3.1.13)
        if bits != answer_bits:
            raise UnreadableError(f"wrong number of bits: {bits} in the answer to {frame.hex()}, not {answer_bits}")
        return self._read(*[self.FIFODataReg] * level)

    def _send(self, frame: bytes, last_bits: int = 0) -> None:
        self._write(self.BitFramingReg, last_bits)
        self._write(self.CommandReg, self.PCD_IDLE)
        self._write(self.CommIrqReg, 0x7F)
        self._write(self.FIFOLevelReg, 0x80)  # flush (9.3.1.11)
        self._write(self.FIFODataReg, *frame)
        self._write(self.CommandReg, self.PCD_TRANSCEIVE)
        self._write(self.BitFramingReg, 0x80 | last_bits)  # start (9.3.1.14)


def _with_crc(frame: bytes) -> bytes:
    """Append CRC_A (14443-3, annex B)."""
    crc = 0x6363
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return frame + crc.to_bytes(2, "little")
