"""The passes: what is sold, what lies on a card, and what the server-side scripts answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class PassType(StrEnum):
    """The types of pass, by the names they have in Redis."""

    SINGLE_USE = "SINGLE_USE"
    TEN_TRIP = "TEN_TRIP"
    TWO_HOUR = "TWO_HOUR"

    def new_pass(self) -> dict[str, str | int]:
        """Return the fields of a fresh pass of this type."""
        return {"passType": self, "tripsRemaining": 10} if self is PassType.TEN_TRIP else {"passType": self}


def trips_of(fields: Mapping[str, str]) -> int | None:
    """Return the trips of a ten trip pass; None if they are invalid (as in transaction.lua), or for another pass."""
    trips = fields.get("tripsRemaining", "")
    is_number = fields.get("passType") == PassType.TEN_TRIP and re.fullmatch("[1-9][0-9]{0,11}", trips)
    return int(trips) if is_number else None


@dataclass(frozen=True)
class HeldPass:
    """A pass on a card as Redis has it, unchecked.

    Args:
        fields: its type, its trips and why it is blocked, as far as it has them; empty if the key is no hash; None if
            this user may not read it.
        remaining_s: the seconds until it expires; None if it does not, or if this user may not know.
    """

    fields: Mapping[str, str] | None
    remaining_s: int | None


class UseOutcome(StrEnum):
    """The outcome of a tap at a gate."""

    GRANTED = "granted"
    NO_PASS = "no-pass"
    BLOCKED_PASS = "blocked-pass"
    INVALID_PASS = "invalid-pass"


class SaleOutcome(StrEnum):
    """The outcome of a sale; stale if a later request of the terminal has been made."""

    ISSUED = "issued"
    HAS_PASS = "has-pass"
    STALE = "stale"
