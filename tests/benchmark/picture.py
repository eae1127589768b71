"""Where the time of a tap goes, as a drawing: a bar for each kind of tap, of its measured parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.benchmark.gate import FOUR_BYTES, SEVEN_BYTES, far
from tests.benchmark.row import Row
from tests.benchmark.tap import PARTS, part_name, total_name
from tests.svg import BLUE, GREEN, GREY, MARGIN, ORANGE, PALE, WIDTH, drawing, legend

MEASURED_BY = ("gate", "gate-7-byte", "gate-far-redis")
KINDS = {
    FOUR_BYTES: "4-byte card, local Redis",
    SEVEN_BYTES: "7-byte card, local Redis",
    far(50): "4-byte card, Redis 50 ms away",
}
COLOURS = (GREY, BLUE, ORANGE, GREEN)
TITLE = "Where the time of a tap goes"
_FIRST, _STEP, _THICK = 128, 92, 30


@dataclass(frozen=True)
class Bar:
    """A kind of tap.

    Args:
        title: what kind.
        total_ms: the median from the card's touch to green.
        parts_ms: the median of each of `PARTS`.
    """

    title: str
    total_ms: float
    parts_ms: Sequence[float]

    @property
    def words(self) -> str:
        return ", ".join(f"{part} {ms:.1f} ms" for part, ms in zip(PARTS, self.parts_ms, strict=True))


def bars(rows: Iterable[Row]) -> list[Bar]:
    """Return the bars that the rows of `MEASURED_BY` have.

    Raises:
        KeyError: a row is missing.
    """
    values = {row.name: row.value for row in rows}
    return [
        Bar(title, values[f"{total_name(kind)}, median"], [values[part_name(kind, part)] for part in PARTS])
        for kind, title in KINDS.items()
    ]


def as_svg(drawn: Sequence[Bar]) -> str:
    """Draw the bars."""
    per_ms = (WIDTH - 2 * MARGIN) / max(sum(bar.parts_ms) for bar in drawn)
    description = "; ".join(f"{bar.title}: {bar.total_ms:.1f} ms: {bar.words}" for bar in drawn)
    shapes = [*legend(dict(zip(PARTS, COLOURS, strict=True)))]
    for number, bar in enumerate(drawn):
        shapes += _bar(bar, _FIRST + _STEP * number, per_ms)
    return drawing(TITLE, description, _FIRST + _STEP * len(drawn), shapes)


def _bar(bar: Bar, y: float, per_ms: float) -> Iterable[str]:
    yield f'<text x="{MARGIN}" y="{y}" font-size="15" font-weight="700">{bar.title}: {bar.total_ms:.0f} ms</text>'
    x = float(MARGIN)
    for ms, colour in zip(bar.parts_ms, COLOURS, strict=True):
        yield (
            f'<rect class="part" x="{x:.1f}" y="{y + 10}" width="{ms * per_ms:.1f}" height="{_THICK}" fill="{colour}"/>'
        )
        x += ms * per_ms
    words = "  ·  ".join(f"{part} {ms:.1f}" for part, ms in zip(PARTS, bar.parts_ms, strict=True))
    yield f'<text x="{MARGIN}" y="{y + _THICK + 28}" font-size="13" fill="{PALE}">{words} ms</text>'
