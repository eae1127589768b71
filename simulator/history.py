"""What has happened in the system since the last command, for expectations to be checked against."""

import re
import threading

from simulator.device import Output

_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")


def without_colors(text: str) -> str:
    """Return a line of the monitor without its colours."""
    return _CONTROL_SEQUENCE.sub("", text)


class ExpectationError(AssertionError):
    """What was expected did not happen; the message says what did."""


class History:
    """What each source has done; what has met an expectation is removed. Any thread may use it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._texts: dict[str, list[str]] = {}

    def add(self, output: Output) -> None:
        """Add something that has happened."""
        with self._changed:
            text = " ".join(without_colors(output.text).split())  # an expectation has one blank between its words, too
            self._texts.setdefault(output.source, []).append(f"{output.kind} {text}")
            self._changed.notify_all()

    def clear(self, *sources: str) -> None:
        """Forget what these have done so far: what is expected next has yet to happen."""
        with self._changed:
            for source in sources:
                self._texts[source] = []

    def expect(self, source: str, text: str, limit_s: float) -> None:
        """Wait until the source does something with this text in it.

        Raises:
            ExpectationError: it did not in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._take(source, text), limit_s):
                done = "; ".join(self._texts.get(source, [])) or "nothing"
                raise ExpectationError(f"not within {limit_s:g} s; the {source} did: {done}")

    def expect_nothing(self, source: str, limit_s: float) -> None:
        """Check that the source does nothing for this long.

        Raises:
            ExpectationError: it does something.
        """
        with self._changed:
            if self._changed.wait_for(lambda: bool(self._texts.get(source)), limit_s):
                raise ExpectationError(f"the {source} did: {'; '.join(self._texts[source])}")

    def _take(self, source: str, text: str) -> bool:
        """Remove the first that has the text in it."""
        texts = self._texts.get(source, [])
        met = next((each for each in texts if text in each), None)
        if met:
            texts.remove(met)
        return met is not None
