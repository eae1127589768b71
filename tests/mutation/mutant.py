"""One small defect."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A file with one defect.

    Attributes:
        path: the file, from the repository's root.
        line: where the defect begins.
        change: the line, with what was there and what is there now in braces.
        text: the whole file with the defect.
    """

    path: str
    line: int
    change: str
    text: str

    @classmethod
    def at(cls, path: str, text: str, start: int, end: int, new: str) -> "Mutant":
        """Put something else in the place of `text[start:end]`."""
        line_start = text.rfind("\n", 0, start) + 1
        line_end = text.find("\n", end)
        change = f"{text[line_start:start]}{{{text[start:end]} -> {new}}}{text[end:line_end]}"
        return cls(path, text.count("\n", 0, start) + 1, " ".join(change.split()), text[:start] + new + text[end:])

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.change}"
