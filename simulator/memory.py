"""What has happened in the system, for those who expect something of it."""

import re
import threading

from simulator.device import Happening

_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")


def plain(text: str) -> str:
    """Return a text of the monitor without its colours."""
    return _CONTROL_SEQUENCE.sub("", text)


class ExpectationError(AssertionError):
    """What was expected did not happen; the message tells what did."""


class Memory:
    """What has happened, by source; what has been expected and met is forgotten."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._texts: dict[str, list[str]] = {}

    def add(self, happening: Happening) -> None:
        """Remember a happening."""
        with self._changed:
            self._texts.setdefault(happening.source, []).append(f"{happening.sense} {plain(happening.text)}")
            self._changed.notify_all()

    def forget(self, *sources: str) -> None:
        """Forget what these have done so far: what is expected next has yet to happen."""
        with self._changed:
            for source in sources:
                self._texts[source] = []

    def meet(self, source: str, text: str, limit_s: float) -> None:
        """Wait until the text turns up in what the source does.

        Raises:
            ExpectationError: it did not in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._take(source, text), limit_s):
                since = "; ".join(self._texts.get(source, [])) or "nothing"
                raise ExpectationError(f"not within {limit_s:g} s; the {source} did: {since}")

    def meet_nothing(self, source: str, limit_s: float) -> None:
        """Wait for so long and see that the source does nothing.

        Raises:
            ExpectationError: it does something.
        """
        with self._changed:
            if self._changed.wait_for(lambda: bool(self._texts.get(source)), limit_s):
                raise ExpectationError(f"the {source} did: {'; '.join(self._texts[source])}")

    def _take(self, source: str, text: str) -> bool:
        """Take away the first that has the text in it."""
        texts = self._texts.get(source, [])
        met = next((known for known in texts if text in known), None)
        if met:
            texts.remove(met)
        return met is not None
