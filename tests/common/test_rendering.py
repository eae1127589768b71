"""Events and their lines."""

import json
import re

import pytest

from common.cards import Card
from common.events import Event
from common.rendering import COLORED, PLAIN, RAN_OUT, Renderer, Style, json_line

NOON = 1_700_049_600  # 2023-11-15 12:00:00 UTC
TWO_HOUR = {"pass": {"passType": "TWO_HOUR"}}
TEN_TRIP = {"pass": {"passType": "TEN_TRIP", "tripsRemaining": "2"}}

pytestmark = pytest.mark.usefixtures("in_india")


def event(channel: str, **fields: object) -> Event:
    return Event.parse(channel, json.dumps({"cardSerialNumber": "7", "device": "gate-1", "at": NOON * 1000} | fields))


def renderer(style: Style = PLAIN) -> Renderer:
    return Renderer(style, now=lambda: NOON)


LINES = [
    (
        event("pass-issued:SINGLE_USE", device="terminal-1", **{"pass": {"passType": "SINGLE_USE"}}),
        "17:30:00  terminal-1             card 7  <136>issued<> single trip",
    ),
    (
        event("pass-activated:TWO_HOUR", remainingTime=7200, **TWO_HOUR),
        "17:30:00  gate-1               card 7  <164>activated<> two hour",
    ),
    (
        event("pass-used:TWO_HOUR", remainingTime=3599, **TWO_HOUR),
        "17:30:00  gate-1               card 7  two hour <63>used<>, <136>59 min left<>",
    ),
    (
        event("pass-used:TWO_HOUR", remainingTime=-1, **TWO_HOUR),  # the original's, which have not begun
        "17:30:00  gate-1               card 7  two hour <63>used<>",
    ),
    (
        event("pass-used:TEN_TRIP", remainingTrips=1, **TEN_TRIP),
        "17:30:00  gate-1               card 7  ten trip <63>used<>, <136>1 left<>",
    ),
    (
        event("pass-used:SINGLE_USE", **{"pass": {"passType": "SINGLE_USE"}}),
        "17:30:00  gate-1               card 7  single trip <63>used<>",
    ),
    (
        event("pass-denied", reason="no-pass"),
        "17:30:00  gate-1               card 7  <196>denied<>: no pass",
    ),
    (
        event("pass-denied", reason="invalid-pass", at=(NOON - 86_400) * 1000),
        "2023-11-14 17:30:00  gate-1               card 7  <196>denied<>: invalid pass",
    ),
    (
        event("pass-denied", reason="blocked-pass"),
        "17:30:00  gate-1               card 7  <196>denied<>: blocked pass",
    ),
    (
        event("pass-reversed:TEN_TRIP", tap="9f86d081884c7d65-3", **TEN_TRIP),
        "17:30:00  gate-1               card 7  <30>reversed<> ten trip, <136>2 left<>",
    ),
    (
        event("pass-reversed:SINGLE_USE", **{"pass": {"passType": "SINGLE_USE"}}),
        "17:30:00  gate-1               card 7  <30>reversed<> single trip",
    ),
    (
        event("pass-owed:TEN_TRIP", tap="9f86d081884c7d65-3", **TEN_TRIP),
        "17:30:00  gate-1               card 7  <196>owed<> one trip (ten trip)",
    ),
    (
        event("pass-blocked", device="desk (anna)", reason="lost", **TEN_TRIP),
        "17:30:00  desk (anna)             card 7  <196>blocked<> ten trip: lost",
    ),
    (
        event("pass-unblocked", device="desk (anna)", **TEN_TRIP),
        "17:30:00  desk (anna)             card 7  <30>unblocked<> ten trip",
    ),
    (
        event("pass-voided", device="desk (anna)", reason="refunded\x1b[2J", **TEN_TRIP),
        "17:30:00  desk (anna)             card 7  <196>voided<> ten trip: refunded\\x1b[2J",
    ),
    (
        event("pass-moved", device="desk (anna)", to="8", **TEN_TRIP),
        "17:30:00  desk (anna)             card 7  <30>moved<> to card 8",
    ),
    (
        event("pass-credited", device="desk (anna)", trips=1, **TEN_TRIP),
        "17:30:00  desk (anna)             card 7  <30>credited<> 1 trip, <136>2 left<>",
    ),
    (
        event("pass-credited", device="desk (anna)", **TEN_TRIP),
        "17:30:00  desk (anna)             card 7  <30>credited<> ten trip, <136>2 left<>",
    ),
    (
        event("device-status", device="gate-2", state="out-of-service", problem="the card reader does not answer"),
        "17:30:00  gate-2    <196>out of service<>: the card reader does not answer",
    ),
    (
        event("device-status", device="gate-2", state="in-service", problem=None),
        "17:30:00  gate-2    in service",
    ),
    (
        event("device-status", device="gate-2", program="entry-gate", state="stopped"),
        "17:30:00  gate-2    stopped",
    ),
    (
        event("device-status", device="gate-2", state="blocked", problem=["\n"]),
        "17:30:00  gate-2    blocked",
    ),
    (
        event("device-status", device="gate-2", state="\n", problem="\n"),
        "17:30:00  gate-2    \\n: \\n",
    ),
    (
        event("pass-denied", device=None, at=None),
        "17:30:00  -                    card 7  <196>denied<>",
    ),
    (
        Event.parse("pass-repainted", '{"cardSerialNumber":"7"}'),
        '17:30:00  -         pass-repainted: {"cardSerialNumber":"7"}',
    ),
]


@pytest.mark.parametrize(("event", "line"), LINES)
def test_lines(event: Event, line: str) -> None:
    assert renderer(PLAIN).line(event) == re.sub(r"<\d*>", "", line)
    colored = re.sub(r"<(\d+)>", "\x1b[38;5;\\1m", line).replace("<>", "\x1b[0m")
    assert renderer(COLORED).line(event) == colored


FRESH: dict[str, dict[str, object]] = {
    "SINGLE_USE": {"pass": {"passType": "SINGLE_USE"}},
    "TEN_TRIP": {"pass": {"passType": "TEN_TRIP", "tripsRemaining": "10"}, "remainingTrips": 10},
    "TWO_HOUR": {"pass": {"passType": "TWO_HOUR"}, "remainingTime": 7200},
}


class TestWidth:
    @pytest.mark.parametrize("kind", ["issued", "activated", "used", "reversed", "owed"])
    @pytest.mark.parametrize("pass_type", FRESH)
    def test_of_what_happens_to_a_pass(self, kind: str, pass_type: str) -> None:
        assert len(self.longest(f"pass-{kind}:{pass_type}", **FRESH[pass_type])) <= 80

    @pytest.mark.parametrize("kind", ["blocked", "unblocked", "voided", "moved", "credited"])
    @pytest.mark.parametrize("pass_type", FRESH)
    def test_of_what_the_desk_does(self, kind: str, pass_type: str) -> None:
        fields = {"trips": 9, "to": "1099511627520", **FRESH[pass_type]}
        assert len(self.longest(f"pass-{kind}", reason="lost", **fields)) <= 80

    @pytest.mark.parametrize("reason", ["no-pass", "invalid-pass", "blocked-pass", RAN_OUT])
    def test_of_a_denial(self, reason: str) -> None:
        assert len(self.longest("pass-denied", reason=reason)) <= 80

    def longest(self, channel: str, **fields: object) -> str:
        """A 4-byte UID, with its check byte, has at most 13 digits."""
        return renderer().line(event(channel, device="x" * 20, cardSerialNumber="1099511627520", **fields))

    def test_the_columns_grow_with_what_they_meet(self) -> None:
        grown = renderer()
        for device, device_width, number, card_width in [
            ("gate-1", 8, "7", 12),
            ("terminal-1", 10, "1303689068602870", 16),
            ("gate-1", 10, "7", 16),
            ("x" * 30, 20, "9" * 25, 13),
            ("gate-1", 20, "7", 13),
        ]:
            line = grown.line(event("pass-denied", device=device, cardSerialNumber=number))
            assert line == f"17:30:00  {device:<{device_width}}  {f'card {number}':>{card_width + 5}}  denied"

    def test_a_long_number_leaves_room_for_others(self) -> None:
        grown = renderer()
        grown.line(event("pass-denied", cardSerialNumber="9" * 25))
        line = grown.line(event("pass-used:TWO_HOUR", device="x" * 20, **FRESH["TWO_HOUR"]))
        assert len(line) == 79


@pytest.mark.parametrize(
    ("uid", "doubt"),
    [
        ("08000000", "a phone, not a card"),
        ("08a1b2c3", "a phone, not a card"),
        ("01020304", "a UID shared by many"),
        ("0a1b2c3d", "no pass"),
        ("04a1b2c3d4e5f6", "no pass"),
        ("08000000000000", "no pass"),
    ],
)
def test_a_denial_tells_what_is_no_card(uid: str, doubt: str) -> None:
    card = Card(bytes.fromhex(uid)).serial_number
    line = renderer().line(event("pass-denied", cardSerialNumber=card, reason="no-pass"))
    assert line.endswith(f"  card {card}  denied: {doubt}")
    assert len(line.replace("gate-1  ", "x" * 20)) <= 80


def test_a_number_with_a_wrong_check_byte_is_no_phones() -> None:
    assert renderer().line(event("pass-denied", cardSerialNumber="34359738377")).endswith("denied")


def test_malformed_messages() -> None:
    assert renderer(PLAIN).malformed("pass-\x1b[2J", "not JSON") == "malformed message on pass-\\x1b[2J: not JSON"
    assert (
        renderer(COLORED).malformed("pass-", "not JSON") == "\x1b[38;5;196mmalformed message\x1b[0m on pass-: not JSON"
    )


@pytest.mark.parametrize("at", [0, 253_402_300_799_999, 10**30, -1, True, "1", 1.5])
def test_any_time_can_be_written(at: object) -> None:
    assert renderer().line(event("pass-denied", at=at)).endswith("           card 7  denied")


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
