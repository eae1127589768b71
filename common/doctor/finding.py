"""What a check finds."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum

from common.text import printable

_LONGEST = 500


class Status(StrEnum):
    """What a finding means; these are the words that begin its line."""

    OK = "ok"
    WRONG = "wrong"
    UNTOLD = "-"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Args:
        name: the check's.
        status: whether that is as it should be.
        text: what was found.
        remedy: the command that mends it, or how to find out what could not be told.
    """

    name: str
    status: Status
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f"; {self.remedy}" if self.remedy else ""
        return printable(f"{self.status:<5} {self.name}: {self.text}{remedy}", _LONGEST)

    def to_json(self) -> str:
        """Return the finding as a JSON object, whose every control character is escaped."""
        fields = asdict(self)
        return json.dumps({"finding" if name == "text" else name: value for name, value in fields.items()})


Check = Callable[[str], Finding]
"""Looks at one thing; is given its name."""


def ok(name: str, text: str) -> Finding:
    """Return a finding of something that is as it should be."""
    return Finding(name, Status.OK, text)


def wrong(name: str, text: str, remedy: str) -> Finding:
    """Return a finding of something that is not."""
    return Finding(name, Status.WRONG, text, remedy)


def untold(name: str, text: str, remedy: str = "") -> Finding:
    """Return a finding that says why something cannot be told, and how it could be."""
    return Finding(name, Status.UNTOLD, text, remedy)


def settle(name: str, check: Check, remedy: str) -> Finding:
    """Make a check; whatever it fails with is its finding, to be mended by the remedy."""
    try:
        return check(name)
    except Exception as error:
        return wrong(name, f"{type(error).__name__}: {error}", remedy)
