"""What a holder is told, for each pass that can lie on a card."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.player import CLIPS, clip_path
from common.passes import HeldPass, PassType
from sales_terminal.what_is_left import HAS_PASS, what_is_left

TEN_TRIP = {"passType": "TEN_TRIP"}
TWO_HOUR = {"passType": "TWO_HOUR"}
WORDS: dict[str, str] = json.loads((CLIPS / "prompts.json").read_text(encoding="utf-8"))


def told(fields: Mapping[str, str] | None, remaining_s: int | None = None) -> str | None:
    """Return the words that follow `HAS_PASS`."""
    first, *more = what_is_left(HeldPass(fields, remaining_s))
    assert first == HAS_PASS
    assert len(more) < 2
    return WORDS[more[0]] if more else None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"passType": "SINGLE_USE"}, "A single trip is left."),
        (TEN_TRIP | {"tripsRemaining": "1"}, "One trip is left."),
        (TEN_TRIP | {"tripsRemaining": "7"}, "Seven trips are left."),
        (TEN_TRIP | {"tripsRemaining": "10"}, "Ten trips are left."),
        (TEN_TRIP | {"tripsRemaining": "11"}, "More than ten trips are left."),
        (TEN_TRIP | {"tripsRemaining": "999999999999"}, "More than ten trips are left."),
        (TWO_HOUR, "It is not used yet. Two hours begin with the first tap at a gate."),
        (None, None),
    ],
    ids=str,
)
def test_trips_or_time(fields: Mapping[str, str] | None, words: str | None) -> None:
    assert told(fields) == words


@pytest.mark.parametrize(
    ("remaining_s", "words"),
    [
        (0, "Less than five minutes are left."),
        (299, "Less than five minutes are left."),
        (300, "About 5 minutes are left."),
        (599, "About 5 minutes are left."),
        (600, "About 10 minutes are left."),
        (7199, "About 115 minutes are left."),
        (7200, "About 120 minutes are left."),
        (86_400, "About 120 minutes are left."),
    ],
)
def test_minutes_are_rounded_down(remaining_s: int, words: str) -> None:
    assert told(TWO_HOUR, remaining_s) == words


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"passType": "SEASON"},
        {"passType": "\x1b[2J"},
        {"tripsRemaining": "7"},
        TEN_TRIP,
        *(
            TEN_TRIP | {"tripsRemaining": trips}
            for trips in ["0", "-1", "", "many", "1.5", "0x10", " 3", "3\n", "1e1", "07", "+1", "9" * 30, "٣", "nan"]
        ),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_for_the_office(fields: Mapping[str, str]) -> None:
    assert told(fields) == "It is not valid. Please see the office."


@pytest.mark.parametrize("fields", [*(each.new_pass() for each in PassType), {"passType": "SEASON"}], ids=str)
@pytest.mark.parametrize("reason", ["lost", ""])
def test_a_blocked_pass_is_for_the_office_whatever_it_is(fields: Mapping[str, object], reason: str) -> None:
    texts = {name: str(value) for name, value in fields.items()}
    assert told(texts | {"blocked": reason}) == "It is blocked. Please see the office."


@given(
    st.dictionaries(st.sampled_from(["passType", "tripsRemaining", "blocked"]), st.sampled_from([*PassType, "7", "x"])),
    st.none() | st.integers(0, 2**63),
)
def test_each_clip_is_there(fields: Mapping[str, str], remaining_s: int | None) -> None:
    assert all(clip_path(clip).exists() for clip in what_is_left(HeldPass(fields, remaining_s)))


def test_each_number_of_trips_and_minutes_has_its_own_clip() -> None:
    trips = {told(TEN_TRIP | {"tripsRemaining": str(number)}) for number in range(1, 12)}
    minutes = {told(TWO_HOUR, seconds) for seconds in range(7201)}
    assert (len(trips), len(minutes)) == (11, 25)
