"""Following: the journal of a real server; time and what the subscription brings are the test's."""

from collections.abc import Callable

import pytest
from redis import Redis

from common.keys import JOURNAL
from common.settings import Settings
from system_monitor.journal import BATCH
from tests.system_monitor.watching import DENIAL, ScriptedWatch, deny, entries, published


@pytest.fixture
def watch(settings: Settings) -> ScriptedWatch:
    return ScriptedWatch(settings)


def message(watch: ScriptedWatch, payload: str) -> Callable[[], None]:
    return lambda: watch.source.arrive("pmessage", payload)


class TestSilence:
    def test_no_answer_to_a_ping_is_a_lost_connection(self, watch: ScriptedWatch, settings: Settings) -> None:
        watch.run(until=8)
        assert watch.trace == [
            (0.0, "subscribe"),
            (3.0, "ping"),
            (7.0, f"connection lost: Redis at {settings.redis_address} does not answer in time: check the network"),
            (7.1, "subscribe"),
            (7.1, "connected again"),
        ]

    def test_a_late_answer_counts(self, watch: ScriptedWatch) -> None:
        watch.clock.at(6.5, lambda: watch.source.arrive("pong"))
        watch.run(until=11)
        assert watch.trace == [(0.0, "subscribe"), (3.0, "ping"), (10.0, "ping")]

    def test_no_ping_while_events_arrive(self, watch: ScriptedWatch) -> None:
        for second in range(20):
            watch.clock.at(second, message(watch, DENIAL % second))
        watch.run(until=20)
        assert watch.trace == [(0.0, "subscribe")]
        assert len(watch.output) == 20


class TestBackOff:
    def test_it_retries_at_growing_intervals_and_reports_it_once(
        self, watch: ScriptedWatch, settings: Settings
    ) -> None:
        watch.source.is_away = True
        watch.clock.at(10, watch.source.come_back)
        watch.run(until=12)
        reason = f"no connection to Redis at {settings.redis_address} (away): check the address and the network"
        assert watch.trace == [
            (0.0, "subscribe"),
            (0.0, f"connection lost: {reason}"),
            (0.1, "subscribe"),
            (0.3, "subscribe"),
            (0.7, "subscribe"),
            (1.5, "subscribe"),
            (3.1, "subscribe"),
            (6.3, "subscribe"),
            (10.3, "subscribe"),
            (10.3, "connected again"),
        ]

    def test_the_service_manager_gets_the_problem(self, watch: ScriptedWatch, settings: Settings) -> None:
        watch.clock.at(2, watch.source.go_away)
        watch.clock.at(4, watch.source.come_back)
        watch.run(until=7)
        reason = f"no connection to Redis at {settings.redis_address} (away): check the address and the network"
        assert watch.service_manager.reports == [(0.0, None, True), (2.0, reason, True), (5.1, None, True)]

    def test_after_a_reconnection_intervals_are_short_again(self, watch: ScriptedWatch) -> None:
        watch.source.is_away = True
        watch.clock.at(3, watch.source.come_back)
        watch.clock.at(4, watch.source.go_away)
        watch.run(until=5)
        assert [at for at, what in watch.trace if what == "subscribe"] == [0, 0.1, 0.3, 0.7, 1.5, 3.1, 4.2, 4.4, 4.8]


class TestCatchUp:
    def test_when_the_client_has_reconnected_by_itself(self, watch: ScriptedWatch, redis: Redis) -> None:
        watch.clock.at(1, lambda: deny(redis, "missed"))
        watch.clock.at(2, lambda: watch.source.arrive("psubscribe"))
        watch.run(until=3)
        assert watch.output == published(redis)
        assert watch.notices == ["1 event recovered"]

    def test_after_a_lost_connection(self, watch: ScriptedWatch, redis: Redis) -> None:
        deny(redis, "before")
        watch.clock.at(4, lambda: deny(redis, "missed"))
        watch.clock.at(5, lambda: deny(redis, "missed, too"))
        watch.run(until=8)
        assert watch.output == published(redis)
        assert watch.notices[1:] == ["connected again", "2 events recovered"]

    def test_an_event_that_it_has_shown_is_not_shown_again_when_its_message_comes(
        self, watch: ScriptedWatch, redis: Redis
    ) -> None:
        watch.source.arrive("pmessage", deny(redis, "1"))
        watch.clock.at(1, lambda: watch.source.arrive("psubscribe"))
        watch.clock.at(1, message(watch, deny(redis, "2")))
        watch.run(until=2)
        assert watch.output == published(redis)

    def test_what_was_shown_live_is_not_recovered(self, watch: ScriptedWatch, redis: Redis) -> None:
        watch.clock.at(1, lambda: watch.source.arrive("pmessage", deny(redis, "live")))
        watch.clock.at(2, lambda: deny(redis, "missed"))
        watch.clock.at(3, lambda: watch.source.arrive("psubscribe"))
        watch.run(until=4)
        assert watch.output == published(redis)
        assert watch.notices == ["1 event recovered"]

    def test_a_catch_up_that_is_interrupted_resumes_there(self, watch: ScriptedWatch, redis: Redis) -> None:
        def miss_many() -> None:
            with redis.pipeline() as pipeline:
                for number in range(BATCH + 100):
                    pipeline.xadd(JOURNAL, {"channel": "pass-denied", "payload": DENIAL % number})
                pipeline.execute()
            watch.source.journal.breaks_after = BATCH + 1

        watch.clock.at(1, lambda: watch.source.arrive("pmessage", deny(redis, "live")))
        watch.clock.at(2, miss_many)
        watch.clock.at(2, lambda: watch.source.arrive("psubscribe"))
        watch.run(until=3)
        assert watch.output == published(redis)
        assert watch.notices[1:] == ["connected again", "99 events recovered"]

    def test_a_trimmed_journal_is_reported(self, watch: ScriptedWatch, redis: Redis) -> None:
        def miss_and_trim() -> None:
            for number in range(5):
                deny(redis, str(number))
            redis.xtrim(JOURNAL, maxlen=2, approximate=False)

        deny(redis, "before")
        watch.clock.at(1, miss_and_trim)
        watch.clock.at(2, lambda: watch.source.arrive("psubscribe"))
        watch.run(until=3)
        assert watch.notices == [
            "the journal does not reach back to the last event shown: some events may be missing",
            "2 events recovered",
        ]
        assert watch.output[1:] == published(redis)

    def test_a_replaced_journal_is_reported(self, watch: ScriptedWatch, redis: Redis) -> None:
        deny(redis, "before", id_="5-0")
        watch.clock.at(1, lambda: redis.delete(JOURNAL))
        watch.clock.at(1, lambda: deny(redis, "after", id_="9-0"))
        watch.clock.at(2, lambda: watch.source.arrive("psubscribe"))
        watch.clock.at(3, lambda: watch.source.arrive("pmessage", deny(redis, "live", id_="10-0")))
        watch.run(until=4)
        assert "some events may be missing" in watch.notices[0]
        assert watch.output[1:] == published(redis)

    def test_a_missing_entry_does_not_repeat_the_others(self, watch: ScriptedWatch, redis: Redis) -> None:
        for number in range(3):
            deny(redis, str(number))
        newest, _ = entries(redis)[-1]
        watch.clock.at(1, lambda: redis.xdel(JOURNAL, newest))  # as when a primary is lost before its replica has it
        watch.clock.at(2, lambda: watch.source.arrive("psubscribe"))
        watch.clock.at(3, lambda: watch.source.arrive("pmessage", deny(redis, "3")))
        watch.run(until=4)
        assert len(watch.output) == 4

    @pytest.mark.parametrize(
        "id_", ["99999999999999-0", "18446744073709551615-18446744073709551615", "99999999999999999999-0"]
    )
    def test_a_forged_id_hides_nothing(self, watch: ScriptedWatch, redis: Redis, id_: str) -> None:
        forged = f'{{"id":"{id_}"}}'
        watch.source.arrive("pmessage", forged)
        watch.clock.at(1, lambda: watch.source.arrive("pmessage", deny(redis, "1")))
        watch.clock.at(2, lambda: deny(redis, "2"))
        watch.clock.at(3, lambda: watch.source.arrive("psubscribe"))
        watch.clock.at(4, lambda: watch.source.arrive("pmessage", deny(redis, "3")))
        watch.run(until=5)
        assert watch.output == [forged, *published(redis)]
        assert watch.notices == ["1 event recovered"]
