"""Time: handed to whatever measures it or waits, so that a test can hand over another."""

import time


class Clock:
    """The machine's monotonic clock, in seconds from a moment that is nowhere defined."""

    def now(self) -> float:
        """Return the time."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        time.sleep(seconds)
