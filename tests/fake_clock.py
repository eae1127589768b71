"""A clock that advances only during a sleep, or work."""

from collections.abc import Callable

from common.clock import Clock


class FakeClock(Clock):
    """A clock on which a sleep takes no time: planned actions that are due in that time are called.

    A test plans what a rider does, and the end (an exception raised by a plan ends the program's loop)::

        clock.at(0.5, lambda: board.reader.place([CARD]))
        clock.at(9.0, stop)

    Attributes:
        round_s: the processor time of a round of the program's loop, which it asks for once.
    """

    round_s = 0.0

    def __init__(self) -> None:
        self._now = 0.0
        self._used_s = 0.0
        self._plans: list[tuple[float, Callable[[], object]]] = []

    def now(self) -> float:
        return self._now

    def processor_s(self) -> float:
        self._used_s += self.round_s
        return self._used_s

    def work(self, seconds: float) -> None:
        """Use the processor."""
        self._used_s += seconds
        self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")  # as of the real one
        end = self._now + seconds
        while self._plans and self._plans[0][0] <= end:
            at, action = self._plans.pop(0)
            self._now = max(self._now, at)
            action()
        self._now = max(self._now, end)

    def at(self, time: float, action: Callable[[], object]) -> None:
        """Plan an action for a time in seconds from the clock's start; plans of one time keep their order."""
        self._plans.append((time, action))
        self._plans.sort(key=lambda plan: plan[0])
