"""How often a device looks at its reader: as often as its processor allows, within bounds."""

from collections import deque

from common.clock import Clock

SHORTEST_S = 0.013
LONGEST_S = 0.03  # a card that is held for 40 ms is read, and the whole configuration is checked within a second
SHARE = 0.04  # of a core, of which a Pi has four
REST_S = 0.005  # is left for what else runs, also after a round that took long

_ROUNDS = 64  # about one of which a card lies there, or something else takes the processor, says nothing


class Pace:
    """Spaces the rounds of a device's loop, in its thread: by what the cheapest of late has cost in processor time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_at = clock.now()
        self._used_s = clock.processor_s()
        self._costs: deque[float] = deque(maxlen=_ROUNDS)

    @property
    def interval_s(self) -> float:
        """The time from one round to the next."""
        return min(max(min(self._costs) / SHARE, SHORTEST_S), LONGEST_S) if self._costs else LONGEST_S

    def wait(self) -> None:
        """End a round: wait until the next is due."""
        used_s = self._clock.processor_s()
        self._costs.append(used_s - self._used_s)
        self._used_s = used_s
        now = self._clock.now()
        self._due_at = max(self._due_at + self.interval_s, now + REST_S)
        self._clock.sleep(self._due_at - now)
