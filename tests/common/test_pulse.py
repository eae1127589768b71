"""A device's pulse: its row, its events, and what it costs; on a fake clock and a real server."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from redis import Redis
from redis.exceptions import ReadOnlyError, ResponseError

from common import redis_link, scripts
from common.daemon import version
from common.keys import DEVICE_STATUS, DEVICES, JOURNAL
from common.pass_store import PassStore
from common.passes import UseOutcome
from common.pulse import INTERVAL_S, Pulse
from common.rights import TO_PULSE, TO_SELL, TO_USE
from common.settings import PREFIX, Settings
from tests.fake_clock import FakeClock
from tests.in_process import RecordingServiceManager
from tests.journal import all_entries, statuses
from tests.processes import wait_for

NO_READER = "the card reader does not answer: check its wiring"


class Told:
    """A device that makes a check whenever it is asked to; it is in service at first."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self.clock = FakeClock()
        self.service_manager = RecordingServiceManager(self.clock)
        self.service_manager.report(None)
        self.pulse = Pulse("entry-gate", settings, self.service_manager, self.clock)
        self._redis = redis

    def check(self, after_s: float = 0.0) -> None:
        self.clock.sleep(after_s)
        scripts.check(self._redis, TO_USE, 0, self.pulse)


@pytest.fixture
def device(redis: Redis, settings: Settings) -> Told:
    return Told(redis, settings)


def row(redis: Redis, name: str = "test") -> dict[str, Any]:
    found: Any = redis.hget(DEVICES, name)
    read: dict[str, Any] = json.loads(found)
    return read


def now_ms(redis: Redis) -> int:
    seconds, microseconds = redis.time()
    return int(seconds * 1000 + microseconds // 1000)


class TestRow:
    def test_says_what_the_device_is_and_how_it_does(self, device: Told, redis: Redis) -> None:
        before = now_ms(redis)
        device.check()
        first = row(redis)
        assert before <= first["at"] <= now_ms(redis)
        assert first == {
            "program": "entry-gate",
            "version": version(),
            "state": "in-service",
            "session": first["session"],
            "since": first["at"],
            "at": first["at"],
        }

    def test_is_written_every_five_seconds_and_at_once_when_the_state_changes(self, device: Told, redis: Redis) -> None:
        device.check()
        seen = []
        for after_s, problem in [(1.0, None), (1.0, NO_READER), (1.0, NO_READER), (INTERVAL_S - 1, NO_READER)]:
            redis.delete(DEVICES)
            device.service_manager.report(problem)
            device.check(after_s)
            seen.append(redis.exists(DEVICES))
        assert seen == [0, 1, 0, 1]

    def test_keeps_the_time_since_when(self, device: Told, redis: Redis) -> None:
        device.check()
        since = row(redis)["since"]
        wait_for(lambda: now_ms(redis) > since)
        device.check(INTERVAL_S)
        assert row(redis)["since"] == since < row(redis)["at"]
        device.service_manager.report(NO_READER)
        device.check()
        assert row(redis)["since"] == row(redis)["at"]
        assert (row(redis)["state"], row(redis)["problem"]) == ("out-of-service", NO_READER)

    def test_has_the_last_tap_also_after_a_restart(self, device: Told, redis: Redis, settings: Settings) -> None:
        device.pulse.tapped()
        device.check(3.0)
        tapped = row(redis)["lastTap"]
        assert row(redis)["at"] - tapped == 3000
        Told(redis, settings).check()
        assert row(redis)["lastTap"] == tapped

    def test_a_long_problem_is_cut(self, device: Told, redis: Redis) -> None:
        device.service_manager.report("x" * 5000)
        device.check()
        assert row(redis)["problem"] == "x" * 300

    @pytest.mark.parametrize(
        "before",
        [
            "",
            "no JSON",
            "7",
            "[]",
            "null",
            '{"state":null,"since":null,"at":null,"lastTap":null,"session":null,"replaced":null,"shared":null}',
            '{"state":"in-service","since":1e999,"at":{},"lastTap":-1,"session":[],"replaced":{},"shared":"x"}',
            '{"state":"in-service","since":1.5,"lastTap":99999999999999999,"session":"%s"}' % ("x" * 5000),
            "[" * 5000,
        ],
        ids=["empty", "text", "number", "array", "null", "nulls", "types", "values", "depth"],
    )
    def test_that_made_no_sense_is_overwritten(self, device: Told, redis: Redis, before: str) -> None:
        redis.hset(DEVICES, "test", before)
        device.check()
        written = row(redis)
        assert written["state"] == "in-service"
        assert isinstance(written["since"], int)
        assert len(json.dumps(written)) < 300


class TestEvents:
    def test_only_a_change_is_published(self, device: Told, redis: Redis) -> None:
        for problem in [None, None, NO_READER, NO_READER, "another", None, None]:
            device.service_manager.report(problem)
            device.check(INTERVAL_S)
        assert statuses(redis) == [
            ("test", "in-service", ""),
            ("test", "out-of-service", NO_READER),
            ("test", "out-of-service", "another"),
            ("test", "in-service", ""),
        ]

    def test_a_message_is_its_entry_with_the_id(self, device: Told, redis: Redis) -> None:
        with redis.pubsub() as pubsub:
            pubsub.subscribe(DEVICE_STATUS)
            assert pubsub.get_message(timeout=5)["type"] == "subscribe"
            device.service_manager.report(NO_READER)
            device.check()
            message = pubsub.get_message(timeout=5)
        (entry,) = all_entries(redis)
        assert entry.channel == DEVICE_STATUS
        assert message["data"] == f'{entry.payload[:-1]},"id":"{entry.id}"}}'
        assert entry.event == {
            "device": "test",
            "program": "entry-gate",
            "state": "out-of-service",
            "problem": NO_READER,
            "at": row(redis)["at"],
        }

    def test_a_restart_alone_is_none(self, device: Told, redis: Redis, settings: Settings) -> None:
        device.check()
        Told(redis, settings).check()
        assert len(statuses(redis)) == 1

    def test_a_stop_is_the_last_one(self, device: Told, redis: Redis) -> None:
        device.check()
        device.service_manager.report(NO_READER)
        device.pulse.stop()
        for _ in range(3):
            device.check(INTERVAL_S)
        assert statuses(redis) == [("test", "in-service", ""), ("test", "stopped", "")]
        assert (row(redis)["state"], "problem" in row(redis)) == ("stopped", False)

    def test_a_stop_that_comes_late_changes_nothing(self, device: Told, redis: Redis, settings: Settings) -> None:
        device.check()
        successor = Told(redis, settings)
        successor.check()
        device.pulse.stop()
        before = row(redis)
        device.check()
        assert row(redis) == before
        successor.check(INTERVAL_S)
        assert statuses(redis) == [("test", "in-service", "")]
        assert row(redis)["state"] == "in-service"

    def test_the_journal_is_trimmed(self, redis: Redis, settings: Settings) -> None:
        device = Told(redis, replace(settings, journal_length=10))
        for number in range(500):
            device.service_manager.report(str(number))
            device.check()
        assert redis.xlen(JOURNAL) < 300

    def test_full_memory_is_told(self, device: Told, redis: Redis) -> None:
        device.check()
        device.service_manager.report("no memory")
        redis.config_set("maxmemory", "1")
        try:
            with pytest.raises(ResponseError):
                device.check()
        finally:
            redis.config_set("maxmemory", "0")
        assert row(redis)["problem"] == "no memory"


class TestOneNameForTwo:
    def test_is_told_once_by_each_and_stands_in_the_row(
        self, redis: Redis, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        devices = [Told(redis, settings), Told(redis, settings)]
        devices[1].service_manager.report(NO_READER)
        for _ in range(4):
            for each in devices:
                each.check(INTERVAL_S)
        line = f"another device has this device's name: give each its own {PREFIX}DEVICE"
        assert [(each.levelno, each.message) for each in caplog.records] == 2 * [(logging.WARNING, line)]
        assert row(redis)["shared"] == row(redis)["at"]
        assert statuses(redis) == [("test", "in-service", ""), ("test", "out-of-service", NO_READER)]

    def test_is_not_what_a_restart_looks_like(
        self, redis: Redis, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(4):
            device = Told(redis, settings)
            for _ in range(3):
                device.check(INTERVAL_S)
        assert caplog.records == []
        assert "shared" not in row(redis)


class TestWithoutRights:
    @pytest.fixture
    def user(self, redis: Redis, settings: Settings) -> Iterator[Settings]:
        redis.execute_command("ACL", "SETUSER", "device", "reset", "on", ">secret", "~*", "&*", "+@all")
        yield replace(settings, redis_username="device", redis_password="secret")
        redis.execute_command("ACL", "DELUSER", "device")

    @pytest.mark.parametrize(
        ("missing", "named"),
        [
            ("-hget", "HGET transit-pass:devices"),
            ("-hset", "HSET transit-pass:devices"),
            ("-publish", "PUBLISH device-status"),
            ("resetchannels", "PUBLISH device-status"),
        ],
    )
    def test_a_device_goes_on_and_tells_it_once(
        self, redis: Redis, user: Settings, server: Any, missing: str, named: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        redis.execute_command("ACL", "SETUSER", "device", missing)
        with server.client(username="device", password="secret") as client:
            device = Told(client, user)
            for _ in range(3):
                device.clock.sleep(INTERVAL_S)
                scripts.check(client, [], 0, device.pulse)
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert record.message.startswith("no operator sees this device: Redis at ")
        assert record.message.endswith(f"may not {named}: check the rights of this device's user")
        assert not redis.exists(DEVICES, JOURNAL)

    def test_a_store_stays_in_service(
        self, redis: Redis, user: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(redis_link, "CHECK_INTERVAL_S", 0.02)
        redis.execute_command("ACL", "SETUSER", "device", "-hget")
        manager = RecordingServiceManager(FakeClock())
        with PassStore(user, TO_USE, pulse=Pulse("entry-gate", user, manager, FakeClock())) as store:
            wait_for(lambda: "no operator sees this device" in caplog.text)
            assert store.problem is None
            assert store.use("43405556992") is UseOutcome.NO_PASS

    def test_the_table_has_what_the_script_asks_for(self, redis: Redis, user: Settings, server: Any) -> None:
        commands = sorted({command[0].lower() for command in TO_PULSE})
        granted = ["+evalsha", "+script|load", *(f"+{command}" for command in commands), f"&{DEVICE_STATUS}"]
        redis.execute_command("ACL", "SETUSER", "device", "-@all", "resetchannels", *granted)
        with server.client(username="device", password="secret") as client:
            scripts.check(client, [], 0, Told(client, user).pulse)
        assert row(redis)["state"] == "in-service"

    def test_what_the_check_tells_is_not_told_again(
        self, device: Told, redis: Redis, caplog: pytest.LogCaptureFixture
    ) -> None:
        redis.config_set("min-replicas-to-write", "1")
        try:
            with pytest.raises(ResponseError, match="NOREPLICAS"):
                device.check()
        finally:
            redis.config_set("min-replicas-to-write", "0")
        device.check(1.0)
        assert caplog.records == []

    def test_a_key_of_another_type_is_told(self, device: Told, redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
        redis.set(DEVICES, "x")
        device.check()
        assert "WRONGTYPE" in caplog.text


class TestRoundTrips:
    def test_none_is_added(self, device: Told, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        device.check()
        connection: Any = redis.connection_pool.get_connection()
        redis.connection_pool.release(connection)
        send = Mock(wraps=connection.send_packed_command)
        monkeypatch.setattr(connection, "send_packed_command", send)
        device.check(INTERVAL_S)
        assert send.call_count == 1

    def test_a_server_that_has_lost_the_script_gets_it_again(self, device: Told, redis: Redis) -> None:
        device.check()
        redis.script_flush()
        redis.delete(DEVICES)
        device.check(INTERVAL_S)
        assert redis.exists(DEVICES)


class TestStore:
    """The pulse of a device that is connected."""

    @pytest.fixture
    def service_manager(self, monkeypatch: pytest.MonkeyPatch) -> RecordingServiceManager:
        monkeypatch.setattr(redis_link, "CHECK_INTERVAL_S", 0.02)
        service_manager = RecordingServiceManager(FakeClock())
        service_manager.report(None)
        return service_manager

    def store(self, settings: Settings, service_manager: RecordingServiceManager) -> PassStore:
        pulse = Pulse("entry-gate", settings, service_manager, FakeClock())
        return PassStore(settings, [*TO_USE, *TO_SELL], pulse=pulse)

    def test_tells_what_the_service_manager_is_told(
        self, redis: Redis, settings: Settings, service_manager: RecordingServiceManager
    ) -> None:
        with self.store(settings, service_manager):
            wait_for(lambda: statuses(redis))
            service_manager.report(NO_READER)
            wait_for(lambda: len(statuses(redis)) > 1)
        assert statuses(redis) == [("test", "in-service", ""), ("test", "out-of-service", NO_READER)]

    def test_tells_a_stop_by_a_signal_and_no_other_end(
        self, redis: Redis, settings: Settings, service_manager: RecordingServiceManager
    ) -> None:
        for reason in (RuntimeError, SystemExit):
            store = self.store(settings, service_manager)
            wait_for(lambda: store.problem is None and statuses(redis))  # noqa: B023
            store.__exit__(reason)
        assert statuses(redis) == [("test", "in-service", ""), ("test", "stopped", "")]

    def test_tells_why_the_server_refuses_but_not_that_it_was_away(
        self, redis: Redis, settings: Settings, service_manager: RecordingServiceManager
    ) -> None:
        away = [ConnectionError("away")]

        class Store(PassStore):
            def _check(self, redis: Redis, has_answered: bool) -> None:
                if away:
                    raise away[0]
                super()._check(redis, has_answered)
                if refusal:
                    raise refusal[0]

        refusal = [ReadOnlyError("READONLY")]
        pulse = Pulse("entry-gate", settings, service_manager, FakeClock())
        with Store(settings, TO_USE, pulse=pulse) as store:
            wait_for(lambda: "away" in (store.problem or ""))
            service_manager.report("no connection")
            away.clear()
            wait_for(lambda: "replica" in (store.problem or ""))
            service_manager.report("a replica")
            wait_for(lambda: statuses(redis))
            refusal.clear()
            wait_for(lambda: store.problem is None)
            service_manager.report(None)
            wait_for(lambda: len(statuses(redis)) > 1)
        assert statuses(redis)[0] == ("test", "out-of-service", "a replica")
        assert statuses(redis)[-1] == ("test", "in-service", "")

    def test_a_busy_gate_has_one_too(
        self, redis: Redis, settings: Settings, service_manager: RecordingServiceManager
    ) -> None:
        clock = FakeClock()
        with PassStore(settings, TO_SELL, pulse=Pulse("entry-gate", settings, service_manager, clock)) as store:
            wait_for(lambda: statuses(redis))
            redis.delete(DEVICES)
            store.look("7")
            clock.sleep(INTERVAL_S)

            def tap() -> bool:
                store.look("7")
                return bool(redis.exists(DEVICES))

            wait_for(tap, interval_s=0.0)
        assert "lastTap" in row(redis)
