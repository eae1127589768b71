"""What all drills share: what they count, and how the journal is checked against the passes."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from redis import Redis

from common.keys import JOURNAL, RECEIPT_PREFIX
from common.redis_link import Unavailable

SEED = 14443
PATIENCE_S = 30.0
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Outcome:
    """What a drill counted.

    Args:
        rounds: how often the fault was brought about.
        lost: what was acknowledged and is not there.
        doubled: what was charged, sold or shown more than once.
        longest_outage_s: the longest time that somebody waited for an answer.
    """

    rounds: int
    lost: int = 0
    doubled: int = 0
    longest_outage_s: float = 0.0


def dice() -> random.Random:
    """Return a generator of chance that is the same in every run."""
    return random.Random(SEED)


def until_answered(call: Callable[[], _Answer]) -> tuple[_Answer, float]:
    """Call again and again, as a rider taps again and again; return the answer and the seconds that it took."""
    start = time.monotonic()
    while True:
        try:
            return call(), time.monotonic() - start
        except Unavailable:
            assert time.monotonic() - start < PATIENCE_S, "no answer for too long"


def journal(redis: Redis) -> list[tuple[str, dict]]:
    """Return all events: channel and payload."""
    return [(fields["channel"], json.loads(fields["payload"])) for _, fields in redis.xrange(JOURNAL)]


def entries(redis: Redis) -> Counter[str]:
    """Count the entries by card, as the journal has them."""
    return Counter(event["cardSerialNumber"] for channel, event in journal(redis) if channel.startswith("pass-used:"))


def sales(redis: Redis) -> Counter[str]:
    """Count the sales by card, as the journal has them."""
    return Counter(event["cardSerialNumber"] for channel, event in journal(redis) if channel.startswith("pass-issued:"))


def passes(redis: Redis) -> dict[str, dict[str, str]]:
    """Return the passes, as the hashes have them."""
    return {
        key: redis.hgetall(key) for key in redis.scan_iter() if key != JOURNAL and not key.startswith(RECEIPT_PREFIX)
    }


def ledger(redis: Redis) -> dict[str, dict[str, str]]:
    """Compute the passes from the journal alone."""
    held: dict[str, dict[str, str]] = {}
    for channel, event in journal(redis):
        card = event["cardSerialNumber"]
        match channel.split(":"):
            case ["pass-issued", _]:
                assert card not in held
                held[card] = {name: str(value) for name, value in event["pass"].items()}
            case ["pass-used", "SINGLE_USE"]:
                del held[card]
            case ["pass-used", "TEN_TRIP"]:
                assert held[card] == event["pass"]
                held[card] = {**held[card], "tripsRemaining": str(event["remainingTrips"])}
                if not event["remainingTrips"]:
                    del held[card]
    return held
