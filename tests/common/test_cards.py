"""Serial numbers."""

import pytest

from common.cards import Card


@pytest.mark.parametrize(
    ("uid", "serial_number"),
    [
        ("0a1b2c3d", "43405556992"),
        ("00000000", "0"),
        ("ffffffff", str(0xFFFFFFFF00)),
        ("04a1b2c3d4e5f6", str(0x04A1B2C3D4E5F6)),
        ("0401020304050607080a", str(0x0401020304050607080A)),
    ],
)
def test_serial_number(uid: str, serial_number: str) -> None:
    assert Card(bytes.fromhex(uid)).serial_number == serial_number


def test_seven_byte_cards_that_share_a_cascade_level_are_two_cards() -> None:
    assert Card(bytes.fromhex("04a1b2c3d4e5f6")) != Card(bytes.fromhex("04a1b2c3d4e5f7"))


@pytest.mark.parametrize(("uid", "is_random"), [("08123456", True), ("0a123456", False), ("08123456789abc", False)])
def test_random_uids(uid: str, is_random: bool) -> None:
    assert Card(bytes.fromhex(uid)).is_random is is_random


@pytest.mark.parametrize(
    ("uid", "can_hold_pass"),
    [("0a1b2c3d", True), ("08123456", False), ("01020304", False), ("01020304050607", True)],
)
def test_a_uid_that_many_share_holds_no_pass(uid: str, can_hold_pass: bool) -> None:
    assert Card(bytes.fromhex(uid)).can_hold_pass is can_hold_pass


@pytest.mark.parametrize("uid", ["0a1b2c3d", "08112233", "01020304", "00000001", "ffffffff"])
def test_a_short_uid_is_known_by_its_serial_number(uid: str) -> None:
    card = Card(bytes.fromhex(uid))
    assert Card.with_short_uid(card.serial_number) == card


@pytest.mark.parametrize("number", ["", "x", "43405556993", "043405556992", "1303689068602870", "1" * 13, "٣"])
def test_no_short_uid_has_this_serial_number(number: str) -> None:
    assert Card.with_short_uid(number) is None
