"""Whether two hours ran out, or there were none."""

import json
import tracemalloc
from pathlib import Path

import pytest
from redis import Redis

from common.events import Event
from common.journal import BATCH
from common.keys import JOURNAL
from common.rendering import PLAIN, RAN_OUT, Renderer
from common.settings import Settings
from system_monitor import two_hours
from system_monitor.history import Selection, past_events
from system_monitor.redis_source import RedisSource
from system_monitor.saved_place import SavedPlace
from system_monitor.two_hours import TwoHours
from tests.system_monitor.watching import ScriptedWatch

NOON_MS = 1_700_049_600_000
TWO_HOURS_MS = 7_200_000


def event(channel: str, after_ms: int = 0, card: str = "7", **fields: object) -> Event:
    return Event.parse(channel, json.dumps({"cardSerialNumber": card, "at": NOON_MS + after_ms} | fields))


def activated(after_ms: int = 0, card: str = "7") -> Event:
    return event("pass-activated:TWO_HOUR", after_ms, card, remainingTime=7200)


def denied(after_ms: int, card: str = "7", reason: str = "no-pass") -> Event:
    return event("pass-denied", after_ms, card, reason=reason)


def reason(*events: Event) -> object:
    """Return the reason of the last of some events."""
    passes = TwoHours()
    return [passes.explained(each) for each in events][-1].payload.get("reason")


@pytest.mark.parametrize(
    ("events", "is_over"),
    [
        ([activated(), denied(TWO_HOURS_MS + 1)], True),
        ([activated(), denied(TWO_HOURS_MS + 1), denied(2 * TWO_HOURS_MS)], True),
        ([activated(), denied(TWO_HOURS_MS - 1000)], False),
        ([event("pass-used:TWO_HOUR", remainingTime=60), denied(60_000)], True),
        ([event("pass-used:TWO_HOUR", remainingTime=60), denied(59_000)], False),
        ([denied(2 * TWO_HOURS_MS)], False),
        ([activated(card="8"), denied(2 * TWO_HOURS_MS)], False),
        ([activated(), event("pass-issued:SINGLE_USE"), denied(2 * TWO_HOURS_MS)], False),
        ([activated(), event("pass-reversed:TEN_TRIP"), denied(2 * TWO_HOURS_MS)], False),
        ([activated(), event("pass-used:SINGLE_USE"), denied(2 * TWO_HOURS_MS)], False),
        ([activated(), event("pass-voided"), denied(2 * TWO_HOURS_MS)], False),
        ([event("pass-activated:TWO_HOUR", remainingTime="?"), denied(2 * TWO_HOURS_MS)], False),
        ([event("pass-activated:TWO_HOUR", remainingTime=7200, at=None), denied(2 * TWO_HOURS_MS)], False),
        ([activated(), event("pass-denied", reason="no-pass", at=None)], False),
    ],
)
def test_the_reason_of_a_denial(events: list[Event], is_over: bool) -> None:
    assert reason(*events) == (RAN_OUT if is_over else "no-pass")


def test_another_reason_stays() -> None:
    assert reason(activated(), denied(2 * TWO_HOURS_MS, reason="blocked-pass")) == "blocked-pass"


def test_how_it_is_told() -> None:
    passes = TwoHours()
    passes.explained(activated())
    explained = passes.explained(denied(2 * TWO_HOURS_MS))
    assert Renderer(PLAIN).line(explained).endswith("  card 7  denied: two hours ran out")
    assert explained.text == denied(2 * TWO_HOURS_MS).text


def test_its_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_hours, "MOST_CARDS", 100)
    passes = TwoHours()
    tracemalloc.start()
    try:
        for number in range(1000):
            passes.explained(activated(card=str(number)))
            passes.explained(activated(card="9" * 10_000 + str(number)))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 100_000
    assert passes.explained(denied(2 * TWO_HOURS_MS, card="900")).payload["reason"] == RAN_OUT
    assert passes.explained(denied(2 * TWO_HOURS_MS, card="799")).payload["reason"] == "no-pass"


class TestAtTheStart:
    """Of a journal, as many entries are known as are read anyway."""

    @pytest.fixture(autouse=True)
    def _journal(self, redis: Redis) -> None:
        self.redis = redis
        self.add(activated())

    def add(self, *events: Event) -> None:
        with self.redis.pipeline() as pipeline:
            for each in events:
                pipeline.xadd(JOURNAL, {"channel": each.channel, "payload": each.text})
            pipeline.execute()

    def reasons(self, settings: Settings, selection: Selection) -> list[object]:
        journal = RedisSource(settings).journal
        shown = past_events(journal, journal.facts(), selection, TwoHours())
        return [each.payload["reason"] for each in shown]

    @pytest.mark.parametrize(
        "selection", [Selection(last=2), Selection(last=2, card="7"), Selection(last=2, since_ms=NOON_MS)]
    )
    def test_the_first_lines(self, settings: Settings, selection: Selection) -> None:
        self.add(*(denied(each) for each in range(20)), denied(TWO_HOURS_MS), denied(2 * TWO_HOURS_MS))
        assert self.reasons(settings, selection) == [RAN_OUT] * 2

    def test_what_is_out_of_reach(self, settings: Settings) -> None:
        self.add(*(denied(each, card="8") for each in range(BATCH)), denied(TWO_HOURS_MS))
        assert self.reasons(settings, Selection(last=1)) == ["no-pass"]

    def test_after_a_restart(self, settings: Settings, tmp_path: Path) -> None:
        """The place is kept, and the past is not shown again."""
        ScriptedWatch(settings, SavedPlace(str(tmp_path))).run(until=2)
        self.add(denied(TWO_HOURS_MS))
        watch = ScriptedWatch(settings, SavedPlace(str(tmp_path)), as_json=False)
        watch.run(until=2)
        assert [line.rpartition("  ")[2] for line in watch.output] == ["denied: two hours ran out"]
