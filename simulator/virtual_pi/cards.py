"""Cards and phones, to be laid on a virtual reader."""

import secrets
from dataclasses import dataclass

_SINGLE, _DOUBLE, _TRIPLE = 4, 7, 10
RANDOM_UID_PREFIX = 0x08


@dataclass(frozen=True)
class VirtualCard:
    """A proximity card with a fixed UID (ISO/IEC 14443-3, 6.5.4).

    Args:
        uid: 4, 7 or 10 bytes.

    Raises:
        ValueError: the UID has another length.
    """

    uid: bytes

    def __post_init__(self) -> None:
        if len(self.uid) not in {_SINGLE, _DOUBLE, _TRIPLE}:
            raise ValueError(f"a UID has 4, 7 or 10 bytes, not {len(self.uid)}")

    @property
    def atqa(self) -> bytes:
        """The answer to REQA and WUPA, low byte first: bits 8 and 7 are the size of the UID (6.5.2)."""
        return {_SINGLE: b"\x04\x00", _DOUBLE: b"\x44\x00", _TRIPLE: b"\x84\x00"}[len(self.uid)]

    @property
    def sak(self) -> int:
        """The answer to the last SELECT: that of a MIFARE Classic 1K, or of a MIFARE Ultralight for a longer UID."""
        return 0x08 if len(self.uid) == _SINGLE else 0x00

    def present_uid(self) -> bytes:
        """Return the UID to be used from power-on to power-off."""
        return self.uid

    def __str__(self) -> str:
        return self.uid.hex()


@dataclass(frozen=True)
class VirtualPhone:
    """A phone that emulates a card: a new random UID beginning 08 whenever it enters a field.

    Args:
        name: distinguishes phones; it begins with "phone".
    """

    name: str = "phone"

    atqa = b"\x04\x00"
    sak = 0x20  # ISO/IEC 14443-3, 6.5.3.4: UID complete, compliant with ISO/IEC 14443-4

    def present_uid(self) -> bytes:
        """Return the UID to be used from power-on to power-off."""
        return bytes([RANDOM_UID_PREFIX]) + secrets.token_bytes(3)

    def __str__(self) -> str:
        return self.name


AnyCard = VirtualCard | VirtualPhone


def parse_card(text: str) -> AnyCard:
    """Parse what `str()` returns for a card or a phone."""
    return VirtualPhone(text) if text.startswith("phone") else VirtualCard(bytes.fromhex(text))
