"""The devices' rows, as whoever reads them sees them: nothing in a row is trusted."""

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from common.device_table import json_lines, summary, table
from common.devices import SILENT_MS, Device, Devices, MalformedRowError, State, read_devices
from common.keys import DEVICES
from tests.any_text import ANY_TEXT

NOW_MS = 1_795_556_648_166
ROW: dict[str, Any] = {
    "program": "entry-gate",
    "version": "1.1.0",
    "state": "in-service",
    "session": "0a1b2c3d",
    "since": NOW_MS - 60_000,
    "at": NOW_MS - 1000,
}
READ = [field for field in ROW if field != "session"]
DENIED = {"state": "out-of-service", "problem": "the card reader does not answer"}


def parse(**fields: object) -> Device:
    return Device.parse("gate-1", json.dumps(ROW | fields), NOW_MS)


class TestRow:
    def test_of_a_device_in_service(self) -> None:
        assert parse(lastTap=NOW_MS - 5) == Device(
            "gate-1", "entry-gate", "1.1.0", State.IN_SERVICE, "", ROW["since"], ROW["at"], NOW_MS - 5, is_shared=False
        )

    @pytest.mark.parametrize(("age_ms", "state"), [(SILENT_MS, "in-service"), (SILENT_MS + 1, "silent")])
    def test_is_silent_after_fifteen_seconds(self, age_ms: int, state: str) -> None:
        assert parse(at=NOW_MS - age_ms).state == state

    def test_is_silent_since_its_last_sign_of_life(self) -> None:
        assert parse(at=NOW_MS - 3_600_000, **DENIED).since_ms == NOW_MS - 3_600_000

    def test_of_one_that_is_stopped_is_never_silent(self) -> None:
        assert parse(state="stopped", at=0).state is State.STOPPED

    def test_from_the_future_is_not_silent(self) -> None:
        """The server's clock was set back."""
        assert parse(at=NOW_MS + 3_600_000).state is State.IN_SERVICE

    @pytest.mark.parametrize(("age_ms", "is_shared"), [(1000, True), (SILENT_MS + 1, False)])
    def test_of_two_devices(self, age_ms: int, is_shared: bool) -> None:
        assert parse(shared=NOW_MS - age_ms).is_shared is is_shared

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "7",
            "null",
            '"text"',
            "[" * 100_000,
            json.dumps(ROW | {"state": "silent"}),
            json.dumps(ROW | {"state": "well"}),
            json.dumps(ROW | {"state": []}),
            json.dumps(ROW | {"at": True}),
            json.dumps(ROW | {"at": -1}),
            json.dumps(ROW | {"at": 1.5}),
            json.dumps(ROW | {"since": 10**30}),
            json.dumps(ROW | {"lastTap": "x"}),
            json.dumps(ROW | {"problem": {}}),
            json.dumps(ROW | {"shared": None}),
            '{"at": NaN}',
            *(json.dumps({name: value for name, value in ROW.items() if name != field}) for field in READ),
        ],
        ids=lambda text: text[:40],
    )
    def test_that_makes_no_sense(self, text: str) -> None:
        with pytest.raises(MalformedRowError):
            Device.parse("gate-1", text, NOW_MS)

    @given(ANY_TEXT | st.dictionaries(st.sampled_from([*ROW, "problem", "lastTap"]), st.none() | ANY_TEXT).map(str))
    def test_any_text_is_a_row_or_malformed(self, text: str) -> None:
        with pytest.raises(MalformedRowError):
            Device.parse("gate-1", text, NOW_MS)


def some_devices() -> Devices:
    noon = NOW_MS - NOW_MS % 86_400_000 + 43_200_000
    known = [
        Device("gate-2", "entry-gate", "1.1.0", State.SILENT, "", noon, noon, noon - 60_000, False),
        Device("gate-3", "entry-gate", "1.1.0", State.OUT_OF_SERVICE, "no one", noon - 10**8, noon, None, True),
        Device("\x1b[2J", "\x07", "\u202e", State.IN_SERVICE, "", noon, noon, noon, False),
    ]
    return Devices(noon, known, ["\x1b]0;owned\x07"])


def test_table() -> None:
    assert table(some_devices(), UTC) == [
        "DEVICE   PROGRAM     STATE           SINCE             LAST TAP  VERSION",
        "gate-2   entry-gate  silent          12:00:00          11:59:00  1.1.0",
        "gate-3   entry-gate  out of service  2026-11-23 08:13  -         1.1.0    two devices have this name; no one",
        "\\x1b[2J  \\x07        in service      12:00:00          12:00:00  \\u202e",
        "\\x1b]0;owned\\x07: malformed row",
    ]


def test_summary() -> None:
    assert summary(some_devices()) == "3 devices: 1 silent, 1 out of service, 1 in service"
    one = some_devices()._replace(known=some_devices().known[:1])
    assert summary(one) == "1 device: 1 silent"
    assert summary(Devices(0, [], [])) == "0 devices"


def test_json() -> None:
    lines = list(json_lines(some_devices()))
    assert all(line.isprintable() for line in lines)
    first, *_, last = map(json.loads, lines)
    assert (first["device"], first["state"], first["problem"], first["isShared"]) == ("gate-2", "silent", None, False)
    assert last == {"device": "\x1b]0;owned\x07", "state": "malformed"}


class TestReading:
    def test_those_in_trouble_come_first_then_by_number(self, redis: Redis) -> None:
        now_ms = redis.time()[0] * 1000
        rows: dict[str, dict[str, Any]] = {"gate-10": {}, "gate-2": {}, "gate-1": {}, "t": DENIED, "x": {"at": 0}}
        for name, fields in rows.items():
            redis.hset(DEVICES, name, json.dumps(ROW | {"at": now_ms} | fields))
        redis.hset(DEVICES, "gate-0", "nonsense")
        found = read_devices(redis)
        assert [each.name for each in found.known] == ["t", "x", "gate-1", "gate-2", "gate-10"]
        assert found.malformed == ["gate-0"]
        assert found.now_ms >= now_ms

    def test_no_row(self, redis: Redis) -> None:
        assert read_devices(redis)[1:] == ([], [])
