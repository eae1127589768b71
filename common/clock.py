"""Time, as a parameter of all that measure it or wait, so that a test can replace it."""

import time


class Clock:
    """The machine's monotonic clock, in seconds from an arbitrary start."""

    def now(self) -> float:
        """Return the time."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
