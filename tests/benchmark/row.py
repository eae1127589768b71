"""What is measured, and its bound."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        name: what was measured.
        value: the result.
        unit: what it is counted in.
        bound: what it should reach; None if it is for information only.
        more_is_better: whether the value should be above the bound rather than below.
    """

    name: str
    value: float
    unit: str
    bound: float | None = None
    more_is_better: bool = False

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


def median_and_99th(name: str, seconds: Sequence[float], *bounds_ms: float) -> list[Row]:
    """Return two rows in milliseconds: the median and the 99th percentile, each with its bound if there is one."""
    milliseconds = sorted(1000 * each for each in seconds)
    values = {"median": statistics.median(milliseconds), "p99": percentile(milliseconds, 0.99)}
    bounds = [*bounds_ms, None, None]
    return [
        Row(f"{name}, {which} of {len(seconds)}", value, "ms", bound)
        for (which, value), bound in zip(values.items(), bounds, strict=False)
    ]


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that so large a share of the values does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
