"""What a holder is told: from the pass on a card to the clips that say what is left of it."""

from collections.abc import Mapping, Sequence

from common.passes import HeldPass, PassType, trips_of

HAS_PASS = "card-already-has-pass"
MOST_TRIPS = 10
STEP_MINUTES = 5
MOST_MINUTES = 120


def what_is_left(held: HeldPass) -> Sequence[str]:
    """Return the clips to play in turn, by their names; only the first if this terminal may not read the pass."""
    return [HAS_PASS] if held.fields is None else [HAS_PASS, _left(held.fields, held.remaining_s)]


def _left(fields: Mapping[str, str], remaining_s: int | None) -> str:
    """Judge the pass as use.lua does."""
    match fields:
        case {"blocked": _}:
            return "pass-blocked"
        case {"passType": PassType.SINGLE_USE}:
            return "single-trip-left"
        case {"passType": PassType.TEN_TRIP} if trips := trips_of(fields):
            return f"trips-left-{trips}" if trips <= MOST_TRIPS else f"trips-left-over-{MOST_TRIPS}"
        case {"passType": PassType.TWO_HOUR}:
            return _time_left(remaining_s)
        case _:
            return "pass-invalid"


def _time_left(remaining_s: int | None) -> str:
    """Round down, so that nobody is promised more than there is."""
    if remaining_s is None:
        return "two-hours-not-begun"
    minutes = min(remaining_s // 60 // STEP_MINUTES * STEP_MINUTES, MOST_MINUTES)
    return f"minutes-left-{minutes}" if minutes else f"minutes-left-under-{STEP_MINUTES}"
