"""The MFRC522's FIFO buffer (datasheet 8.3)."""

from simulator.virtual_pi.registers import FIFO_SIZE, ComIrq, Error, Register, RegisterBank


class Fifo:
    """64 bytes, and the alerts of their water level (9.3.1.8, 9.3.1.12)."""

    def __init__(self, registers: RegisterBank) -> None:
        self._registers = registers
        self._data = bytearray()
        self.is_low, self.is_high = True, False

    def __len__(self) -> int:
        return len(self._data)

    def append(self, data: bytes) -> None:
        """Store bytes; those beyond its size are lost."""
        room = FIFO_SIZE - len(self._data)
        self._data += data[:room]
        if len(data) > room:
            self._registers.fail(Error.BUFFER_OVFL)
        self.compare_level()

    def pop(self) -> int:
        """Take the oldest byte out; an empty buffer reads 0."""
        if not self._data:
            return 0
        value = self._data.pop(0)
        self.compare_level()
        return value

    def take(self) -> bytes:
        """Take all bytes out."""
        data = bytes(self._data)
        self._data.clear()
        self.compare_level()
        return data

    def flush(self) -> None:
        """Drop all bytes, and clear an overflow error (9.3.1.11)."""
        self.take()
        self._registers[Register.ERROR] &= ~Error.BUFFER_OVFL

    def compare_level(self) -> None:
        """Raise the alerts of the water level when it is reached (9.3.1.8)."""
        level, water_level = len(self._data), self._registers[Register.WATER_LEVEL]
        is_low, is_high = level <= water_level, FIFO_SIZE - level <= water_level
        if is_low and not self.is_low:
            self._registers.interrupt(ComIrq.LO_ALERT)
        if is_high and not self.is_high:
            self._registers.interrupt(ComIrq.HI_ALERT)
        self.is_low, self.is_high = is_low, is_high
