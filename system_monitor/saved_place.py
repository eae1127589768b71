"""The place in the journal, kept over restarts."""

import os
from pathlib import Path

from common.events import EventId
from system_monitor.journal_reader import Place

LINE_LENGTH = 80  # two numbers of 20 digits, one of at most 20, and their separators


class SavedPlace:
    """A file with the place, in the folder that systemd keeps for a unit (StateDirectory= in systemd.exec(5)).

    A line of one length is written over the last one: the kernel brings it to the disk when it likes, so that an SD
    card is not worn with each event.
    """

    def __init__(self, folder: str | None) -> None:
        """Use the file in this folder; without one, nothing is kept."""
        self._path = Path(folder) / "place" if folder else None
        self._written: Place | None = None

    def read(self) -> Place | None:
        """Return the place; None if none was kept.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds no place.
        """
        if not self._path or not self._path.exists():
            return None
        id_, added = self._path.read_text().split()
        return Place(EventId.parse(id_), int(added))

    def write(self, place: Place) -> None:
        """Keep the place.

        Raises:
            OSError: the file cannot be written.
        """
        if not self._path or place == self._written:
            return
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(file, f"{place.id} {place.added}".ljust(LINE_LENGTH).encode() + b"\n", 0)
        finally:
            os.close(file)
        self._written = place
