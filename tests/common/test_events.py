"""Events, valid and forged."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import Event, EventId, MalformedEventError
from tests.any_text import ANY_TEXT

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
NAMES = ["cardSerialNumber", "pass", "id", "at", "device", "remainingTrips", "remainingTime", "reason"]


@given(channel=ANY_TEXT, payload=st.dictionaries(st.sampled_from(NAMES), anything))
def test_any_object_can_be_read(channel: str, payload: dict[str, Any]) -> None:
    event = Event.parse(channel, json.dumps(payload))
    for value in (event.kind, event.card, event.pass_type):
        assert isinstance(value, str)
    assert event.claimed_id is None or isinstance(event.claimed_id, EventId)
    assert event.device is None or isinstance(event.device, str)
    assert event.at is None or datetime.fromtimestamp(event.at / 1000, UTC)
    assert event.number("remainingTrips") is None or abs(payload["remainingTrips"]) < 10**12


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '"x"', "{", "1" * 5000, "[" * 100_000, '{"at":NaN}', '{"at":-Infinity}']
)
def test_only_an_object_is_an_event(text: str) -> None:
    with pytest.raises(MalformedEventError):
        Event.parse("pass-denied", text)


@given(ANY_TEXT)
def test_any_text_is_an_event_or_malformed(text: str) -> None:
    try:
        Event.parse("pass-denied", text)
    except MalformedEventError:
        return


def test_fields() -> None:
    event = Event.parse(
        "pass-used:TEN_TRIP",
        '{"cardSerialNumber":"7","id":"1700000000123-4","at":1700000000123,"device":"gate-1",'
        '"pass":{"passType":"TEN_TRIP","tripsRemaining":"3"},"remainingTrips":2}',
    )
    assert (event.kind, event.card, event.pass_type, event.device) == ("pass-used", "7", "TEN_TRIP", "gate-1")
    assert event.claimed_id == EventId(1700000000123, 4)
    assert event.at == 1700000000123
    assert event.number("remainingTrips") == 2


def test_ids_are_ordered_as_numbers() -> None:
    assert EventId.parse("99-10") > EventId.parse("99-9") > EventId.parse("9-100")


@pytest.mark.parametrize(
    "text", ["", "1", "1-", "-1-0", "1-0 ", "\u0661-\u0660", "18446744073709551616-0", "0-18446744073709551616"]
)
def test_invalid_ids(text: str) -> None:
    with pytest.raises(ValueError, match="event id"):
        EventId.parse(text)
