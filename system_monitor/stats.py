"""A line for each minute, in place of one for each event."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import TextIO

from common.events import Event
from common.rendering import Renderer
from system_monitor.terminal import Terminal

MINUTE_S = 60
GRACE_S = 5  # how long after a minute its last events may come


class StatsTerminal(Terminal):
    """Writes how many entries, sales, denials and other events each minute had, by the time of the events.

    A minute without events gets its line only if it passes while this watches. What comes later than its minute, or
    claims to be from the future, counts where it comes.
    """

    def __init__(
        self,
        renderer: Renderer,
        output: TextIO,
        errors: TextIO,
        follows: bool,
        zone: tzinfo | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Create one.

        Args:
            renderer: how malformed messages look, which go to the error output.
            output: where the lines go.
            errors: where notices go.
            follows: whether minutes pass while this watches.
            zone: the zone of the times that are written; None for the local one.
            now: the Unix time in seconds.
        """
        super().__init__(renderer, as_json=True, output=output, errors=errors)
        self._zone = zone
        self._now = now
        self._follows = follows
        self._minute: int | None = None  # since 1970
        self._counts: Counter[str] = Counter()

    def show(self, event: Event) -> None:
        """Count the event, and write the lines of the minutes before it.

        Raises:
            OutputError: the output takes no more.
        """
        now_s = self._now()
        at = event.at
        self._begin(int(now_s if at is None else min(now_s, at / 1000)) // MINUTE_S)
        self._note(event)
        self._counts[event.kind] += 1

    def flush(self) -> None:
        """Write the line of a minute that is over, and flush the output.

        Raises:
            OutputError: the output takes no more.
        """
        now_s = self._now()
        if self._follows and (self._minute is None or now_s >= (self._minute + 1) * MINUTE_S + GRACE_S):
            self._begin(int(now_s) // MINUTE_S)
        super().flush()

    def finish(self) -> None:
        """Write the line of the last minute, complete or not.

        Raises:
            OutputError: the output takes no more.
        """
        if self._minute is not None:
            self._write_minute(self._minute)
        self._minute, self._follows = None, False
        self.flush()

    def _begin(self, minute: int) -> None:
        """Begin a minute, unless it is over, and write the one before it."""
        if self._minute is not None and minute > self._minute:
            self._write_minute(self._minute)
        self._minute = minute if self._minute is None else max(minute, self._minute)

    def _write_minute(self, minute: int) -> None:
        begin_s = minute * MINUTE_S
        seconds = min(max(self._now() - begin_s, 1.0), MINUTE_S)
        counts, self._counts = self._counts, Counter()
        entries, sales, denials = (counts[f"pass-{kind}"] for kind in ("used", "issued", "denied"))
        self._write(
            f"{datetime.fromtimestamp(begin_s, self._zone):%Y-%m-%d %H:%M}  {entries:6} entries  {sales:5} sales"
            f"  {denials:5} denials  {counts.total() / seconds:7.2f} events/s"
        )
