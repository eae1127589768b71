"""What the monitor writes to: a terminal, a file, a log."""

import codecs
from collections import Counter
from contextlib import suppress
from typing import TextIO

from common.events import Event
from common.keys import DEVICE_STATUS
from common.rendering import Renderer, count, json_escaped, json_line

KINDS = {
    "issued": "pass-issued",
    "activated": "pass-activated",
    "used": "pass-used",
    "denied": "pass-denied",
    "reversed": "pass-reversed",
    "owed": "pass-owed",
    "blocked": "pass-blocked",
    "unblocked": "pass-unblocked",
    "moved": "pass-moved",
    "credited": "pass-credited",
    "voided": "pass-voided",
    "status": DEVICE_STATUS,
}
"""What an event's kind is called, in the summary and by `--kind`."""
_NAMES = {kind: name for name, kind in KINDS.items()}
JSON_ESCAPES = "json-escapes"
"""How a stream whose encoding lacks a character writes it (the `errors` of a `TextIOWrapper`): as JSON does."""


class OutputError(Exception):
    """The output takes no more; the cause is an `OSError`, or a `ValueError` if the stream is closed."""


class Terminal:
    """Writes events to the output, many at once, and notices to the error output."""

    def __init__(self, renderer: Renderer, as_json: bool, output: TextIO, errors: TextIO) -> None:
        self._renderer = renderer
        self._as_json = as_json
        self._output = output
        self._errors = errors
        self._shown: Counter[str] = Counter()
        self._lines: list[str] = []  # what is still to be written

    @property
    def has_shown(self) -> bool:
        """Whether any event or malformed message was written."""
        return bool(self._shown)

    def show(self, event: Event) -> None:
        """Show the event's line, with the next `write_out` or `flush`."""
        self._note(event)
        self._write(json_line(event) if self._as_json else self._renderer.line(event))

    def show_malformed(self, channel: str, reason: str) -> None:
        """Show that a message is malformed, as `show` does; or on the error output, if the output is JSON."""
        self._shown["malformed"] += 1
        line = self._renderer.malformed(channel, reason)
        if self._as_json:
            self._print(line)
        else:
            self._write(line)

    def notice(self, text: str) -> None:
        """Write a notice, once all events before it are written.

        Raises:
            OutputError: the output takes no more.
        """
        self.flush()
        self._print(f"system-monitor: {text}")

    def write(self, text: str) -> None:
        """Write a text that may be printed, at once.

        Raises:
            OutputError: the output takes no more.
        """
        self._lines.append(text)
        self.flush()

    def write_out(self) -> None:
        """Write what was shown.

        Raises:
            OutputError: the output takes no more.
        """
        try:
            self._output.write("".join(self._lines))
        except (OSError, ValueError) as error:
            raise OutputError from error
        self._lines.clear()  # afterwards: if a signal comes between, lines are written twice rather than lost

    def flush(self) -> None:
        """Write what was shown, and flush the output.

        Raises:
            OutputError: the output takes no more.
        """
        self.write_out()
        try:
            self._output.flush()
        except (OSError, ValueError) as error:
            raise OutputError from error

    def finish(self) -> None:
        """Write what is left to write at the end.

        Raises:
            OutputError: the output takes no more.
        """
        self.flush()

    def summarize(self) -> None:
        """Write how many events of each kind were shown.

        Raises:
            OutputError: the output takes no more.
        """
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(self._shown.items()))
        self.notice(f"{count(self._shown.total(), 'event')} shown{': ' if kinds else ''}{kinds}")

    def _note(self, event: Event) -> None:
        self._shown[_NAMES.get(event.kind, "other")] += 1

    def _write(self, line: str) -> None:
        self._lines.append(line + "\n")

    def _print(self, line: str) -> None:
        with suppress(OSError, ValueError):  # there is nowhere to say that this failed
            print(line, file=self._errors, flush=True)


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(json_escaped, error.object[error.start : error.end])), error.end


codecs.register_error(JSON_ESCAPES, _escape)
