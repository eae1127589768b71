"""What the rules are about: passes, cards, requests and what is remembered of them. Times are seconds."""

from collections.abc import Mapping
from typing import NamedTuple

from common.passes import PassType


class Pass(NamedTuple):
    type: PassType
    trips: int = 1  # of two hours: no matter
    is_blocked: bool = False
    ends: int | None = None  # two hours after the first tap; of a used-up pass: an hour after the last


class Card(NamedTuple):
    held: Pass | None = None
    spent: Pass | None = None  # what it has used up last, as it was before


class Request(NamedTuple):
    kind: str  # sell, tap, reverse (a tap); at the desk issue, block, unblock, credit, move, void, settle (an owed tap)
    session: str
    number: int
    card: str
    type: PassType | None = None  # what is sold, or owed
    seen: Pass | None = None  # what the desk saw on the card
    other: str = ""  # the card that a pass is moved to; the tap whose trip is owed
    trips: int = 0  # that are credited
    name: str = "-"  # of a change, for the receipt


class Receipt(NamedTuple):
    number: int = 0
    card: str = ""
    outcome: str = ""
    what: str = "-"  # the type of pass that was tapped; the name of a change


class Station(NamedTuple):
    now: int = 0
    cards: Mapping[str, Card] = {}
    receipts: Mapping[str, Receipt] = {}
    owed: Mapping[str, str] = {}  # the type by the tap, as far as the journal reaches back
    events: tuple[str, ...] = ()


class Step(NamedTuple):
    card: Card
    outcome: str
    what: str = "-"
    events: tuple[str, ...] = ()
