"""Stands in for spidev on a virtual Pi whose SPI bus hangs while the file named by SPI_HANGS is there."""

import os
import time
from pathlib import Path

from simulator.virtual_pi.board import the_board

_HANGS = Path(os.environ["SPI_HANGS"])


class SpiDev:
    max_speed_hz = 1_000_000

    def open(self, bus: int, device: int) -> None:
        the_board()

    def xfer2(self, values: list[int]) -> list[int]:
        while _HANGS.exists():
            time.sleep(0.01)
        return the_board().transfer(values)

    def fileno(self) -> int:
        return os.memfd_create("spidev0.0")

    def close(self) -> None:
        """Do nothing."""
