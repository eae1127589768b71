"""What each device has last said, to which cards, and how far its sale is."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.demo_cards import serial_number
from simulator.page.journal import PHONE, Journal

SHOWN_S = 4.0
"""How long a denial is shown: as long as the gate's light flashes, and while the card stays."""
LATE_S = 3.0
"""No clip begins as long after its event as this."""

REFUSALS = frozenset({"access-denied", "card-not-supported"})
_CONFIRMING = ("selected-", "tap-card-to-confirm")


@dataclass(frozen=True)
class Answer:
    """A clip that a device has begun to play.

    Args:
        clip: its name.
        at: when, in seconds of `time.monotonic()`.
        cards: what lay on the reader then.
    """

    clip: str
    at: float
    cards: frozenset[str]
    heard_at_s: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Sale:
    """A sale under way: the card, and whether a pass has been chosen."""

    card: str | None
    is_chosen: bool


class Answers:
    """The last answer of each device, and the terminal's sale."""

    def __init__(self) -> None:
        self.last: dict[str, Answer] = {}
        self.sale: Sale | None = None

    def add(self, device: str, answer: Answer) -> None:
        """Take in that a device has begun to play a clip."""
        self.last[device] = answer
        if device == "terminal":
            self.sale = sale_after(self.sale, answer)

    def why(self, device: str, lying: Iterable[str], journal: Journal) -> str:
        """Return why the device denies a card; empty if it does not, or no longer.

        Args:
            device: its name.
            lying: the cards on its reader.
            journal: what is known of cards and denials.
        """
        lying = set(lying)
        if len(lying) > 1:
            return _too_many(len(lying))  # a card that is laid beside another, which has been read, has no answer
        answer = self.last.get(device)
        if not answer or answer.clip not in REFUSALS:
            return ""
        stays = answer.cards and answer.cards <= lying
        if not stays and time.monotonic() - answer.at > SHOWN_S:
            return ""
        if len(answer.cards) > 1:
            return _too_many(len(answer.cards))
        if "phone" in answer.cards:
            return PHONE
        denial = journal.denials.get(device)
        if not denial or denial.at_ms < (answer.heard_at_s - LATE_S) * 1000:
            return ""
        is_its_own = not answer.cards or denial.card in map(serial_number, answer.cards)
        return denial.reason if is_its_own else ""


def _too_many(cards: int) -> str:
    return "two cards: take one away" if cards == 2 else "several cards: leave only one"


def sale_after(sale: Sale | None, answer: Answer) -> Sale | None:
    """Return the terminal's sale after one more clip."""
    if answer.clip == "select-a-pass":
        return Sale(min(answer.cards, default=sale.card if sale else None), is_chosen=False)
    if answer.clip.startswith(_CONFIRMING):
        return Sale(sale.card if sale else None, is_chosen=True)
    is_chosen = sale is not None and sale.is_chosen
    return sale if is_chosen and answer.clip == "card-not-supported" else None
