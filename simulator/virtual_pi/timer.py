"""The MFRC522's timer unit (datasheet 8.5)."""

from math import inf

COUNTER_MAX = 0xFFFF


class Timer:
    """Counts down from a reload value; all times are seconds of the chip's clock."""

    def __init__(self) -> None:
        self.expires_at = inf
        self._started_at = 0.0
        self._tick_s = 1.0
        self._counter = 0

    @property
    def running(self) -> bool:
        """Whether it counts at present."""
        return self.expires_at != inf

    def start(self, at: float, reload: int, tick_s: float) -> None:
        """Load the reload value and count; it expires after `reload` + 1 ticks."""
        self._tick_s = tick_s
        self._started_at = at
        self.expires_at = at + (reload + 1) * tick_s

    def skip_to(self, now: float) -> None:
        """Let the periods go by that have passed unseen, if it starts itself again."""
        if self.expires_at <= now:
            period_s = self.expires_at - self._started_at
            self.expires_at = now + period_s - (now - self._started_at) % period_s

    def stop(self, at: float) -> None:
        """Stand still at the present count."""
        self._counter = self.counter(at)
        self.expires_at = inf

    def counter(self, at: float) -> int:
        """Return the count, 0 to 65535."""
        if not self.running:
            return self._counter
        return min(max(int((self.expires_at - at) / self._tick_s), 0), COUNTER_MAX)
