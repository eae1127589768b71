"""Where the time of a tap goes, as a drawing: a bar for each kind of tap, of its measured parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from tests.benchmark.gate import FOUR_BYTES, SEVEN_BYTES, far
from tests.benchmark.row import Row
from tests.benchmark.tap import PARTS, part_name, total_name

MEASURED_BY = ("gate", "gate-7-byte", "gate-far-redis")
KINDS = {
    FOUR_BYTES: "4-byte card, local Redis",
    SEVEN_BYTES: "7-byte card, local Redis",
    far(50): "4-byte card, Redis 50 ms away",
}
COLOURS = ("#9aa7b4", "#1f6feb", "#bf6a02", "#2da44e")
TITLE = "Where the time of a tap goes"
_WIDTH, _MARGIN, _FIRST, _STEP, _THICK = 920, 28, 128, 92, 30


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
    """Draw the bars on a ground of their own, so that light and dark pages show them alike."""
    per_ms = (_WIDTH - 2 * _MARGIN) / max(sum(bar.parts_ms) for bar in drawn)
    height = _FIRST + _STEP * len(drawn)
    description = "; ".join(f"{bar.title}: {bar.total_ms:.1f} ms: {bar.words}" for bar in drawn)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
        ' role="img" aria-labelledby="title description"'
        " font-family=\"system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif\" fill=\"#1f262e\">",
        f'<title id="title">{TITLE}</title>',
        f'<desc id="description">{escape(description)}</desc>',
        f'<rect x="1" y="1" width="{_WIDTH - 2}" height="{height - 2}" rx="14" fill="#f6f8fa" stroke="#d0d7de"'
        ' stroke-width="2"/>',
        f'<text x="{_MARGIN}" y="46" font-size="20" font-weight="700">{TITLE}</text>',
        *_legend(),
    ]
    for number, bar in enumerate(drawn):
        lines += _bar(bar, _FIRST + _STEP * number, per_ms)
    return "\n".join([*lines, "</svg>\n"])


def _legend() -> Iterable[str]:
    step = (_WIDTH - 2 * _MARGIN) // len(PARTS)
    for number, (part, colour) in enumerate(zip(PARTS, COLOURS, strict=True)):
        x = _MARGIN + step * number
        yield f'<rect x="{x}" y="66" width="14" height="14" rx="3" fill="{colour}"/>'
        yield f'<text x="{x + 22}" y="78" font-size="14">{part}</text>'


def _bar(bar: Bar, y: float, per_ms: float) -> Iterable[str]:
    yield f'<text x="{_MARGIN}" y="{y}" font-size="15" font-weight="700">{bar.title}: {bar.total_ms:.0f} ms</text>'
    x = float(_MARGIN)
    for ms, colour in zip(bar.parts_ms, COLOURS, strict=True):
        yield (
            f'<rect class="part" x="{x:.1f}" y="{y + 10}" width="{ms * per_ms:.1f}" height="{_THICK}" fill="{colour}"/>'
        )
        x += ms * per_ms
    words = "  ·  ".join(f"{part} {ms:.1f}" for part, ms in zip(PARTS, bar.parts_ms, strict=True))
    yield f'<text x="{_MARGIN}" y="{y + _THICK + 28}" font-size="13" fill="#57606a">{words} ms</text>'
