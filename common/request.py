"""A device's requests, numbered, and the note of the one under way, which outlives the program."""

import logging
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from itertools import count, repeat
from pathlib import Path
from typing import NamedTuple

from common.keys import JOURNAL, RECEIPT_PREFIX, SPENT_PREFIX

_logger = logging.getLogger(__name__)


class Request(NamedTuple):
    """A tap or a sale: done once, however often it is sent. The number counts within the session."""

    session: str
    number: int
    card: str

    @property
    def keys(self) -> Sequence[str]:
        """The KEYS of the scripts, in the order that transaction.lua names."""
        return self.card, RECEIPT_PREFIX + self.session, JOURNAL, SPENT_PREFIX + self.card


def numbers() -> Iterator[tuple[str, int]]:
    """Begin a session: return its random id with the numbers 1, 2, 3 and so on."""
    return zip(repeat(secrets.token_hex(8)), count(1), strict=False)


class RequestNote:
    """The file `tap` in the unit's runtime folder, which holds the request that is not settled.

    The folder is on a tmpfs: it outlives the program, not a power cut. Without a folder nothing is noted.

    Attributes:
        problem: why no request can be noted, in words for an operator; None if the last check found nothing.
    """

    problem: str | None = None

    def __init__(self, folder: str | None) -> None:
        """Keep the note in this folder, which systemd names in RUNTIME_DIRECTORY."""
        self._path = Path(folder, "tap") if folder else None

    @classmethod
    def of_this_unit(cls) -> "RequestNote":
        """Return the note of the unit that systemd has started."""
        return cls(os.environ.get("RUNTIME_DIRECTORY"))

    def check(self) -> None:
        """Find out whether a request can be noted, and log it once if not: on a full disk, or one that is read-only."""
        problem = None
        try:
            if self._path:
                trial = self._path.with_suffix(".trial")
                trial.write_text("0")
                trial.unlink()
        except OSError as error:
            problem = f"no tap can be noted: {error}"
        if problem and problem != self.problem:
            _logger.error("%s", problem)
        self.problem = problem

    def write(self, request: Request) -> None:
        """Note the request. It is whole or not there, whenever the program is killed.

        Raises:
            OSError: it cannot be noted.
        """
        if self._path:
            draft = self._path.with_suffix(".draft")
            draft.write_text(" ".join(map(str, request)))
            draft.replace(self._path)

    def clear(self) -> None:
        """Remove the note: the request is settled.

        Raises:
            OSError: it cannot be removed.
        """
        if self._path:
            self._path.unlink(missing_ok=True)

    def read(self) -> Request | None:
        """Return the request that an earlier run has not settled; put a note aside that cannot be read."""
        try:
            text = self._path.read_text() if self._path else ""
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            text = "unreadable"
        if match := re.fullmatch(r"([0-9a-f]{16}) ([1-9]\d{0,14}) (\d{1,30})", text, re.ASCII):
            return Request(match[1], int(match[2]), match[3])
        if text:
            self.put_aside("it cannot be read")
        return None

    def put_aside(self, reason: str) -> None:
        """Rename the note, so that it is neither reversed nor lost, and log why."""
        if self._path:
            aside = self._path.with_suffix(".aside")
            self._path.replace(aside)
            _logger.error("the note of a tap is put aside as %s: %s; the tap may have cost a trip", aside, reason)
