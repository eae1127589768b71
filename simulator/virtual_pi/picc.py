"""The electronics of a card: the type A state machine of ISO/IEC 14443-3, 6.3 and 6.5."""

from enum import Enum, auto
from functools import reduce
from operator import xor

from simulator.virtual_pi.cards import AnyCard
from simulator.virtual_pi.frames import Bits, Reply, crc_a, to_bits, to_bytes

REQA = to_bits(b"\x26", last_bits=7)
WUPA = to_bits(b"\x52", last_bits=7)
SEL = (0x93, 0x95, 0x97)  # cascade levels 1 to 3
HLTA = b"\x50\x00"
CASCADE_TAG = 0x88
CASCADE_BIT = 0x04  # in SAK: the UID is not complete
_NVB_ALL = 0x70
_LEVEL_BITS = 40  # four UID bytes and their check byte


class State(Enum):
    """The states of a card; READY* and ACTIVE*, which follow HALT, have `Picc.woken` set."""

    POWER_OFF = auto()
    IDLE = auto()
    READY = auto()
    ACTIVE = auto()
    HALT = auto()


class Picc:
    """A card in a reader's field. It has no sectors: once it is selected, any frame but HLTA is an error."""

    def __init__(self, card: AnyCard) -> None:
        self.card = card
        self.state = State.POWER_OFF
        self.woken = False
        self._levels: list[bytes] = []
        self._level = 0

    def power_on(self) -> None:
        """Enter a field."""
        if self.state is State.POWER_OFF:
            self.state = State.IDLE
            self._levels = cascade_levels(self.card.present_uid())

    def power_off(self) -> None:
        """Lose the field."""
        self.state = State.POWER_OFF

    def receive(self, frame: Bits) -> Reply | None:
        """Act on a frame from the reader and return the answer, if there is one."""
        match self.state:
            case State.IDLE if frame in (REQA, WUPA):
                return self._wake(woken=False)
            case State.HALT if frame == WUPA:
                return self._wake(woken=True)
            case State.READY:
                return self._select(frame)
            case State.ACTIVE:
                halted = frame == to_bits(HLTA + crc_a(HLTA))
                self.state = State.HALT if halted or self.woken else State.IDLE
        return None

    def _wake(self, *, woken: bool) -> Reply:
        self.state, self.woken, self._level = State.READY, woken, 0
        return Reply(to_bits(self.card.atqa))

    def _select(self, frame: Bits) -> Reply | None:
        """Answer ANTICOLLISION and SELECT of the current cascade level (6.5.3)."""
        command = to_bytes(frame)
        if len(command) >= 2 and command[0] == SEL[self._level]:
            level = self._levels[self._level]
            if command[1] == _NVB_ALL:
                select = command[:2] + level
                if frame == to_bits(select + crc_a(select)):
                    return self._selected()
            elif _valid_bits(command[1]) == len(frame) - 16 < _LEVEL_BITS:
                known, unknown = to_bits(level)[: len(frame) - 16], to_bits(level)[len(frame) - 16 :]
                if known == frame[16:]:
                    return Reply(unknown, split=len(frame) % 8)
        self.state = State.HALT if self.woken else State.IDLE
        return None

    def _selected(self) -> Reply:
        self._level += 1
        sak = CASCADE_BIT
        if self._level == len(self._levels):
            self.state, sak = State.ACTIVE, self.card.sak
        return Reply(to_bits(bytes([sak]) + crc_a(bytes([sak]))))


def cascade_levels(uid: bytes) -> list[bytes]:
    """Divide a UID into the answer of each cascade level: four bytes and their exclusive-or, BCC (6.5.4)."""
    parts = []
    while len(uid) > 4:
        parts.append(bytes([CASCADE_TAG]) + uid[:3])
        uid = uid[3:]
    return [part + bytes([reduce(xor, part)]) for part in [*parts, uid]]


def _valid_bits(nvb: int) -> int:
    """Return how many bits of the UID level follow NVB, which counts whole bytes (with SEL and NVB) and odd bits."""
    return ((nvb >> 4) - 2) * 8 + (nvb & 0x0F)
