"""An MFRC522 that can fail, as one does on a weak supply or on long wires."""

import time
from collections.abc import Callable, Sequence

from simulator.virtual_pi.chip import Mfrc522


class FaultyMfrc522(Mfrc522):
    """A reader whose faults a test causes; without any it works."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._right_clock = clock
        self._is_deaf_for_good = self._is_stopped_for_good = False
        self._loses_every = 0
        super().__init__(clock)

    def exchange(self, mosi: Sequence[int]) -> list[int]:
        """Carry out one SPI transfer, unless it gets lost."""
        if self._loses_every and self.transfers % self._loses_every == 0:
            self.transfers += 1
            return [0] * len(mosi)
        return super().exchange(mosi)

    def flip(self, register: int, bits: int) -> None:
        """Turn over these bits of a register."""
        with self._lock:
            self._advance()
            self._registers[register] ^= bits
            self._uart.switch_field()

    def brown_out(self, *, except_for: Sequence[int] = ()) -> None:
        """Let all registers fall back to their reset values, except for these."""
        with self._lock:
            kept = {register: self._registers[register] for register in except_for}
            self._reset()
            for register, value in kept.items():
                self._registers[register] = value
            self._uart.switch_field()

    def deafen(self, *, for_good: bool = False) -> None:
        """Let the receiver hear nothing, until the next reset or for good."""
        with self._lock:
            self._is_deaf_for_good = for_good
            self._uart.is_deaf = True

    def stop(self, *, for_good: bool = False) -> None:
        """Stop its clock, so that frames and time-outs never end, until the next reset or for good."""
        with self._lock:
            self._is_stopped_for_good = for_good
            stopped_at = self._clock()
            self._clock = lambda: stopped_at

    def lose_transfers(self, every: int) -> None:
        """Lose one in so many SPI transfers, or none at 0."""
        self._loses_every = every

    def _reset(self) -> None:
        super()._reset()
        self._uart.is_deaf = self._is_deaf_for_good
        if not self._is_stopped_for_good:
            self._clock = self._right_clock
