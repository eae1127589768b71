"""Events and their lines."""

import json
import time
from collections.abc import Iterator

import pytest

from common.cards import Card
from system_monitor.events import Event
from system_monitor.rendering import COLORED, PLAIN, Renderer, Style, json_line

NOON = 1_700_049_600  # 2023-11-15 12:00:00 UTC
TWO_HOUR = {"pass": {"passType": "TWO_HOUR"}}
TEN_TRIP = {"pass": {"passType": "TEN_TRIP", "tripsRemaining": "2"}}


@pytest.fixture(autouse=True)
def in_india(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Five and a half hours ahead of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "IST-5:30")
        time.tzset()
        yield
    time.tzset()


def event(channel: str, **fields: object) -> Event:
    return Event.parse(channel, json.dumps({"cardSerialNumber": "7", "device": "gate-1", "at": NOON * 1000} | fields))


def renderer(style: Style = PLAIN) -> Renderer:
    return Renderer(style, now=lambda: NOON)


LINES = [
    (
        event("pass-issued:SINGLE_USE", device="terminal-1", **{"pass": {"passType": "SINGLE_USE"}}),
        "17:30:00  terminal-1            card 7 was issued a single trip pass",
        "<2>17:30:00<0>  terminal-1            <33>card 7 was issued a single trip pass<0>",
    ),
    (
        event("pass-activated:TWO_HOUR", remainingTime=7200, **TWO_HOUR),
        "17:30:00  gate-1                card 7 activated its two hour pass, 2 h 00 min left",
        "<2>17:30:00<0>  gate-1                <35>card 7 activated its two hour pass, 2 h 00 min left<0>",
    ),
    (
        event("pass-used:TWO_HOUR", remainingTime=3599, **TWO_HOUR),
        "17:30:00  gate-1                card 7 used its two hour pass for a journey, 0 h 59 min left",
        "<2>17:30:00<0>  gate-1                <34>card 7 used its two hour pass for a journey<33>, 0 h 59 min left<0>",
    ),
    (
        event("pass-used:TEN_TRIP", remainingTrips=1, **TEN_TRIP),
        "17:30:00  gate-1                card 7 used its ten trip pass for a journey, 1 trip left",
        "<2>17:30:00<0>  gate-1                <34>card 7 used its ten trip pass for a journey<33>, 1 trip left<0>",
    ),
    (
        event("pass-used:SINGLE_USE", **{"pass": {"passType": "SINGLE_USE"}}),
        "17:30:00  gate-1                card 7 used its single trip pass for a journey",
        "<2>17:30:00<0>  gate-1                <34>card 7 used its single trip pass for a journey<33><0>",
    ),
    (
        event("pass-denied", reason="no-pass"),
        "17:30:00  gate-1                card 7 was denied: it holds no pass",
        "<2>17:30:00<0>  gate-1                <31>card 7 was denied: it holds no pass<0>",
    ),
    (
        event("pass-denied", reason="invalid-pass", at=(NOON - 86_400) * 1000),
        "2023-11-14 17:30:00  gate-1                card 7 was denied: its pass is invalid",
        "<2>2023-11-14 17:30:00<0>  gate-1                <31>card 7 was denied: its pass is invalid<0>",
    ),
    (
        event("pass-denied", reason="blocked-pass"),
        "17:30:00  gate-1                card 7 was denied: its pass is blocked",
        "<2>17:30:00<0>  gate-1                <31>card 7 was denied: its pass is blocked<0>",
    ),
    (
        event("pass-reversed:TEN_TRIP", tap="9f86d081884c7d65-3", **TEN_TRIP),
        "17:30:00  gate-1                card 7 was given back a trip of its ten trip pass, 2 trips left",
        "<2>17:30:00<0>  gate-1                "
        "<36>card 7 was given back a trip of its ten trip pass<33>, 2 trips left<0>",
    ),
    (
        event("pass-reversed:SINGLE_USE", **{"pass": {"passType": "SINGLE_USE"}}),
        "17:30:00  gate-1                card 7 was given back a trip of its single trip pass",
        "<2>17:30:00<0>  gate-1                <36>card 7 was given back a trip of its single trip pass<33><0>",
    ),
    (
        event("pass-owed:TEN_TRIP", tap="9f86d081884c7d65-3", **TEN_TRIP),
        "17:30:00  gate-1                "
        "card 7 is owed a trip of its ten trip pass, not given back for tap 9f86d081884c7d65-3",
        "<2>17:30:00<0>  gate-1                "
        "<31>card 7 is owed a trip of its ten trip pass, not given back for tap 9f86d081884c7d65-3<0>",
    ),
    (
        event("pass-denied", device=None, at=None),
        "17:30:00  -                     card 7 was denied",
        "<2>17:30:00<0>  -                     <31>card 7 was denied<0>",
    ),
    (
        Event.parse("pass-repainted", '{"cardSerialNumber":"7"}'),
        '17:30:00  -                     pass-repainted: {"cardSerialNumber":"7"}',
        '<2>17:30:00<0>  -                     pass-repainted: {"cardSerialNumber":"7"}',
    ),
]


@pytest.mark.parametrize(("event", "plain", "colored"), LINES)
def test_lines(event: Event, plain: str, colored: str) -> None:
    assert renderer(PLAIN).line(event) == plain
    assert renderer(COLORED).line(event) == colored.replace("<", "\x1b[").replace(">", "m")


@pytest.mark.parametrize(
    ("uid", "doubt"),
    [
        ("08000000", "it is no card: a phone"),
        ("08a1b2c3", "it is no card: a phone"),
        ("01020304", "its UID is one that many phones and copies share"),
        ("0a1b2c3d", "it holds no pass"),
        ("04a1b2c3d4e5f6", "it holds no pass"),
        ("08000000000000", "it holds no pass"),
    ],
)
def test_a_denial_tells_what_is_no_card(uid: str, doubt: str) -> None:
    card = Card(bytes.fromhex(uid)).serial_number
    line = renderer().line(event("pass-denied", cardSerialNumber=card, reason="no-pass"))
    assert line.endswith(f"card {card} was denied: {doubt}")


def test_a_number_with_a_wrong_check_byte_is_no_phones() -> None:
    assert renderer().line(event("pass-denied", cardSerialNumber="34359738377")).endswith("was denied")


def test_malformed_messages() -> None:
    assert renderer(PLAIN).malformed("pass-\x1b[2J", "not JSON") == "malformed message on pass-\\x1b[2J: not JSON"
    assert renderer(COLORED).malformed("pass-", "not JSON") == "\x1b[31mmalformed message on pass-: not JSON\x1b[0m"


@pytest.mark.parametrize("at", [0, 253_402_300_799_999, 10**30, -1, True, "1", 1.5])
def test_any_time_can_be_written(at: object) -> None:
    assert renderer().line(event("pass-denied", at=at)).endswith("card 7 was denied")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"cardSerialNumber":"ü", "at":1}', '{"cardSerialNumber":"ü", "at":1}'),
        ('{\n"cardSerialNumber":"\x7f"}', '{ "cardSerialNumber":"\\u007f"}'),
        ('{"cardSerialNumber":"\u2028"}', '{"cardSerialNumber":"\\u2028"}'),
    ],
)
def test_json_is_as_published_unless_that_is_unsafe(text: str, line: str) -> None:
    assert json_line(Event.parse("pass-denied", text)) == line
