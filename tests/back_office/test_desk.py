"""What may be done to a pass, and what not."""

from collections.abc import Callable

import pytest

from back_office import desk
from back_office.desk import Change, OwedTrip, RefusedError
from back_office.holding import Holding
from common.passes import PassType
from common.rights import TO_CHANGE
from common.scripts import CHANGE

CARD, OTHER = "43405556992", "1302123111085380"
EMPTY = Holding(CARD, {}, ttl_s=-2)
SINGLE = Holding(CARD, {"passType": "SINGLE_USE"})
TEN = Holding(CARD, {"passType": "TEN_TRIP", "tripsRemaining": "7"})
BLOCKED = Holding(CARD, {**TEN.fields, "blocked": "lost"})
TWO_HOURS = Holding(CARD, {"passType": "TWO_HOUR"}, ttl_s=3600)
NO_HASH = Holding(CARD, {}, is_hash=False)
INVALID = [
    Holding(CARD, {"passType": "SEASON"}),
    Holding(CARD, {"passType": "TEN_TRIP"}),
    Holding(CARD, {"passType": "TEN_TRIP", "tripsRemaining": "07"}),
    Holding(CARD, {"passType": "TEN_TRIP", "tripsRemaining": "٣"}),
    Holding(CARD, {"passType": "TEN_TRIP", "tripsRemaining": "3\n"}),
    Holding(CARD, {"passType": "SINGLE_USE", "note": "\ufffd"}),
    NO_HASH,
]
PHONE = Holding("37072585688", {}, ttl_s=-2)
OWED = OwedTrip("5e55-1", CARD, PassType.SINGLE_USE)
OF_A_PASS: dict[str, Callable[[Holding], Change]] = {
    "block": lambda seen: desk.block(seen, "lost"),
    "unblock": desk.unblock,
    "move": lambda seen: desk.move(seen, Holding(OTHER, {})),
    "credit": lambda seen: desk.credit(seen, 1),
    "void": lambda seen: desk.void(seen, "refunded"),
}


@pytest.mark.parametrize("change", OF_A_PASS)
def test_a_card_without_a_pass_is_refused(change: str) -> None:
    with pytest.raises(RefusedError, match=f"card {CARD} holds no pass"):
        OF_A_PASS[change](EMPTY)


@pytest.mark.parametrize("seen", INVALID, ids=str)
@pytest.mark.parametrize("change", OF_A_PASS)
def test_a_pass_that_makes_no_sense_is_left_as_it_is(change: str, seen: Holding) -> None:
    with pytest.raises(RefusedError, match="is left as it is"):
        OF_A_PASS[change](seen)


@pytest.mark.parametrize("held", [SINGLE, TEN, TWO_HOURS, BLOCKED, *INVALID], ids=str)
def test_a_card_that_holds_anything_gets_no_pass(held: Holding) -> None:
    with pytest.raises(RefusedError, match="holds a pass already"):
        desk.issue(held, PassType.SINGLE_USE)
    with pytest.raises(RefusedError, match="holds a pass already"):
        desk.move(Holding(OTHER, {"passType": "SINGLE_USE"}), held)


def test_a_phone_gets_no_pass() -> None:
    with pytest.raises(RefusedError, match="can hold no pass"):
        desk.issue(PHONE, PassType.SINGLE_USE)
    with pytest.raises(RefusedError, match="can hold no pass"):
        desk.move(SINGLE, PHONE)
    with pytest.raises(RefusedError, match="can hold no pass"):
        desk.give_back(PHONE, OWED)


def test_what_is_blocked_is_not_blocked_again() -> None:
    with pytest.raises(RefusedError, match=r"blocked already.*lost"):
        desk.block(BLOCKED, "stolen")
    with pytest.raises(RefusedError, match="is not blocked"):
        desk.unblock(TEN)
    with pytest.raises(RefusedError, match="blocked already"):
        desk.block(Holding(CARD, {"passType": "SINGLE_USE", "blocked": ""}), "lost")


def test_a_pass_is_not_moved_to_its_own_card() -> None:
    with pytest.raises(RefusedError, match="to itself"):
        desk.move(TEN, TEN)


@pytest.mark.parametrize("held", [SINGLE, TWO_HOURS], ids=str)
def test_only_a_ten_trip_pass_takes_a_credit(held: Holding) -> None:
    with pytest.raises(RefusedError, match="holds no ten trip pass"):
        desk.credit(held, 1)


def test_a_credit_never_exceeds_ten() -> None:
    credit = desk.credit(TEN, 3)
    assert (credit.after[0].trips, credit.event["trips"]) == (10, 3)
    with pytest.raises(RefusedError, match="more than ten"):
        desk.credit(TEN, 4)


@pytest.mark.parametrize("held", [SINGLE, TWO_HOURS, *INVALID], ids=str)
def test_an_owed_trip_does_not_go_to_another_pass(held: Holding) -> None:
    with pytest.raises(RefusedError, match="holds another pass"):
        desk.give_back(held, OWED)


def test_an_owed_trip_goes_to_a_ten_trip_pass_also_beyond_ten() -> None:
    full = Holding(CARD, {"passType": "TEN_TRIP", "tripsRemaining": "10"})
    assert desk.give_back(full, OWED).after[0].trips == 11


def test_the_pass_after_a_change_is_the_published_one() -> None:
    for change in (
        desk.block(TEN, "lost"),
        desk.unblock(BLOCKED),
        desk.credit(TEN, 2),
        desk.give_back(TEN, OWED),
        desk.give_back(EMPTY, OWED),
    ):
        assert change.event["pass"] == change.after[0].fields
    for change in (desk.void(TEN, "refunded"), desk.move(TWO_HOURS, Holding(OTHER, {}))):
        assert change.event["pass"] == change.before[0].fields
        assert change.after[0].is_empty
    assert desk.move(TWO_HOURS, Holding(OTHER, {})).after[1] == TWO_HOURS._replace(card=OTHER)


def test_the_script_and_the_rights_list_every_channel() -> None:
    changes = [
        *(desk.issue(EMPTY, pass_type) for pass_type in PassType),
        *(plan(BLOCKED if name == "unblock" else TEN) for name, plan in OF_A_PASS.items()),
        desk.give_back(TEN, OWED),
        desk.give_back(EMPTY, OWED),
    ]
    channels = {change.channel for change in changes}
    assert channels == {command[1] for command in TO_CHANGE if command[0] == "PUBLISH"}
    assert all(f" {channel}" in CHANGE.text for channel in channels)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (EMPTY, "no pass"),
        (SINGLE, "single trip"),
        (TEN, "ten trip, 7 trips left"),
        (Holding(CARD, {"passType": "TEN_TRIP", "tripsRemaining": "1"}), "ten trip, 1 trip left"),
        (TWO_HOURS, "two hour, 60 min left"),
        (Holding(CARD, {"passType": "TWO_HOUR"}), "two hour, not used yet"),
        (BLOCKED, "ten trip, 7 trips left, blocked: lost"),
        (Holding(CARD, {"passType": "SINGLE_USE", "blocked": "\x1b[2J"}), r"single trip, blocked: \x1b[2J"),
        (Holding(CARD, {"passType": "\x1b"}), r"an invalid pass: passType '\x1b'"),
        (NO_HASH, "a key that is no hash, so no pass"),
    ],
)
def test_a_pass_in_words(seen: Holding, words: str) -> None:
    assert str(seen) == words
