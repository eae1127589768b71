"""What all drills share: what they count, and how the journal is checked against the passes."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from redis import Redis

from common.keys import DEVICES, JOURNAL, RECEIPT_PREFIX, SPENT_PREFIX
from common.redis_link import Unavailable
from tests import journal
from tests.processes import Program

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
        longest_outage_s: the longest time that anybody waited for an answer.
        remarks: what else was counted.
        failures: what went wrong, a line for each round in which something did.
    """

    rounds: int
    lost: int = 0
    doubled: int = 0
    longest_outage_s: float = 0.0
    remarks: str = ""
    failures: Sequence[str] = ()


class BrokenGuaranteeError(Exception):
    """The system did what it must never do; the message says what."""


def require(is_kept: bool, guarantee: str) -> None:
    """Check a guarantee that the counts of an outcome do not cover.

    Raises:
        BrokenGuaranteeError: it is not kept.
    """
    if not is_kept:
        raise BrokenGuaranteeError(f"not so: {guarantee}")


def require_clean_log(program: Program) -> None:
    """Check that a program has logged no traceback and no control character."""
    bad = [line for line in list(program.errors) if "Traceback" in line or not line.isprintable()]
    require(not bad, f"each line of its log can be printed, and is no traceback {bad[:1]}")


def require_balance(redis: Redis) -> None:
    """Check that the passes are those that the journal's entries add up to."""
    require(ledger(redis) == passes(redis), "the passes are those that the journal adds up to")


def seeded_random() -> random.Random:
    """Return a random generator that is the same in every run."""
    return random.Random(SEED)


def until_answered(call: Callable[[], _Answer]) -> tuple[_Answer, float]:
    """Call until there is an answer, as a rider taps again; return it and the seconds that it took.

    Raises:
        TimeoutError: there was no answer for too long.
    """
    start = time.monotonic()
    while True:
        try:
            return call(), time.monotonic() - start
        except Unavailable as error:
            if time.monotonic() - start > PATIENCE_S:
                raise TimeoutError(f"no answer within {PATIENCE_S:g} s") from error
            time.sleep(0.01)


def entries(redis: Redis) -> Counter[str]:
    """Count the entries by card, as the journal has them: the trips that were taken and not given back.

    All uses of a two hour pass count as one: none takes anything, so one that had no answer is not given back.
    """
    trips = _cards(redis, "pass-used:") - _cards(redis, "pass-reversed:")
    return Counter({**trips, **dict.fromkeys(_cards(redis, "pass-used:TWO_HOUR"), 1)})


def sales(redis: Redis) -> Counter[str]:
    """Count the sales by card, as the journal has them."""
    return _cards(redis, "pass-issued:")


def _cards(redis: Redis, channel: str) -> Counter[str]:
    found = (entry for entry in journal.entries(redis) if entry.channel.startswith(channel))
    return Counter(entry.event["cardSerialNumber"] for entry in found)


def passes(redis: Redis) -> dict[str, dict[str, str]]:
    """Return the passes, as the hashes have them."""
    client: Any = redis  # its answers are text, which their types leave open
    others = (DEVICES, JOURNAL, RECEIPT_PREFIX, SPENT_PREFIX)
    return {key: client.hgetall(key) for key in client.scan_iter() if not key.startswith(others)}


def ledger(redis: Redis) -> dict[str, dict[str, str]]:
    """Compute the passes from the journal alone.

    Raises:
        BrokenGuaranteeError: the journal contradicts itself.
    """
    held: dict[str, dict[str, str]] = {}
    for entry in journal.entries(redis):
        replay(held, entry)
    return held


def replay(held: dict[str, dict[str, str]], entry: journal.Entry) -> None:
    """Change the passes as the entry says.

    Raises:
        BrokenGuaranteeError: it contradicts them.
    """
    event = entry.event
    card = event["cardSerialNumber"]
    match entry.channel.split(":"):
        case ["pass-issued", _]:
            require(card not in held, "a card that has a pass is sold none")
            held[card] = {name: str(value) for name, value in event["pass"].items()}
        case ["pass-used", "SINGLE_USE"]:
            require(card in held, "what is used is on the card")
            del held[card]
        case ["pass-used", "TEN_TRIP"]:
            require(held.get(card) == event["pass"], "an event has the pass as it was before")
            held[card] = {**event["pass"], "tripsRemaining": str(event["remainingTrips"])}
            if not event["remainingTrips"]:
                del held[card]
        case ["pass-reversed" | "pass-blocked" | "pass-unblocked" | "pass-credited", *_]:
            held[card] = event["pass"]
        case ["pass-moved"]:
            require(event["to"] not in held, "a pass is moved to a card that has none")
            require(held.get(card) == event["pass"], "an event has the pass that is moved")
            held[event["to"]] = held.pop(card)
        case ["pass-voided"]:
            require(held.pop(card, None) == event["pass"], "an event has the pass as it was before")
