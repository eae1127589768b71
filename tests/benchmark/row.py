"""What is measured, and its bound."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LINE = "{:<74}{:>10} {:<6}{:>12}{:>8}  {}"
HEADING = LINE.format("", "measured", "", "bound", "ratio", "").rstrip()
_SIGNS = {True: "reached", False: "not reached", None: ""}


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        name: what was measured; it identifies the row in two runs.
        value: the result.
        unit: what it is counted in.
        bound: what it should reach; None if it is for information only.
        more_is_better: whether a greater value is better, as of a rate, rather than a smaller one.
        samples: how many measurements it was taken from; None if that is no part of it.
    """

    name: str
    value: float
    unit: str
    bound: float | None = None
    more_is_better: bool = False
    samples: int | None = None

    @property
    def ratio(self) -> float | None:
        """The value in terms of the bound."""
        return self.value / self.bound if self.bound else None

    @property
    def is_reached(self) -> bool | None:
        """Whether the value is on the right side of the bound."""
        if self.bound is None:
            return None
        return self.value >= self.bound if self.more_is_better else self.value <= self.bound

    def __str__(self) -> str:
        name = self.name if self.samples is None else f"{self.name} of {self.samples}"
        bound = "" if self.bound is None else f"{'>=' if self.more_is_better else '<='} {number(self.bound)}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return LINE.format(name, number(self.value), self.unit, bound, ratio, _SIGNS[self.is_reached]).rstrip()


def number(value: float) -> str:
    """Return a value as the table shows it."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def median_and_99th(name: str, seconds: Sequence[float], *bounds_ms: float) -> list[Row]:
    """Return two rows in milliseconds: the median and the 99th percentile, each with its bound if there is one."""
    milliseconds = sorted(1000 * each for each in seconds)
    values = {"median": statistics.median(milliseconds), "p99": percentile(milliseconds, 0.99)}
    bounds = [*bounds_ms, None, None]
    return [
        Row(f"{name}, {which}", value, "ms", bound, samples=len(seconds))
        for (which, value), bound in zip(values.items(), bounds, strict=False)
    ]


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that so large a share of the values does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
