"""Time, as a parameter of all that measure it or wait, so that a test can replace it."""

import time


class Clock:
    """The machine's monotonic clock, in seconds from an arbitrary start."""

    def now(self) -> float:
        """Return the time."""
        return time.monotonic()

    def processor_s(self) -> float:
        """Return for how long this thread has had a processor, in and out of the kernel."""
        return time.thread_time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
