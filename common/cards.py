"""Cards, as the reader reads them."""

import re
from dataclasses import dataclass
from functools import reduce
from operator import xor

_SHORT_NUMBER = re.compile("0|[1-9][0-9]{0,12}")
_SHARED_UID = bytes([1, 2, 3, 4])


class UnreadableError(Exception):
    """Something answers, but not one card that follows the standard; the message says how."""


@dataclass(frozen=True)
class Card:
    """A card, known by its UID of 4, 7 or 10 bytes."""

    uid: bytes

    @property
    def serial_number(self) -> str:
        """The UID as a decimal number; one of 4 bytes is followed by its check byte (BCC, ISO/IEC 14443-3, 6.5.3)."""
        number = self.uid + bytes([reduce(xor, self.uid)]) if len(self.uid) == 4 else self.uid
        return str(int.from_bytes(number))

    @property
    def is_random(self) -> bool:
        """Whether the UID is random, a new one at every tap, as a phone's is (ISO/IEC 14443-3, 6.5.4)."""
        return len(self.uid) == 4 and self.uid[0] == 0x08

    @property
    def can_hold_pass(self) -> bool:
        """Whether a pass can be sold to it: its UID must not be random, or 01020304, which phones and clones share."""
        return not self.is_random and self.uid != _SHARED_UID

    @property
    def known_as(self) -> "Card":
        """The card itself, or one that stands for all with a random UID: a phone has one after another."""
        return _ANY_PHONE if self.is_random else self

    def __str__(self) -> str:
        return f"card {self.serial_number}"

    @classmethod
    def with_uid(cls, digits: str) -> "Card | None":
        """Return the card with this UID in hexadecimal; None if it is not one of 4, 7 or 10 bytes."""
        is_uid = re.fullmatch("[0-9A-Fa-f]{8}|[0-9A-Fa-f]{14}|[0-9A-Fa-f]{20}", digits)
        return cls(bytes.fromhex(digits)) if is_uid else None

    @classmethod
    def with_short_uid(cls, serial_number: str) -> "Card | None":
        """Return the card with a UID of 4 bytes that has this serial number, if there is one."""
        if not _SHORT_NUMBER.fullmatch(serial_number):
            return None
        uid, check_byte = divmod(int(serial_number), 256)
        if uid >= 2**32 or reduce(xor, uid.to_bytes(4)) != check_byte:
            return None
        return cls(uid.to_bytes(4))


_ANY_PHONE = Card(bytes([0x08, 0, 0, 0]))
