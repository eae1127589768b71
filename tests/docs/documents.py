"""The Markdown documents of this repository, parsed for the tests."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from tests.processes import REPOSITORY

_FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Fence:
    """A block of code, such as one that begins with three backticks and `sh norun`."""

    line: int
    language: str
    words: Sequence[str]
    text: str

    @property
    def is_run(self) -> bool:
        return "norun" not in self.words

    @property
    def environment(self) -> dict[str, str]:
        return dict(word.split("=", 1) for word in self.words if "=" in word)


@dataclass(frozen=True)
class Document:
    """One Markdown file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(REPOSITORY))

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def fences(self) -> Iterator[Fence]:
        for match in _FENCE.finditer(self.text):
            language, *words = match[1].split() or [""]
            yield Fence(self.text.count("\n", 0, match.start()) + 1, language, words, match[2])

    @cached_property
    def prose(self) -> str:
        return _FENCE.sub("", self.text)

    @property
    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    @cached_property
    def anchors(self) -> set[str]:
        """The anchors of its headings, as GitHub makes them."""
        anchors: list[str] = []
        for heading in _HEADING.findall(self.prose):
            plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
            anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
            seen_before = sum(re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", other) is not None for other in anchors)
            anchors.append(f"{anchor}-{seen_before}" if seen_before else anchor)
        return set(anchors)

    def table(self, first_column: str) -> list[list[str]]:
        """Return the rows of the table whose header begins with this column."""
        _, found, rest = self.prose.partition(f"| {first_column} |")
        if not found:
            raise LookupError(f"{self} has no table of {first_column!r}")
        lines = rest.split("\n\n", 1)[0].splitlines()[2:]
        return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@cache
def documents() -> list[Document]:
    visible = {*REPOSITORY.glob("*.md"), *REPOSITORY.glob("[!.]*/**/*.md")}
    return [Document(path) for path in sorted(visible)]


def document(path: str) -> Document:
    return Document(REPOSITORY / path)
