"""What a device does at one moment, as one thing to tell: its lamps, its clip and its line in the log."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from simulator.device import Output, OutputKind

SETTLE_S = 0.8
"""How long a moment lasts, unless it is complete before; a lamp that flashes changes more often."""


@dataclass
class Moment:
    """What belongs together.

    Args:
        at: when it began, in seconds of `time.monotonic()`.
        texts: the clip that began (`SOUND`), and the line in the log (`LOG`).
        changed: the lamps that changed.
        lit: the lamps that are lit at its end.
        flashing: the lamps that flash.
    """

    at: float
    texts: dict[OutputKind, str] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    lit: frozenset[str] = frozenset()
    flashing: frozenset[str] = frozenset()


class Moments:
    """Puts together what one device does. A lamp that flashes is told once; if it then stands as before, no more."""

    def __init__(self) -> None:
        self._open: Moment | None = None
        self._lit: frozenset[str] = frozenset()
        self._told: frozenset[str] = frozenset()
        self._changed_at: dict[str, float] = {}
        self._flashing: set[str] = set()

    def add(self, output: Output) -> Iterator[Moment]:
        """Add an output; yield the moments that are complete."""
        yield from self.settle(output.at)
        if output.kind is OutputKind.LAMP:
            lamp, _, level = output.text.partition(" ")
            self._change(lamp, level == "on", output.at)
        else:
            if self._open and output.kind in self._open.texts:
                yield from self.close()
            self._opened(output.at).texts[output.kind] = output.text
        if self._is_complete():
            yield from self.close()

    @property
    def due(self) -> float | None:
        """When `settle` has something to do."""
        times = [self._changed_at[lamp] + SETTLE_S for lamp in self._flashing]
        if self._open:
            times.append(self._end_of(self._open))
        return min(times, default=None)

    def settle(self, now: float) -> Iterator[Moment]:
        """Yield what is complete at this time."""
        while (due := self.due) is not None and due <= now:
            goes_on = self._open is not None and self._end_of(self._open) > due
            for lamp in [lamp for lamp in self._flashing if self._changed_at[lamp] + SETTLE_S <= now]:
                self._flashing.discard(lamp)
                if self._lit != self._told:
                    self._opened(due).changed.add(lamp)
            if not goes_on:
                yield from self.close()

    def close(self) -> Iterator[Moment]:
        """End the moment that is open, and yield it."""
        moment, self._open = self._open, None
        if moment:
            moment.lit, moment.flashing = self._lit, frozenset(self._flashing)
            if moment.changed:
                self._told = self._lit | self._flashing
            yield moment

    def _end_of(self, moment: Moment) -> float:
        since = moment.at if self._lit else max([moment.at, *self._changed_at.values()])
        return since + SETTLE_S  # a dark lamp may be one that flashes

    def _opened(self, at: float) -> Moment:
        self._open = self._open or Moment(at)
        return self._open

    def _change(self, lamp: str, is_on: bool, at: float) -> None:
        self._lit = self._lit | {lamp} if is_on else self._lit - {lamp}
        self._changed_at[lamp] = at
        if lamp in self._flashing and not self._open:
            return
        moment = self._opened(at)
        if lamp in moment.changed:
            self._flashing.add(lamp)
        elif is_on and lamp not in self._flashing:
            self._flashing.clear()  # another signal
        moment.changed.add(lamp)

    def _is_complete(self) -> bool:
        """Whether a clip has begun and nothing more belongs to it: red may be about to flash, green is not."""
        has_clip = self._open is not None and OutputKind.SOUND in self._open.texts
        return has_clip and (not self._changed_at or "green" in self._lit)
