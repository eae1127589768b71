"""What a check finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from common.text import printable

Status = Literal["OK", "WARN", "FAIL", "SKIP"]  # fine; works, but not safely; wrong; could not be checked

_COLOURS: dict[Status, int] = {"OK": 32, "WARN": 33, "FAIL": 31, "SKIP": 36}  # SGR parameters (ECMA-48, 8.3.117)


@dataclass(frozen=True)
class Finding:
    """What a check found, what to do about it, and the commands to run."""

    name: str
    status: Status
    text: str
    remedy: str = ""
    commands: Sequence[str] = ()

    def as_text(self, coloured: bool) -> str:
        """Return the finding on a line, followed by a line for the remedy and one for each command."""
        status = f"\x1b[{_COLOURS[self.status]}m{self.status:<4}\x1b[0m" if coloured else f"{self.status:<4}"
        lines = [f"{self.name}: {self.text}", self.remedy, *(f"$ {command}" for command in self.commands)]
        return f"{status}  " + "\n      ".join(printable(line, 500) for line in lines if line)
