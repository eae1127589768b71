"""What the page knows of a device's answers, and of the sale."""

import time

import pytest

from simulator.demo_cards import serial_number
from simulator.page.answers import SHOWN_S, Answer, Answers, Sale, sale_after
from simulator.page.journal import Denial, Journal

CHOOSING = Sale("1", is_chosen=False)
CHOSEN = Sale("1", is_chosen=True)


def answer(clip: str, *cards: str, ago_s: float = 0.0) -> Answer:
    return Answer(clip, time.monotonic() - ago_s, frozenset(cards), time.time() - ago_s)


def denied(card: str, reason: str) -> Journal:
    journal = Journal()
    journal.denials["gate"] = Denial(str(serial_number(card)), int(time.time() * 1000), reason)
    return journal


@pytest.mark.parametrize(
    ("before", "clip", "cards", "after"),
    [
        (None, "select-a-pass", ["1"], CHOOSING),
        (CHOOSING, "select-a-pass", [], CHOOSING),
        (CHOOSING, "select-a-pass", ["2"], Sale("2", is_chosen=False)),
        (CHOOSING, "selected-ten-trip-pass", ["1"], CHOSEN),
        (CHOOSING, "tap-card-to-confirm", [], CHOSEN),
        (CHOSEN, "thank-you-ten-trip-pass", ["1"], None),
        (CHOSEN, "mismatch-cancel", ["2"], None),
        (CHOSEN, "card-not-supported", ["1", "2"], CHOSEN),
        (None, "card-not-supported", ["phone"], None),
        (CHOOSING, "sale-timed-out", [], None),
    ],
)
def test_a_sale_is_known_by_the_clips(before: Sale | None, clip: str, cards: list[str], after: Sale | None) -> None:
    assert sale_after(before, answer(clip, *cards)) == after


@pytest.mark.parametrize(
    ("clip", "cards", "why"),
    [
        ("access-denied", ["3"], "no pass"),
        ("access-denied", [], "no pass"),
        ("access-denied", ["4"], ""),
        ("access-denied", ["3", "4"], "two cards: take one away"),
        ("access-denied", ["3", "4", "5"], "several cards: leave only one"),
        ("access-denied", ["phone"], "a phone is not a card"),
        ("card-not-supported", ["phone"], "a phone is not a card"),
        ("access-granted", ["3"], ""),
    ],
)
def test_a_denial_says_why(clip: str, cards: list[str], why: str) -> None:
    answers = Answers()
    answers.add("gate", answer(clip, *cards))
    assert answers.why("gate", cards, denied("3", "no pass")) == why
    assert answers.why("gate2", cards[:1], denied("3", "no pass")) == ""


def test_a_second_card_on_the_reader_is_one_too_many() -> None:
    answers = Answers()
    assert answers.why("gate", ["3", "4"], Journal()) == "two cards: take one away"
    answers.add("gate", answer("access-denied", "3", "4"))
    assert answers.why("gate", [], Journal()) == "two cards: take one away"
    assert answers.why("gate", ["3"], Journal()) == "two cards: take one away"


def test_a_denial_is_shown_for_a_while_and_for_as_long_as_the_card_stays() -> None:
    answers = Answers()
    journal = denied("3", "no pass")
    answers.add("gate", answer("access-denied", "3", ago_s=SHOWN_S - 1))
    assert answers.why("gate", [], journal) == "no pass"
    answers.add("gate", answer("access-denied", "3", ago_s=SHOWN_S + 1))
    assert answers.why("gate", [], journal) == ""
    assert answers.why("gate", ["3"], journal) == "no pass"


def test_an_earlier_denial_is_not_this_one() -> None:
    answers = Answers()
    journal = Journal()
    journal.denials["gate"] = Denial(str(serial_number("3")), int(time.time() * 1000) - 60_000, "no pass")
    answers.add("gate", answer("access-denied", "3"))
    assert answers.why("gate", ["3"], journal) == ""
