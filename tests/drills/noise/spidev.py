"""Stands in for spidev on a virtual Pi whose reader answers with noise."""

import os
import random

from simulator.virtual_pi.board import the_board

TRUE_SHARE = 2 / 3
_chance = random.Random(14443)


class SpiDev:
    """A connection on which every third answer is random bytes; with more of them no read gets far."""

    max_speed_hz = 1_000_000

    def open(self, bus: int, device: int) -> None:
        the_board()

    def xfer2(self, values: list[int]) -> list[int]:
        answer = the_board().transfer(values)
        return answer if _chance.random() < TRUE_SHARE else [_chance.randrange(256) for _ in values]

    def fileno(self) -> int:
        return os.memfd_create("spidev0.0")

    def close(self) -> None:
        """Do nothing."""
