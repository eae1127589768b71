"""What can be seen and heard of a virtual Pi."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can be observed."""

    LIT = "lit"
    DARK = "dark"
    SOUND_BEGAN = "sound began"
    SOUND_ENDED = "sound ended"
    STARTED = "started"
    GONE = "gone"


@dataclass(frozen=True)
class Observation:
    """Something seen or heard.

    Args:
        kind: what happened.
        what: the BCM pin, the clip's name, or the id of the process that started or is gone.
        at: when, in seconds of CLOCK_MONOTONIC (`time.monotonic()`).
        detail: of a sound, the output module.
    """

    kind: Kind
    what: int | str
    at: float
    detail: str = ""
