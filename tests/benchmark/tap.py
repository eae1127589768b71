"""A tap and its parts, from the card's touch to green."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from statistics import median

from tests.benchmark.row import Row, median_and_99th

PARTS = ("until the reader looks", "exchange with the card", "round trip to Redis", "light")


@dataclass(frozen=True)
class Tap:
    """When the parts of a granted tap ended, in seconds from the card's touch.

    Args:
        looked: the look at the reader that finds the card began; 0 if it had begun before.
        asked: the gate's question to Redis left.
        answered: the answer reached the gate.
        lit: green was lit.
    """

    looked: float
    asked: float
    answered: float
    lit: float

    @property
    def parts(self) -> tuple[float, ...]:
        """How long each of `PARTS` took, in seconds."""
        ends = astuple(self)
        return tuple(end - begin for begin, end in zip((0.0, *ends), ends, strict=False))


def total_name(kind: str) -> str:
    """Return what the whole time of taps of this kind is called in a row, without `median` or `p99`."""
    return f"card laid to green at 40 us a transfer, {kind}"


def part_name(kind: str, part: str) -> str:
    """Return the name of the row that has this part's median."""
    return f"  {kind}: {part}, median"


def rows(kind: str, taps: Sequence[Tap], *bounds_ms: float) -> Iterator[Row]:
    """Return the whole time, its median and 99th percentile, with their bounds, and the median of each part."""
    yield from median_and_99th(total_name(kind), [tap.lit for tap in taps], *bounds_ms)
    for part, seconds in zip(PARTS, zip(*(tap.parts for tap in taps), strict=True), strict=True):
        yield Row(part_name(kind, part), 1000 * median(seconds), "ms", samples=len(taps))
