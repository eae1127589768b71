"""What is counted, and how it is shown, of events of the test's."""

import csv
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from back_office.report import REMEMBERED, Report, count
from back_office.report_output import as_csv, as_json, as_text
from common.events import Event, EventId
from common.journal import Entry

DAY = int(datetime(2026, 1, 31, tzinfo=UTC).timestamp() * 1000)
HOUR = 3_600_000
SINGLE: dict[str, Any] = {"pass": {"passType": "SINGLE_USE"}}
TEN: dict[str, Any] = {"pass": {"passType": "TEN_TRIP"}}
TWO: dict[str, Any] = {"pass": {"passType": "TWO_HOUR"}}


def entry(channel: str, at: int | None, device: object = "gate-1", card: str = "7", **fields: object) -> Entry:
    """An entry whose time is so many ms after midnight UTC."""
    id_ = EventId(DAY + (at or 0), 0)
    payload = {"cardSerialNumber": card, "device": device, "at": None if at is None else DAY + at, **fields}
    return id_, Event.parse(channel, json.dumps(payload), id_)


def day(entries: Iterable[Entry]) -> Report:
    return count(entries, DAY, DAY + 24 * HOUR)


def sums(report: Report) -> dict[str, int]:
    """How often, by what happened."""
    found: dict[str, int] = {}
    for key, number in report.counts.items():
        found[key.what] = found.get(key.what, 0) + number
    return found


RIDE = [
    entry("pass-issued:TEN_TRIP", 7 * HOUR, "terminal-1", **TEN),
    entry("pass-activated:TWO_HOUR", 7 * HOUR + 1, card="8", **TWO),
    entry("pass-used:TWO_HOUR", 7 * HOUR + 1, card="8", **TWO),
    entry("pass-used:TEN_TRIP", 7 * HOUR + 2, **TEN),
    entry("pass-used:TEN_TRIP", 8 * HOUR, **TEN),
    entry("pass-denied", 8 * HOUR + 1, "gate-2", reason="no-pass"),
    entry("pass-blocked", 8 * HOUR + 2, "desk (anna)", reason="lost", **TEN),
    entry("device-status", 8 * HOUR + 3, "gate-2", state="stopped"),
]


def test_what_is_counted_together() -> None:
    report = day([*RIDE, RIDE[4]])
    assert isinstance(report.counts, MappingProxyType)
    assert {(row.hour.hour, *row[1:]) for row in report.rows(UTC)} == {
        (7, "sale", "terminal-1", "TEN_TRIP", "", 1),
        (7, "activated", "gate-1", "TWO_HOUR", "", 1),
        (7, "entry", "gate-1", "TWO_HOUR", "", 1),
        (7, "entry", "gate-1", "TEN_TRIP", "", 1),
        (8, "entry", "gate-1", "TEN_TRIP", "", 2),
        (8, "denial", "gate-2", "", "no-pass", 1),
        (8, "blocked", "desk (anna)", "TEN_TRIP", "", 1),
    }
    assert report.unreadable == 0


@pytest.mark.parametrize(
    ("at", "is_counted"), [(-1, False), (0, True), (24 * HOUR - 1, True), (24 * HOUR, False), (None, True)]
)
def test_a_span_has_its_beginning_and_not_its_end(at: int | None, is_counted: bool) -> None:
    assert sums(day([entry("pass-denied", at)])) == ({"denial": 1} if is_counted else {})


class TestReversal:
    used = entry("pass-used:SINGLE_USE", HOUR, **SINGLE)

    @pytest.mark.parametrize("kind", ["reversed", "owed"])
    def test_the_entry_is_none(self, kind: str) -> None:
        undone = entry(f"pass-{kind}:SINGLE_USE", 3 * HOUR, tap="ab-1", **SINGLE)
        other = entry("pass-used:SINGLE_USE", HOUR, card="8", **SINGLE)
        report = day([self.used, other, undone])
        assert [(row.hour.hour, row.what, row.number) for row in report.rows(UTC)] == [(1, "entry", 1), (3, kind, 1)]

    def test_after_the_end_of_the_span(self) -> None:
        assert sums(day([self.used, entry("pass-reversed:SINGLE_USE", 30 * HOUR, **SINGLE)])) == {}

    def test_of_an_entry_before_the_span(self) -> None:
        before, undone = entry("pass-used:TEN_TRIP", -1, **TEN), entry("pass-reversed:TEN_TRIP", 1, **TEN)
        after = entry("pass-used:TEN_TRIP", 2, **TEN)
        assert sums(day([before, undone, after])) == {"reversed": 1, "entry": 1}

    def test_at_the_desk_takes_no_other_entry_back(self) -> None:
        """An owed trip was no entry, and is given back later; the card has been used since."""
        owed, again = entry("pass-owed:SINGLE_USE", 2 * HOUR, **SINGLE), entry("pass-used:TEN_TRIP", 3 * HOUR, **TEN)
        given_back = entry("pass-reversed:TEN_TRIP", 4 * HOUR, "desk (anna)", **TEN)
        assert sums(day([self.used, owed, again, given_back])) == {"owed": 1, "entry": 1, "reversed": 1}

    def test_takes_the_last_entry_back_and_only_once(self) -> None:
        undone = entry("pass-reversed:SINGLE_USE", 3 * HOUR, **SINGLE)
        report = day([self.used, entry("pass-used:SINGLE_USE", 2 * HOUR, **SINGLE), undone, undone])
        assert [(row.hour.hour, row.what, row.number) for row in report.rows(UTC)] == [
            (1, "entry", 1),
            (3, "reversed", 2),
        ]

    def test_is_found_among_many(self) -> None:
        others = [entry("pass-used:SINGLE_USE", HOUR, card=str(number), **SINGLE) for number in range(REMEMBERED)]
        undone = [entry("pass-reversed:SINGLE_USE", 2 * HOUR, card=card, **SINGLE) for card in ("0", "9999")]
        assert sums(day([*others, *undone])) == {"entry": REMEMBERED - 2, "reversed": 2}


@pytest.mark.parametrize("bad", [(EventId(DAY, 0), None), entry("pass-repainted", 1), entry("", 1), entry("pass-", 1)])
def test_what_cannot_be_read_is_counted_as_that(bad: Entry) -> None:
    assert day([bad, RIDE[0]]).unreadable == 1
    assert sums(day([bad, RIDE[0]])) == {"sale": 1}
    assert count([bad], DAY - HOUR, DAY).unreadable == 0


def test_whatever_the_fields_hold() -> None:
    fields: list[dict[str, Any]] = [
        {"device": None, "pass": None, "cardSerialNumber": None},
        {"device": 7, "pass": [], "cardSerialNumber": []},
        {"device": "\x1b[2J", "pass": {"passType": {}}, "cardSerialNumber": "9" * 10_000},
    ]
    strange = [entry("pass-used:TEN_TRIP", 1, **each) for each in fields]
    strange.append(entry("pass-denied", 1, device="x" * 10_000, reason={"a": 1}))
    report = day(strange)
    assert {key[2:] for key in report.counts} == {
        ("", "?", ""),
        ("\\x1b[2J", "?", ""),
        ("x" * 64 + "…", "", "?"),
    }
    assert as_text(report, UTC).replace("\n", "").isprintable()
    json.loads(as_json(report, UTC))


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("first", "hours", "second_and_third"),
    [
        ("2026-10-25", 25, ["2026-10-25 02:00+02:00", "2026-10-25 02:00+01:00"]),
        ("2026-03-29", 23, ["2026-03-29 03:00+02:00", "2026-03-29 04:00+02:00"]),
    ],
)
def test_a_day_of_23_or_25_hours(first: str, hours: int, second_and_third: list[str]) -> None:
    begin = int(datetime.fromisoformat(first).timestamp() * 1000)
    entries = [entry("pass-denied", begin + hour * HOUR + 1 - DAY) for hour in range(30)]
    report = count(entries, begin, begin + hours * HOUR)
    assert len(report.rows(None)) == len(report.periods(None)) == hours
    assert report.periods(None)[2:4] == second_and_third
    assert f"{hours} hours" in as_text(report, None)


@pytest.mark.usefixtures("in_berlin")
def test_in_utc_the_hours_are_those_of_utc() -> None:
    report = day([entry("pass-denied", 0)])
    assert [row.hour.isoformat() for row in report.rows(UTC)] == ["2026-01-31T00:00:00+00:00"]
    assert [row.hour.isoformat() for row in report.rows(None)] == ["2026-01-31T01:00:00+01:00"]


def test_as_text() -> None:
    assert (
        as_text(day([*RIDE, entry("pass-reversed:TEN_TRIP", 8 * HOUR, **TEN)]), UTC)
        == """\
from 2026-01-31 00:00+00:00 to 2026-02-01 00:00+00:00, 24 hours

                         entries     sales   denials
2026-01-31 07:00+00:00         2         1         0
2026-01-31 08:00+00:00         0         0         1
total                          2         1         1

device       entries     sales   denials
gate-1             2         0         0
gate-2             0         0         1
terminal-1         0         1         0

pass       entries     sales
ten trip         1         1
two hour         1         0

reason    denials
no-pass         1

also: 1 activated, 1 blocked, 1 reversed
"""
    )


def test_of_nothing() -> None:
    assert as_text(day([]), UTC).splitlines()[2:] == [
        "        entries     sales   denials",
        "total         0         0         0",
    ]
    assert as_csv(day([]), UTC) == "hour,event,device,pass,reason,count\n"


def test_a_drawing_of_nothing() -> None:
    from back_office.plot import as_svg  # not above: Matplotlib is slow to import, in each process of the tests

    assert as_svg(day([]), UTC).startswith(b"<?xml")


def test_a_long_report_has_a_row_a_day() -> None:
    report = count([entry("pass-denied", 0), entry("pass-denied", 25 * HOUR)], DAY, DAY + 72 * HOUR)
    assert [line.split()[0] for line in as_text(report, UTC).splitlines()[3:6]] == ["2026-01-31", "2026-02-01", "total"]


def test_as_csv() -> None:
    report = day([RIDE[0], RIDE[5], entry("pass-denied", 9 * HOUR, "=cmd|'/c calc'!A0", reason='a,"b')])
    assert list(csv.reader(as_csv(report, UTC).splitlines())) == [
        ["hour", "event", "device", "pass", "reason", "count"],
        ["2026-01-31 07:00+00:00", "sale", "terminal-1", "TEN_TRIP", "", "1"],
        ["2026-01-31 08:00+00:00", "denial", "gate-2", "", "no-pass", "1"],
        ["2026-01-31 09:00+00:00", "denial", "'=cmd|'/c calc'!A0", "", 'a,"b', "1"],
    ]


def test_as_json() -> None:
    assert json.loads(as_json(day([RIDE[0], (EventId(DAY, 0), None)]), UTC)) == {
        "from": "2026-01-31T00:00+00:00",
        "to": "2026-02-01T00:00+00:00",
        "unreadable": 1,
        "rows": [
            {
                "hour": "2026-01-31T07:00+00:00",
                "event": "sale",
                "device": "terminal-1",
                "pass": "TEN_TRIP",
                "reason": "",
                "count": 1,
            }
        ],
    }


def test_as_svg() -> None:
    """Bars for three numbers an hour, and the hours between."""
    from back_office.plot import as_svg

    drawing = as_svg(day([RIDE[0], entry("pass-denied", 10 * HOUR)]), UTC).decode()
    for words in ("entries", "sales", "denials", "2026-01-31 07:00+00:00", "2026-01-31 09:00+00:00"):
        assert f">{words}<" in drawing


def test_keys_are_of_quarters() -> None:
    """The hours of some zones begin at one."""
    assert {key.quarter for key in day([entry("pass-denied", 899_999), entry("pass-denied", 900_000)]).counts} == {
        DAY // 900_000,
        DAY // 900_000 + 1,
    }
