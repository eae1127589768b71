"""A history without a legal order in pictures: what was asked until it showed, as text and as a drawing."""

from collections.abc import Callable, Iterator, Sequence
from math import floor, log10
from xml.sax.saxutils import escape

from common.text import printable
from tests import svg
from tests.drills.history import Operation

ROWS, COLUMNS = 16, 40
BARS = 60
REFUSALS = {"no-pass", "invalid-pass", "blocked-pass", "has-pass", "changed", "refused", "stale"}
COLOURS = {"ok": svg.GREEN, "refused": svg.ORANGE, "no answer: unknown": svg.GREY, "fits nowhere": "#cf222e"}
_OK, _REFUSED, _UNKNOWN, _MISFIT = COLOURS.values()
_LEFT, _RIGHT, _TOP, _LANE, _THICK, _LETTER = 170, svg.WIDTH - svg.MARGIN, 160, 24, 18, 7

Scale = Callable[[float], float]  # from a time to where it is drawn


def as_text(operations: Sequence[Operation], misfit: Operation) -> str:
    """Draw the last operations up to one that fits nowhere, which is marked: a line each, from begin to answer."""
    before = _until(misfit, operations, ROWS)
    start, end = before[0].began, misfit.ended

    def line(each: Operation) -> str:
        first, last = (round((COLUMNS - 1) * (min(at, end) - start) / (end - start or 1)) for at in each[2:4])
        bar = (" " * first + "=" * (last - first + 1)).ljust(COLUMNS)
        return f"  |{bar}| {_words(each)}{'   <- does not fit' if each == misfit else ''}"

    return "\n".join(map(line, before))


def as_svg(heading: str, operations: Sequence[Operation], misfit: Operation) -> str:
    """Draw the last operations up to one that fits nowhere: a row for each client, a bar from each begin to its answer.

    What overlaps in a row stands in lanes below one another. What has no answer ends where it can have no effect any
    more, or with the drawing.
    """
    drawn = _until(misfit, operations, BARS)
    start, end = drawn[0].began, max(each.ended for each in drawn if each.answer is not None)

    def x(at: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (min(at, end) - start) / (end - start or 1)

    rows, bottom = _rows(drawn, misfit, x)
    sentence = (
        f"What was answered before {1000 * (misfit.ended - start):.1f} ms (dashed) has a legal order; the"
        f" {misfit.request.kind} of {printable(misfit.client, 15)}, then answered {printable(misfit.answer, 15)},"
        " fits nowhere in it."
    )
    few = f"{len(drawn)} of {len(operations)} requests"
    shapes = [
        *svg.legend(COLOURS),
        f'<text x="{svg.MARGIN}" y="108" font-size="13">{escape(sentence)}</text>',
        f'<text x="{svg.MARGIN}" y="140" font-size="12" fill="{svg.PALE}">{few}</text>',
        *_axis(start, end, x, bottom),
        f'<path class="legal" d="M{x(misfit.ended):.1f} 146V{bottom}" stroke="{_MISFIT}" stroke-dasharray="6 4"/>',
        *rows,
    ]
    return svg.drawing(printable(heading, 70), sentence, bottom + 16, shapes)


def _until(misfit: Operation, operations: Sequence[Operation], most: int) -> list[Operation]:
    others = [each for each in operations if each.began <= misfit.ended and each != misfit]
    return sorted([*others[1 - most :], misfit], key=lambda each: each.began)


def _words(each: Operation) -> str:
    kind, session, number, card, *_ = each.request
    return printable(f"{card} {session}-{number} {kind}: {each.answer or 'no answer'}")


def _rows(drawn: Sequence[Operation], misfit: Operation, x: Scale) -> tuple[list[str], float]:
    """Return the rows' shapes, and where they end below."""
    shapes, y = [], float(_TOP)
    for client in dict.fromkeys(each.client for each in drawn):
        shapes.append(f'<text x="{svg.MARGIN}" y="{y + 13}" font-size="13">{escape(printable(client, 15))}</text>')
        lanes: list[float] = []  # up to where each is taken
        for each in (each for each in drawn if each.client == client):
            left = min(x(each.began), _label_x(each, x) - 4)
            lane = next((n for n, taken in enumerate(lanes) if taken < left), len(lanes))
            lanes[lane : lane + 1] = [max(x(each.ended), _label_x(each, x) + _LETTER * len(_label(each)))]
            shapes += _bar(each, x, y + _LANE * lane, is_misfit=each == misfit)
        y += _LANE * len(lanes) + 8
    return shapes, y


def _label(each: Operation) -> str:
    return f"{each.request.kind}: {printable(each.answer or 'unknown', 20)}"


def _label_x(each: Operation, x: Scale) -> float:
    return min(x(each.began) + 4, _RIGHT - _LETTER * len(_label(each)))


def _bar(each: Operation, x: Scale, y: float, *, is_misfit: bool) -> Iterator[str]:
    colour = _UNKNOWN if each.answer is None else _REFUSED if each.answer in REFUSALS else _OK
    left, width = x(each.began), max(3, x(each.ended) - x(each.began))
    edge = f'stroke="{_MISFIT}" stroke-width="3"' if is_misfit else f'stroke="{colour}"'
    yield (
        f'<rect class="request" x="{left:.1f}" y="{y}" width="{width:.1f}" height="{_THICK}" rx="3" fill="{colour}"'
        f' fill-opacity="0.4" {edge}><title>{escape(_words(each))}</title></rect>'
    )
    yield f'<text x="{_label_x(each, x):.1f}" y="{y + 13}" font-size="12">{escape(_label(each))}</text>'


def _axis(start: float, end: float, x: Scale, bottom: float) -> Iterator[str]:
    step = 10 ** floor(log10((end - start) / 2 or 1))  # seconds; between 2 and 20 steps
    for number in range(int((end - start) / step) + 1):
        at = x(start + number * step)
        yield f'<path d="M{at:.1f} 146V{bottom}" stroke="#d0d7de"/>'
        yield (
            f'<text x="{at:.1f}" y="140" font-size="11" text-anchor="middle" fill="{svg.PALE}">'
            f"{1000 * number * step:g}{'' if number else ' ms'}</text>"
        )
