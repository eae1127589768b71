"""Stands in for spidev 3.6 on a virtual Pi: what it offers of full-duplex transfers, with its errors."""

import errno
import os
from collections.abc import MutableSequence, Sequence
from pathlib import Path

from simulator.virtual_pi.board import emulated, the_board

_TRANSFER_MAX = 4096
_SEQUENCES = (list, Sequence)  # most are lists, and a check of the abstract class is slow
_OF_THE_FILE = {errno.ENOENT, errno.EACCES}  # whoever has it open is told that its device is gone


class SpiDev:
    """A connection to an SPI device. Only bus 0, device 0 exists."""

    __slots__ = (
        "_file", "_open", "bits_per_word", "cshigh", "loop", "lsbfirst", "max_speed_hz", "mode", "no_cs", "threewire",
    )  # fmt: skip

    def __init__(self, bus: int | None = None, client: int | None = None) -> None:
        self._open = False
        self._file: int | None = None
        self.mode = 0
        self.bits_per_word = 8
        self.max_speed_hz = 125_000_000
        self.cshigh = self.loop = self.lsbfirst = self.no_cs = self.threewire = False
        if bus is not None and client is not None:
            self.open(bus, client)

    def open(self, bus: int, device: int) -> None:
        """Connect to /dev/spidev<bus>.<device>."""
        if (bus, device) != (0, 0):
            raise _error(errno.ENOENT)
        if the_board().bus_error in _OF_THE_FILE:
            raise _error(the_board().bus_error)
        self._open = True

    def close(self) -> None:
        """Disconnect; a second time does nothing."""
        self._open = False
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def fileno(self) -> int:
        """Return the descriptor of a file that stands for the device: one on each virtual Pi."""
        if not self._open:
            return -1
        if self._file is None:
            self._file = _device_file()
        return self._file

    @emulated
    def xfer2(
        self, values: MutableSequence[int], speed_hz: int = 0, delay_usecs: int = 0, bits_per_word: int = 8
    ) -> Sequence[int]:
        """Exchange bytes with chip select held; a list is overwritten with what was received, and returned."""
        sent = _octets(values)
        board = the_board()
        if not self._open:
            raise _error(errno.EBADF)
        if error := board.bus_error:
            raise _error(errno.ESHUTDOWN if error in _OF_THE_FILE else error)
        received = board.transfer(sent)
        if isinstance(values, tuple):
            return tuple(received)
        values[:] = received
        return values

    xfer = xfer2

    def writebytes(self, values: Sequence[int]) -> None:
        """Send bytes and discard what is received."""
        self.xfer2(list(values))

    def readbytes(self, length: int) -> list[int]:
        """Receive bytes while zeros are sent."""
        return list(self.xfer2([0] * length))

    def __enter__(self) -> "SpiDev":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))  # as of the subclass that belongs to the number


def _octets(values: Sequence[int]) -> list[int]:
    if not isinstance(values, _SEQUENCES):
        raise TypeError("Argument must be a sequence")
    if not values:
        raise TypeError("Empty argument list.")
    if len(values) > _TRANSFER_MAX:
        raise OverflowError(f"Argument list size exceeds {_TRANSFER_MAX} bytes.")
    try:
        return [value & 0xFF for value in values]
    except TypeError:
        raise TypeError(f"Non-Int/Long value in arguments: {values!r}.") from None


def _device_file() -> int:
    station = os.environ.get("VIRTUAL_PI_SOCKET")
    if station and (folder := Path(station).parent).is_dir():
        return os.open(folder, os.O_RDONLY)
    return os.memfd_create("spidev0.0")  # a board without a station is a Pi of its own
