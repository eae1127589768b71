"""What the demo's terminal prints: a line for each thing that happens."""

import queue
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from simulator.device import Output, OutputKind
from simulator.history import without_colors
from simulator.moments import Moment, Moments

_LAMPS = {"red": "🔴", "yellow": "🟡", "green": "🟢"}
_BOLD, _DIM = 1, 2


class Printer:
    """Prints what happens, from a thread of its own, until it is closed."""

    def __init__(self, colored: bool) -> None:
        self._colored = colored
        self._outputs: queue.SimpleQueue[Output | None] = queue.SimpleQueue()
        self._sources: dict[str, Moments] = {}
        self._thread = threading.Thread(target=self._run, name="printer", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Printer":
        return self

    def __exit__(self, *_: object) -> None:
        self._outputs.put(None)
        self._thread.join()

    def show(self, output: Output) -> None:
        """Print what a device or the monitor has done, a device's when the moment is complete."""
        self._outputs.put(output)

    def print(self, line: str) -> None:
        """Print a line."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def _run(self) -> None:
        while True:
            try:
                output = self._outputs.get(timeout=self._time_left_s())
            except queue.Empty:
                pass
            else:
                if output is None:
                    break
                self._take(output)
            for source, moments in self._sources.items():
                self._tell(source, moments.settle(time.monotonic()))
        for source, moments in self._sources.items():
            self._tell(source, moments.close())

    def _time_left_s(self) -> float | None:
        """Return how long there is nothing to do; None if it depends on what happens."""
        times = [due for moments in self._sources.values() if (due := moments.due) is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _take(self, output: Output) -> None:
        if output.kind is OutputKind.EVENT:
            self._print_at(output.at, output.source, output.text if self._colored else without_colors(output.text))
        else:
            self._tell(output.source, self._sources.setdefault(output.source, Moments()).add(output))

    def _tell(self, source: str, moments: Iterable[Moment]) -> None:
        for moment in moments:
            self._print_at(moment.at, source, "  ".join(self._parts(moment)))

    def _parts(self, moment: Moment) -> Iterator[str]:
        if moment.changed:
            shown = [lamp for lamp in _LAMPS if lamp in moment.lit | moment.flashing]
            words = [f"{_LAMPS[lamp]} {lamp}{' flashes' if lamp in moment.flashing else ''}" for lamp in shown]
            yield ", ".join(words) or "⚫ dark"
        if clip := moment.texts.get(OutputKind.SOUND):
            yield self._paint(f"🔊 {clip}", _BOLD)
        if line := moment.texts.get(OutputKind.LOG):
            yield self._paint(line, _DIM)

    def _print_at(self, at: float, source: str, text: str) -> None:
        when = datetime.now().astimezone() - timedelta(seconds=time.monotonic() - at)
        time_of_day = when.strftime("%H:%M:%S.%f")[:-3]
        with suppress(OSError):  # the terminal is gone, and the demo about to end
            self.print(f"{self._paint(time_of_day, _DIM)}  {source:<9} {text}")

    def _paint(self, text: str, code: int) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colored else text
