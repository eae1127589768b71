"""What the monitor writes to: a terminal, a file, a log."""

from collections import Counter
from typing import TextIO

from system_monitor.events import Event
from system_monitor.rendering import Renderer, count, json_line

_KINDS = {"pass-issued": "issued", "pass-activated": "activated", "pass-used": "used", "pass-denied": "denied"}


class Terminal:
    """Writes events to the output and notices to the error output."""

    def __init__(self, renderer: Renderer, as_json: bool, output: TextIO, errors: TextIO) -> None:
        self._renderer = renderer
        self._as_json = as_json
        self._output = output
        self._errors = errors
        self._shown: Counter[str] = Counter()

    def show(self, event: Event) -> None:
        """Write the event's line."""
        self._shown[_KINDS.get(event.kind, "other")] += 1
        self._output.write((json_line(event) if self._as_json else self._renderer.line(event)) + "\n")

    def show_malformed(self, channel: str, reason: str) -> None:
        """Write that a message is malformed: to the error output, if the output is JSON."""
        self._shown["malformed"] += 1
        (self._errors if self._as_json else self._output).write(self._renderer.malformed(channel, reason) + "\n")

    def notice(self, text: str) -> None:
        """Write a notice, once all events before it are written."""
        self.flush()
        print(f"system-monitor: {text}", file=self._errors, flush=True)

    def flush(self) -> None:
        """Flush the output."""
        self._output.flush()

    def summarize(self) -> None:
        """Write how many events of each kind were shown."""
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(self._shown.items()))
        self.notice(f"{count(self._shown.total(), 'event')} shown{': ' if kinds else ''}{kinds}")
