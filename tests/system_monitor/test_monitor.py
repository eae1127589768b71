"""Following: the journal of a real server; time and what the subscription brings are the test's."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain

import pytest
from redis import Redis

from common.events import START
from common.journal import BATCH
from common.keys import JOURNAL
from common.settings import Settings
from system_monitor.history import Selection
from system_monitor.monitor import LONGEST_RETRY_S, LONGEST_WAIT_S, LOOK_INTERVAL_S, PAUSE_S
from system_monitor.redis_source import RedisSource
from system_monitor.subscription import Message
from tests.system_monitor.watching import DENIAL, ScriptedWatch, deny, entries, published


@pytest.fixture
def waiting(settings: Settings) -> tuple[float, str]:
    """The notice of an idle start, as it stands in a trace."""
    return 0.0, f"waiting for events: Redis at {settings.redis_address}"


@pytest.fixture
def watch(settings: Settings) -> ScriptedWatch:
    return ScriptedWatch(settings)


def message(watch: ScriptedWatch, payload: str) -> Callable[[], None]:
    return lambda: watch.source.arrive("pmessage", payload)


def live(watch: ScriptedWatch, redis: Redis, at: float, id_: str = "*") -> None:
    """Plan an event, with its entry and its message."""
    watch.clock.at(at, lambda: watch.source.arrive("pmessage", deny(redis, "live", id_=id_)))


def add(redis: Redis, entries: int) -> None:
    """Add entries without messages to the journal."""
    with redis.pipeline() as pipeline:
        for number in range(entries):
            pipeline.xadd(JOURNAL, {"channel": "pass-denied", "payload": DENIAL % number})
        pipeline.execute()


class TestSilence:
    @pytest.fixture(autouse=True)
    def _no_pong(self, watch: ScriptedWatch) -> None:
        watch.source.answers_pings = False

    def test_no_answer_to_a_ping_is_a_lost_connection(
        self, watch: ScriptedWatch, settings: Settings, waiting: tuple[float, str]
    ) -> None:
        watch.run(until=8)
        assert watch.trace == [
            (0.0, "subscribe"),
            waiting,
            (3.0, "ping"),
            (7.0, f"connection lost: Redis at {settings.redis_address} does not answer in time: check the network"),
            (7.1, "subscribe"),
            (7.1, "connected again"),
        ]

    def test_a_late_answer_counts(self, watch: ScriptedWatch, waiting: tuple[float, str]) -> None:
        watch.clock.at(6.5, lambda: watch.source.arrive("pong"))
        watch.run(until=11)
        assert watch.trace == [(0.0, "subscribe"), waiting, (3.0, "ping"), (10.0, "ping")]

    def test_no_ping_while_events_arrive(self, watch: ScriptedWatch, waiting: tuple[float, str]) -> None:
        for second in range(20):
            watch.clock.at(second, message(watch, DENIAL % second))
        watch.run(until=20)
        assert watch.trace == [(0.0, "subscribe"), waiting]
        assert len(watch.output) == 20


class TestStart:
    def test_without_events_it_says_that_it_waits(self, watch: ScriptedWatch, waiting: tuple[float, str]) -> None:
        watch.run(until=2)
        assert watch.trace == [(0.0, "subscribe"), waiting]

    def test_after_events_it_does_not(self, watch: ScriptedWatch, redis: Redis) -> None:
        deny(redis, "7")
        watch.run(until=2)
        assert watch.trace == [(0.0, "subscribe")]

    def test_only_its_start_does(self, watch: ScriptedWatch, waiting: tuple[float, str]) -> None:
        watch.clock.at(1, watch.source.go_away)
        watch.clock.at(1.5, watch.source.come_back)
        watch.run(until=4)
        assert watch.trace.count(waiting) == 1
        assert watch.trace[-1][1] == "connected again"


class TestBackOff:
    def test_it_retries_at_growing_intervals_and_reports_it_once(
        self, watch: ScriptedWatch, settings: Settings, waiting: tuple[float, str]
    ) -> None:
        watch.source.is_away = True
        watch.clock.at(10, watch.source.come_back)
        watch.run(until=12)
        reason = f"no connection to Redis at {settings.redis_address} (away): check the address and the network"
        assert watch.trace == [
            (0.0, "subscribe"),
            (0.0, f"cannot reach Redis yet: {reason}"),
            (0.1, "subscribe"),
            (0.3, "subscribe"),
            (0.7, "subscribe"),
            (1.5, "subscribe"),
            (3.1, "subscribe"),
            (6.3, "subscribe"),
            (10.3, "subscribe"),
            (10.3, "connected"),
            (10.3, waiting[1]),
        ]

    def test_the_service_manager_gets_the_problem(self, watch: ScriptedWatch, settings: Settings) -> None:
        watch.clock.at(2, watch.source.go_away)
        watch.clock.at(4, watch.source.come_back)
        watch.run(until=7)
        reason = f"no connection to Redis at {settings.redis_address} (away): check the address and the network"
        assert watch.service_manager.reports == [(0.0, None), (2.0, reason), (5.1, None)]

    def test_after_a_reconnection_intervals_are_short_again(self, watch: ScriptedWatch) -> None:
        watch.source.is_away = True
        watch.clock.at(3, watch.source.come_back)
        watch.clock.at(4, watch.source.go_away)
        watch.run(until=5)
        assert [at for at, what in watch.trace if what == "subscribe"] == [0, 0.1, 0.3, 0.7, 1.5, 3.1, 4.2, 4.4, 4.8]


class TestCatchUp:
    def test_after_a_lost_connection(self, watch: ScriptedWatch, redis: Redis) -> None:
        deny(redis, "before")
        watch.clock.at(3.5, watch.source.go_away)
        watch.clock.at(4, lambda: deny(redis, "missed"))
        watch.clock.at(5, lambda: deny(redis, "missed, too"))
        watch.clock.at(6, watch.source.come_back)
        watch.run(until=8)
        assert watch.output == published(redis)
        assert watch.notices[1:] == ["connected again", "2 events recovered"]

    def test_an_event_that_it_has_shown_is_not_shown_again_when_its_message_comes(
        self, watch: ScriptedWatch, redis: Redis
    ) -> None:
        watch.source.arrive("pmessage", deny(redis, "1"))
        watch.clock.at(1, message(watch, deny(redis, "2")))
        watch.run(until=2)
        assert watch.output == published(redis)

    def test_what_was_shown_live_is_not_recovered(self, watch: ScriptedWatch, redis: Redis) -> None:
        watch.clock.at(1, lambda: watch.source.arrive("pmessage", deny(redis, "live")))
        watch.clock.at(2, watch.source.go_away)
        watch.clock.at(2.1, lambda: deny(redis, "missed"))
        watch.clock.at(3, watch.source.come_back)
        watch.run(until=6)
        assert watch.output == published(redis)
        assert watch.notices[1:] == ["connected again", "1 event recovered"]

    def test_what_comes_without_its_message_is_shown_soon(self, watch: ScriptedWatch, redis: Redis) -> None:
        watch.clock.at(1, lambda: deny(redis, "unheard"))
        watch.run(until=1 + LOOK_INTERVAL_S + LONGEST_WAIT_S)
        assert watch.output == published(redis)
        assert watch.notices == []

    def test_a_catch_up_that_is_interrupted_resumes_there(self, watch: ScriptedWatch, redis: Redis) -> None:
        def miss_many() -> None:
            add(redis, BATCH + 100)
            watch.source.journal.breaks_after = BATCH + 1

        watch.clock.at(1, lambda: watch.source.arrive("pmessage", deny(redis, "live")))
        watch.clock.at(2, miss_many)
        watch.run(until=5)
        assert watch.output == published(redis)
        assert watch.notices[1:] == ["connected again", "100 events recovered"]

    def test_the_watchdog_is_fed_meanwhile(self, settings: Settings, redis: Redis) -> None:
        add(redis, 3 * BATCH)
        fed: list[None] = []
        journal = RedisSource(settings, each_batch=lambda: fed.append(None)).journal
        assert len(list(journal.since(START))) == 3 * BATCH
        assert len(fed) == 4


class TestMessages:
    """A message's id is a claim."""

    @pytest.mark.parametrize(
        "id_",
        [
            "1-1",
            "99999999999999-0",
            "18446744073709551615-18446744073709551615",
            "18446744073709551616-0",
            "99999999999999999999-0",
        ],
    )
    def test_a_forged_id_hides_nothing(self, watch: ScriptedWatch, redis: Redis, id_: str) -> None:
        deny(redis, "0")
        forged = f'{{"id":"{id_}"}}'
        for second in (0, 6):
            watch.clock.at(second, message(watch, forged))
        live(watch, redis, 2)
        watch.clock.at(3, lambda: deny(redis, "unheard"))
        live(watch, redis, 4)
        watch.run(until=7)
        zero, *others = published(redis)
        assert watch.output == [zero, forged, *others, forged]
        assert watch.notices == []

    def test_the_message_of_an_entry_that_was_there_at_the_start(self, watch: ScriptedWatch, redis: Redis) -> None:
        add(redis, 2 * BATCH)
        oldest, *_, newest = published(redis)
        for text in (newest, oldest):
            watch.source.arrive("pmessage", text)
        watch.run(until=2)
        assert watch.output == published(redis)[-10:]

    def test_many_at_once_are_shown_once(self, watch: ScriptedWatch, redis: Redis) -> None:
        def arrive() -> None:
            for text in published(redis):
                watch.source.arrive("pmessage", text)

        watch.clock.at(1, lambda: add(redis, 3 * BATCH))
        watch.clock.at(1, arrive)
        watch.clock.at(5, arrive)
        watch.run(until=6)
        assert watch.output == published(redis)

    def test_those_without_an_entry_are_shown_as_they_come(self, watch: ScriptedWatch) -> None:
        texts = [DENIAL % "original", DENIAL % "original", '{"id":7}', '{"id":"1795537359037-0"}']
        for text in texts:
            watch.source.arrive("pmessage", text)
        watch.run(until=1)
        assert watch.output == texts

    def test_one_that_differs_from_an_entry_s_in_its_id_alone_is_shown(
        self, watch: ScriptedWatch, redis: Redis
    ) -> None:
        live(watch, redis, 1)
        watch.clock.at(2, lambda: watch.source.arrive("pmessage", published(redis)[0].replace('"id":"', '"id":"9')))
        watch.clock.at(3, lambda: watch.source.arrive("pmessage", published(redis)[0]))
        watch.run(until=4)
        assert watch.output == [*published(redis), published(redis)[0].replace('"id":"', '"id":"9')]

    def test_an_entry_with_an_id_of_its_own_hides_no_message(self, watch: ScriptedWatch, redis: Redis) -> None:
        own = '{"id":"7-7"}'
        watch.clock.at(1, partial(redis.xadd, JOURNAL, {"channel": "pass-denied", "payload": own}))
        watch.clock.at(5, message(watch, own))
        watch.run(until=6)
        assert watch.output == [own, own]

    def test_what_is_no_json_is_told_whatever_id_it_claims(self, watch: ScriptedWatch, redis: Redis) -> None:
        live(watch, redis, 1)
        watch.clock.at(2, lambda: watch.source.arrive("pmessage", "{" + published(redis)[0]))
        watch.run(until=3)
        assert watch.output == published(redis)
        assert "malformed message on pass-denied: not JSON" in watch.notices

    @pytest.mark.parametrize("ids", [[f"5-{number}" for number in range(300)], []])
    def test_those_that_come_together_need_one_look_into_the_journal(
        self, watch: ScriptedWatch, redis: Redis, ids: Sequence[str]
    ) -> None:
        add(redis, 10)
        texts = [f'{{"id":"{id_}"}}' for id_ in ids] or [DENIAL % "original"] * 300

        def arrive() -> None:
            redis.config_resetstat()
            for text in texts:
                watch.source.arrive("pmessage", text)

        watch.clock.at(1, arrive)
        watch.clock.at(1.5, lambda: looks.update(redis.info("commandstats")))
        looks: dict[str, object] = {}
        watch.run(until=2)
        assert watch.output == [*published(redis), *texts]
        assert int(looks.get("cmdstat_xrange", {"calls": 0})["calls"]) == bool(ids)  # type: ignore[index]


class TestPause:
    """After a batch, what follows at once is left to gather for a moment."""

    def shown_at(self, watch: ScriptedWatch, times: Sequence[float]) -> dict[float, int]:
        shown: dict[float, int] = {}
        for at in times:
            watch.clock.at(at, lambda at=at: shown.update({at: len(watch.output)}))  # type: ignore[misc]
        watch.run(until=times[-1] + 1)
        return shown

    def test_the_first_event_is_shown_at_once_and_the_next_ones_together(
        self, watch: ScriptedWatch, redis: Redis
    ) -> None:
        begin = 1 + LONGEST_WAIT_S  # the scripted source wakes nobody
        for number in range(10):
            live(watch, redis, begin - 0.5 + number * PAUSE_S / 10 + (0.5 if number else 0))
        shown = self.shown_at(watch, [begin + PAUSE_S / 2, begin + PAUSE_S * 0.99, begin + PAUSE_S * 2])
        assert list(shown.values()) == [1, 1, 10]

    def test_a_burst_is_shown_before_the_pause(self, watch: ScriptedWatch, redis: Redis) -> None:
        for number in range(100):
            live(watch, redis, 0.5 + number / 1000)
        assert self.shown_at(watch, [LONGEST_WAIT_S + 0.001]) == {LONGEST_WAIT_S + 0.001: 100}

    def test_while_more_has_come_there_is_none(self, watch: ScriptedWatch, redis: Redis) -> None:
        """Each batch brings the next one."""
        shown_at: list[float] = []
        read = watch.source.read

        def flood(timeout_s: float) -> list[Message] | None:
            if len(shown_at) < 20 and watch.clock.now() >= 1:
                shown_at.append(watch.clock.now())
                watch.source.arrive("pmessage", deny(redis, "7"))
            return read(timeout_s)

        watch.source.read = flood  # type: ignore[method-assign]
        watch.run(until=3)
        assert len(set(shown_at)) == 1
        assert len(watch.output) == 20

    def test_the_end_comes_in_it(self, settings: Settings, redis: Redis) -> None:
        watch = ScriptedWatch(settings, selection=Selection(until_ms=1_000))
        for number in range(200):
            live(watch, redis, number / 100, id_=f"{number * 10 + 1}-0")
        watch.run(until=20)
        assert watch.output == published(redis)[:100]
        assert watch.clock.now() <= 1 + PAUSE_S + LONGEST_WAIT_S


GONE_BACK = "the journal was deleted or has gone back: events may be missing"
WRONG_TYPE = f"{JOURNAL} is no journal but another type of key: delete it; events may be missing"


class TestAnotherJournal:
    """What happens to the journal is told once, and followed from there."""

    @pytest.fixture(autouse=True)
    def _five_entries(self, watch: ScriptedWatch, redis: Redis) -> None:
        """Three as old as 1970, and two; they are shown at the start."""
        for id_ in ("1-0", "5-0", "9-0", "*", "*"):
            deny(redis, "before", id_=id_)

    def shown_after(
        self, watch: ScriptedWatch, redis: Redis, action: Callable[[], object], ids: Sequence[str]
    ) -> list[str]:
        """Return what is shown after a change of the journal, when live events get these ids."""
        watch.clock.at(1, action)
        for second, id_ in enumerate(ids, start=2):
            live(watch, redis, second, id_)
        watch.run(until=12)
        return watch.output[5:]

    @pytest.mark.parametrize("ids", ["***", ("2-0", "3-0", "4-0"), ("2-0", "3-0", "*"), "*" * 9])
    def test_deleted(self, watch: ScriptedWatch, redis: Redis, ids: Sequence[str]) -> None:
        assert self.shown_after(watch, redis, lambda: redis.delete(JOURNAL), ids) == published(redis)
        assert len(watch.notices) == 1

    def test_deleted_for_a_while(self, watch: ScriptedWatch, redis: Redis) -> None:
        watch.clock.at(1, lambda: redis.delete(JOURNAL))
        live(watch, redis, 11)
        watch.run(until=12)
        assert watch.output[5:] == published(redis)
        assert watch.notices == [GONE_BACK]

    @pytest.mark.parametrize("ids", ["***", ("10-0", "11-0", "12-0")])
    def test_without_its_newest_entries(self, watch: ScriptedWatch, redis: Redis, ids: Sequence[str]) -> None:
        """As a server restored from an older copy, or a promoted replica that lacks them, has it."""

        def restore() -> None:
            kept = entries(redis)[:3]
            redis.delete(JOURNAL)
            for id_, fields in kept:
                redis.execute_command("XADD", JOURNAL, id_, *chain(*fields.items()))

        assert self.shown_after(watch, redis, restore, ids) == published(redis)[3:]
        assert watch.notices == [GONE_BACK]

    @pytest.mark.parametrize("missing", [0, 1, 3])
    def test_trimmed(self, watch: ScriptedWatch, redis: Redis, missing: int) -> None:
        def trim() -> None:
            add(redis, missing)
            redis.xtrim(JOURNAL, maxlen=0, approximate=False)

        assert self.shown_after(watch, redis, trim, "***") == published(redis)
        lost = f"events are missing that were trimmed or deleted before they were shown: {missing}"
        assert watch.notices == ([lost] if missing else [])

    def test_without_the_entry_that_was_shown_last(self, watch: ScriptedWatch, redis: Redis) -> None:
        def delete() -> None:
            redis.xdel(JOURNAL, entries(redis)[-1][0])

        assert self.shown_after(watch, redis, delete, "***") == published(redis)[4:]
        assert watch.notices == []

    def test_another_type_of_key(self, watch: ScriptedWatch, redis: Redis) -> None:
        messages = [DENIAL % "original", '{"id":"1795537359037-0"}']
        watch.clock.at(1, lambda: redis.delete(JOURNAL))
        watch.clock.at(1, lambda: redis.set(JOURNAL, "a text"))
        for text in messages:
            watch.clock.at(6, message(watch, text))
        watch.clock.at(11, lambda: redis.delete(JOURNAL))
        live(watch, redis, 12)
        watch.run(until=13)
        assert watch.output[5:] == [*messages, *published(redis)]
        assert watch.notices == [WRONG_TYPE]
        assert [what for _, what in watch.trace if what == "subscribe"] == ["subscribe"]


def test_ids_that_are_not_remembered_any_more_are_looked_up(
    watch: ScriptedWatch, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("system_monitor.shown.REMEMBERED_IDS", 10)

    def repeat() -> None:
        for text in published(redis):
            watch.source.arrive("pmessage", text)

    watch.clock.at(1, lambda: add(redis, 100))
    watch.clock.at(5, repeat)
    watch.run(until=6)
    assert watch.output == published(redis)


class TestEnd:
    @pytest.fixture
    def ending(self, settings: Settings) -> ScriptedWatch:
        return ScriptedWatch(settings, selection=Selection(until_ms=10_000))

    def test_events_before_it_are_shown(self, ending: ScriptedWatch, redis: Redis) -> None:
        for at in (9.0, 9.9, 11.0):
            live(ending, redis, at, id_=f"{int(at * 1000)}-0")
        ending.run(until=20)
        assert ending.output == published(redis)[:2]
        assert ending.clock.now() <= 11

    def test_what_happened_before_it_is_known_by_its_time(self, ending: ScriptedWatch, redis: Redis) -> None:
        for at in (9_000, 10_000):
            write = partial(redis.xadd, JOURNAL, {"channel": "pass-denied", "payload": f'{{"at":{at}}}'})
            ending.clock.at(9.9, write)
        ending.run(until=20)
        assert ending.output == published(redis)[:1]

    def test_it_comes_also_without_redis(self, ending: ScriptedWatch) -> None:
        ending.source.go_away()
        ending.run(until=20)
        assert 10 <= ending.clock.now() <= 10 + LONGEST_RETRY_S
