"""A line a minute, on a clock of the test's."""

import io
import json
from datetime import UTC

import pytest

from common.events import Event
from common.rendering import PLAIN, Renderer
from system_monitor.stats import GRACE_S, StatsTerminal

NOON = 1_769_860_800  # 2026-01-31 12:00:00 UTC


class Minutes:
    """What the terminal writes, without the dates."""

    def __init__(self, follows: bool = True) -> None:
        self.now_s = float(NOON)
        self._output, self.errors = io.StringIO(), io.StringIO()
        renderer = Renderer(PLAIN)
        self.terminal = StatsTerminal(renderer, self._output, self.errors, follows, UTC, now=lambda: self.now_s)

    def happen(self, channel: str, at_s: float | None = None) -> None:
        at = None if at_s is None else int((NOON + at_s) * 1000)
        self.terminal.show(Event.parse(channel, json.dumps({"at": at})))

    def look(self, after_s: float) -> list[list[str]]:
        """Pass on to some time after noon, as the monitor does several times a minute; return the lines so far."""
        while self.now_s < NOON + after_s:
            self.now_s = min(self.now_s + 1, NOON + after_s)
            self.terminal.flush()
        return self.lines

    @property
    def lines(self) -> list[list[str]]:
        return [
            [time, *numbers[::2]]
            for _, time, *numbers in (line.split() for line in self._output.getvalue().splitlines())
        ]


@pytest.fixture
def minutes() -> Minutes:
    return Minutes()


def test_a_line_for_each_minute_that_passes(minutes: Minutes) -> None:
    minutes.look(1)
    for channel in ("pass-used:TEN_TRIP", "pass-used:TWO_HOUR", "pass-activated:TWO_HOUR", "pass-issued:TEN_TRIP"):
        minutes.happen(channel, 10)
    minutes.happen("pass-denied", 59)
    minutes.happen("device-status", 59)
    assert minutes.look(60 + GRACE_S - 1) == []
    assert minutes.look(60 + GRACE_S) == [["12:00", "2", "1", "1", "0.10"]]
    assert minutes.look(180 + GRACE_S) == [
        ["12:00", "2", "1", "1", "0.10"],
        ["12:01", "0", "0", "0", "0.00"],
        ["12:02", "0", "0", "0", "0.00"],
    ]


def test_an_event_belongs_to_the_minute_of_its_own_time(minutes: Minutes) -> None:
    minutes.look(62)
    minutes.happen("pass-denied", 59.9)
    minutes.happen("pass-denied", 60)
    assert minutes.look(60 + GRACE_S) == [["12:00", "0", "0", "1", "0.02"]]


def test_a_minute_of_the_past_has_a_line_if_something_happened(minutes: Minutes) -> None:
    minutes.happen("pass-denied", -7200)
    minutes.happen("pass-denied", -3600)
    assert minutes.look(60) == [["10:00", "0", "0", "1", "0.02"], ["11:00", "0", "0", "1", "0.02"]]


@pytest.mark.parametrize("at_s", [10**9, -NOON, None])
def test_a_time_that_is_none_or_forged_is_now(minutes: Minutes, at_s: float | None) -> None:
    minutes.look(1)
    minutes.happen("pass-denied", at_s)
    minutes.happen("pass-denied", 2)
    assert minutes.look(60 + GRACE_S) == [["12:00", "0", "0", "2", "0.03"]]


def test_the_last_minute_is_as_long_as_it_was(minutes: Minutes) -> None:
    minutes.look(1)
    minutes.happen("pass-denied", 2)
    minutes.look(10)
    minutes.terminal.finish()
    assert minutes.lines == [["12:00", "0", "0", "1", "0.10"]]


def test_nothing_passes_where_only_the_past_is_shown() -> None:
    minutes = Minutes(follows=False)
    minutes.happen("pass-denied", -7200)
    assert minutes.look(600) == []
    minutes.terminal.finish()
    minutes.terminal.finish()
    assert minutes.lines == [["10:00", "0", "0", "1", "0.02"]]


def test_a_malformed_message_is_told_aside(minutes: Minutes) -> None:
    minutes.terminal.show_malformed("pass-denied", "not JSON")
    minutes.terminal.finish()
    minutes.terminal.summarize()
    assert minutes.errors.getvalue().splitlines() == [
        "malformed message on pass-denied: not JSON",
        "system-monitor: 1 event shown: 1 malformed",
    ]
