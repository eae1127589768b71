"""What a reader and a card exchange: bits, bytes and their CRC (ISO/IEC 14443-3 type A)."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

CARRIER_HZ = 13_560_000
BIT_S = 128 / CARRIER_HZ  # ISO/IEC 14443-2, 8.1.1: 106 kbit/s
CRC_A_PRESET = 0x6363  # ISO/IEC 14443-3, 6.2.4

Bits = tuple[int, ...]
"""The data bits of a frame in the order of transmission, least significant bit of each byte first, without parity."""


class Reply(NamedTuple):
    """A card's answer: its bits, and how many bits of its first byte the reader has sent already (0 to 7)."""

    bits: Bits
    split: int = 0


def to_bits(data: bytes | bytearray, last_bits: int = 0) -> Bits:
    """Convert bytes to bits; of the last byte only the `last_bits` lowest bits count, 0 meaning all eight."""
    bits = tuple([byte >> place & 1 for byte in data for place in range(8)])
    return bits[: len(bits) - 8 + last_bits] if last_bits else bits


def to_bytes(bits: Sequence[int], align: int = 0) -> bytes:
    """Convert bits to bytes, the first bit at position `align` of the first byte; missing bits read 0."""
    number = sum([bit << place for place, bit in enumerate(bits, align)])
    return number.to_bytes((align + len(bits) + 7) // 8, "little")


def crc16(data: bytes | bytearray, preset: int) -> int:
    """Calculate the cyclic redundancy check of ISO/IEC 13239 (x16 + x12 + x5 + 1, least significant bit first)."""
    crc = preset
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc


def crc_a(data: bytes | bytearray) -> bytes:
    """Return CRC_A in the order of transmission (ISO/IEC 14443-3, Annex B)."""
    return crc16(data, CRC_A_PRESET).to_bytes(2, "little")


def superpose(replies: Sequence[Reply]) -> tuple[Reply, int | None]:
    """Superpose simultaneous replies, as the reader's antenna does.

    Where one card modulates the first half of a bit and another the second, both halves carry the subcarrier, and
    the Manchester decoder sees a collision (ISO/IEC 14443-3, 6.5.2). The collided bit counts as 1.

    Returns:
        What is received, and the index of the first collided bit or None.
    """
    if len(replies) == 1:
        return replies[0], None
    places = [{bit for bit in place if bit is not None} for place in zip_longest(*(reply.bits for reply in replies))]
    collision = next((index for index, seen in enumerate(places) if len(seen) > 1), None)
    return Reply(tuple(max(seen) for seen in places), replies[0].split), collision
