"""The trips that the journal says are owed."""

import re
from collections.abc import Iterable

from back_office.desk import OwedTrip, RefusedError
from common.events import date_and_time
from common.journal import Entry
from common.passes import PassType
from common.text import printable

_OWED = {f"pass-owed:{pass_type}": pass_type for pass_type in (PassType.SINGLE_USE, PassType.TEN_TRIP)}


def find_owed_trip(newest_first: Iterable[Entry], tap: str) -> OwedTrip:
    """Return the trip that is owed for a tap.

    Args:
        newest_first: the journal. A trip is given back after it was owed, so that the first event of the tap tells.
        tap: its session and number.

    Raises:
        RefusedError: the trip was given back, or the journal knows of none.
    """
    for _, event in newest_first:
        if event is None or event.text_of("tap") != tap:
            continue
        if event.kind == "pass-reversed":
            when = date_and_time(event.at) if event.at else "?"
            raise RefusedError(f"tap {tap} is settled already: {when} by {printable(event.device or '-', 100)}")
        if event.channel in _OWED and re.fullmatch(r"\d{1,25}", event.card, re.ASCII):
            return OwedTrip(tap, event.card, _OWED[event.channel])
    raise RefusedError(
        f"the journal has no trip that is owed for tap {tap}: see `show CARD`; `credit` and `issue` help"
    )
