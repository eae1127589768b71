"""The monitor as a process, against a real server."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from common.keys import JOURNAL
from common.pass_store import PassStore, new_id
from common.passes import PassType
from common.rights import TO_SELL, TO_USE
from common.settings import Settings
from simulator.fault_proxy import Cut, Direction, FaultProxy
from simulator.server import Server
from system_monitor.journal import BATCH
from tests.processes import REPOSITORY, Program, wait_for

CARD = "43405556992"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
PORT = "TRANSIT_PASS_DEMO_REDIS_PORT"


@pytest.fixture
def store(settings: Settings) -> Iterator[PassStore]:
    store = PassStore(settings, needs=[*TO_USE, *TO_SELL])
    yield store
    store.close()


def monitor(server: Server, *options: str) -> Program:
    return Program("system_monitor", *options, environment={PORT: str(server.port)})


def follow(server: Server, redis: Redis, *options: str) -> Program:
    """Start a monitor and wait until it is subscribed."""
    program = monitor(server, *options)
    wait_for(lambda: redis.pubsub_numpat() == 1)
    return program


def at(proxy: FaultProxy) -> dict[str, str]:
    return {PORT: str(proxy.port)}


def a_days_events(store: PassStore) -> None:
    store.issue(CARD, PassType.TWO_HOUR, new_id())
    store.use(CARD, new_id())
    store.issue("2", PassType.TEN_TRIP, new_id())
    store.use("2", new_id())
    store.use("3", new_id())


def payloads(redis: Redis) -> list[str]:
    return [fields["payload"] for _, fields in redis.xrange(JOURNAL)]


class TestHistory:
    def test_lines(self, server: Server, store: PassStore) -> None:
        a_days_events(store)
        program = monitor(server, "--no-follow")
        assert program.end() == 0
        assert program.errors == []
        for line, sentence in zip(
            program.output,
            [
                f"card {CARD} was issued a two hour pass",
                f"card {CARD} activated its two hour pass, 2 h 00 min left",
                f"card {CARD} used its two hour pass for a journey, 2 h 00 min left",
                "card 2 was issued a ten trip pass",
                "card 2 used its ten trip pass for a journey, 9 trips left",
                "card 3 was denied: it holds no pass",
            ],
            strict=True,
        ):
            assert re.fullmatch(rf"\d\d:\d\d:\d\d  test +{sentence}", line)

    def test_colors(self, server: Server, store: PassStore) -> None:
        a_days_events(store)
        program = monitor(server, "--no-follow", "--color", "always")
        program.end()
        colors = [re.findall(r"\x1b\[(3\d)m", line) for line in program.output]
        assert colors == [["33"], ["35"], ["34", "33"], ["33"], ["34", "33"], ["31"]]

    def test_last(self, server: Server, store: PassStore, redis: Redis) -> None:
        a_days_events(store)
        for count, shown in [("2", 2), ("0", 0), ("99", 6)]:
            program = monitor(server, "--no-follow", "--json", "-n", count)
            program.end()
            assert program.output == payloads(redis)[6 - shown :]

    def test_ten_are_the_default(self, server: Server, store: PassStore, redis: Redis) -> None:
        for _ in range(15):
            store.use(CARD, new_id())
        program = monitor(server, "--no-follow", "--json")
        program.end()
        assert program.output == payloads(redis)[5:]

    def test_card(self, server: Server, store: PassStore) -> None:
        a_days_events(store)
        program = monitor(server, "--no-follow", "--json", "--card", "2", "-n", "1")
        program.end()
        (line,) = program.output
        assert json.loads(line)["remainingTrips"] == 9

    def test_since(self, server: Server, store: PassStore, redis: Redis) -> None:
        redis.xadd(JOURNAL, {"channel": "pass-denied", "payload": '{"cardSerialNumber":"old"}'}, id="1700000000000-0")
        a_days_events(store)
        for since, shown in [("2h", 6), ("2023-11-14 00:00", 7), ("1970-01-01", 7), ("2023-11-16T00:00:00+00:00", 6)]:
            program = monitor(server, "--no-follow", "--json", "--since", since)
            program.end()
            assert len(program.output) == shown, since

    def test_since_before_the_journal_begins(self, server: Server, store: PassStore, redis: Redis) -> None:
        a_days_events(store)
        redis.xtrim(JOURNAL, maxlen=3, approximate=False)
        program = monitor(server, "--no-follow", "--since", "2h")
        program.end()
        assert len(program.output) == 3
        assert "the journal reaches back only to" in program.errors[0]

    @pytest.mark.parametrize("options", [["--since", "soon"], ["-n", "-3"], ["-n", "x"], ["--since", "99999999d"]])
    def test_bad_option(self, server: Server, options: list[str]) -> None:
        program = monitor(server, *options)
        assert program.end() == 2
        assert "expected" in program.errors[-1]

    def test_without_redis(self) -> None:
        program = Program("system_monitor", "--no-follow", environment={PORT: "1"})
        assert program.end() == 1
        (line,) = program.errors
        assert "no connection to Redis at 127.0.0.1:1" in line


class TestLive:
    def test_shows_each_event_once_as_published(self, server: Server, store: PassStore, redis: Redis) -> None:
        store.use("1", new_id())
        with follow(server, redis, "--json") as program:
            a_days_events(store)
            wait_for(lambda: len(program.output) == 7)
            assert program.stop(signal.SIGINT) == 0
        assert program.output == payloads(redis)

    def test_summary(self, server: Server, store: PassStore, redis: Redis) -> None:
        with follow(server, redis) as program:
            a_days_events(store)
            wait_for(lambda: len(program.output) == 6)
            program.stop(signal.SIGINT)
        assert program.errors[-1].endswith("6 events shown: 1 activated, 1 denied, 2 issued, 2 used")

    def test_events_of_the_original_system(self, server: Server, redis: Redis) -> None:
        with follow(server, redis) as program:
            redis.publish(
                "pass-issued:TEN_TRIP",
                '{"cardSerialNumber":"7","pass":{"passType":"TEN_TRIP","tripsRemaining":10}}',
            )
            assert program.wait_for_output("was issued").endswith(
                "-                     card 7 was issued a ten trip pass"
            )

    def test_garbage_neither_stops_it_nor_reaches_the_terminal(self, server: Server, redis: Redis) -> None:
        garbage: list[tuple[str, bytes | str]] = [
            ("pass-used:\x1b]0;owned\x07", '{"cardSerialNumber":"\\u001b[2J"}'),
            ("pass-used:TEN_TRIP", b"\xff\xfe\x00\x1b[31m"),
            ("pass-used:TEN_TRIP", "[" * 100_000),
            ("pass-used:TEN_TRIP", "9" * 10_000),
            ("pass-used:TEN_TRIP", '{"remainingTrips":' + "9" * 4000 + "}"),
            ("pass-used:TWO_HOUR", '{"remainingTime":1e400,"at":1e400,"id":5,"device":{"a":[]},"pass":[]}'),
            ("pass-denied", '{"reason":"\\u009b31m\\u202e","cardSerialNumber":["\\u001b"],"at":-1e18}'),
            ("pass-denied", '{"id":"99999999999999999999-0","cardSerialNumber":"forged"}'),
            ("pass-", "null"),
            ("pass-\n\r", '"text"'),
        ]
        with follow(server, redis) as program:
            for channel, payload in garbage:
                redis.publish(channel, payload)
            redis.publish("pass-denied", '{"reason":"no-pass","cardSerialNumber":"last"}')
            program.wait_for_output("card last was denied")
            program.stop()
        assert len(program.output) == len(garbage) + 1
        assert not [line for line in program.output + program.errors if CONTROL.search(line)]
        assert not [line for line in program.errors if "Traceback" in line]

    def test_json_stays_one_harmless_object_a_line(self, server: Server, redis: Redis) -> None:
        with follow(server, redis, "--json") as program:
            redis.publish("pass-denied", '{\n"cardSerialNumber":"\x9b\x7f"}')
            redis.publish("pass-denied", "nonsense")
            redis.publish("pass-denied", '{"cardSerialNumber":"ü"}')
            program.wait_for_output("ü")
        assert program.output == ['{"cardSerialNumber":"\\u009b\\u007f"}', '{"cardSerialNumber":"ü"}']

    def test_a_forged_id_hides_nothing(self, server: Server, store: PassStore, redis: Redis) -> None:
        with follow(server, redis, "--json") as program:
            redis.publish("pass-denied", '{"id":"99999999999999-0"}')
            program.wait_for_output("99999999999999-0")
            store.use("1", new_id())
            redis.client_kill_filter(_type="pubsub")
            program.wait_for_error("connected again")
            store.use("2", new_id())
            wait_for(lambda: len(program.output) >= 3)
        assert program.output[1:] == payloads(redis)

    def test_closed_pipe_ends_it_quietly(self, server: Server, store: PassStore) -> None:
        a_days_events(store)
        command = f"{sys.executable} -m system_monitor --no-follow -n 6 | head -n 1"
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=REPOSITORY,
            env={**os.environ, PORT: str(server.port)},
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert done.stdout.count(b"\n") == 1
        assert done.stderr == b""


class TestCatchUp:
    def test_what_happens_while_it_starts_is_shown_once(self, server: Server, store: PassStore, redis: Redis) -> None:
        is_started = threading.Event()

        def ride() -> None:
            while not is_started.is_set():
                store.use(CARD, new_id())

        for _ in range(5):
            is_started.clear()
            riders = threading.Thread(target=ride)
            riders.start()
            with follow(server, redis, "--json", "-n", "1000000") as program:
                is_started.set()
                riders.join()
                wait_for(lambda program=program: len(program.output) >= redis.xlen(JOURNAL))
            assert program.output == payloads(redis)

    def test_after_a_killed_connection(self, server: Server, store: PassStore, redis: Redis) -> None:
        with follow(server, redis, "--json") as program:
            for _ in range(10):
                connected = program.errors.count("system-monitor: connected again")
                for _ in range(5):
                    store.use(CARD, new_id())
                redis.client_kill_filter(_type="pubsub")
                store.use(CARD, new_id())
                program.wait_for_more_errors("connected again", than=connected)
            wait_for(lambda: len(program.output) == 60)
        assert program.output == payloads(redis)
        assert any("recovered" in line for line in program.errors)

    def test_a_catch_up_that_is_broken_off_goes_on_where_it_was(
        self, server: Server, store: PassStore, redis: Redis
    ) -> None:
        with FaultProxy(server.port) as proxy, Program("system_monitor", "--json", environment=at(proxy)) as program:
            wait_for(lambda: redis.pubsub_numpat() == 1)
            redis.publish("pass-denied", '{"cardSerialNumber":"first"}')
            program.wait_for_output("first")
            store.use(CARD, new_id())
            wait_for(lambda: len(program.output) == 2)
            proxy.refuse()
            for _ in range(BATCH + 100):
                store.use(CARD, new_id())
            end_of_first_batch, _ = redis.xrange(JOURNAL)[BATCH]
            proxy.cut(Cut(f"({end_of_first_batch}".encode(), Direction.REQUEST))
            proxy.accept()
            wait_for(lambda: len(program.output) >= BATCH + 102)
            program.wait_for_error("connected again")
            assert proxy.cuts_made == 1
            redis.publish("pass-denied", '{"cardSerialNumber":"last"}')
            program.wait_for_output("last")
        assert program.output[1:-1] == payloads(redis)

    def test_an_entry_that_is_gone_is_no_reason_to_begin_anew(
        self, server: Server, store: PassStore, redis: Redis
    ) -> None:
        for _ in range(3):
            store.use(CARD, new_id())
        with follow(server, redis, "--json") as program:
            wait_for(lambda: len(program.output) == 3)
            redis.xdel(JOURNAL, redis.xrevrange(JOURNAL, count=1)[0][0])  # as a primary that is lost takes it along
            redis.client_kill_filter(_type="pubsub")
            program.wait_for_error("connected again")
            store.use("2", new_id())
            wait_for(lambda: '"2"' in program.output[-1])
        assert len(program.output) == 4

    def test_after_a_restart_of_the_server(self, server_program: Path, tmp_path: Path) -> None:
        with Server(server_program, tmp_path, "--appendonly", "yes") as server, server.client() as redis:
            settings = Settings("test", redis_port=server.port)
            with follow(server, redis, "--json") as program:
                for _ in range(2):
                    store = PassStore(settings, needs=TO_USE)
                    for _ in range(5):
                        store.use(CARD, new_id())
                    store.close()
                    server.stop()
                    program.wait_for_error("connection lost")
                    server.start()
                    wait_for(lambda: redis.pubsub_numpat() == 1)
                wait_for(lambda: len(program.output) == 10)
                assert program.output == payloads(redis)

    def test_says_so_when_the_journal_was_trimmed(self, server: Server, store: PassStore, redis: Redis) -> None:
        with follow(server, redis, "--json") as program:
            store.use("1", new_id())
            wait_for(lambda: len(program.output) == 1)
            program.process.send_signal(signal.SIGSTOP)
            redis.client_kill_filter(_type="pubsub")
            for _ in range(5):
                store.use("2", new_id())
            redis.xtrim(JOURNAL, maxlen=2, approximate=False)
            program.process.send_signal(signal.SIGCONT)
            program.wait_for_error("some events may be missing")
            wait_for(lambda: len(program.output) == 3)
        assert program.output[1:] == payloads(redis)

    def test_waits_for_redis_at_start(self, server_program: Path, tmp_path: Path) -> None:
        server = Server(server_program, tmp_path)
        with monitor(server) as program:
            program.wait_for_error("connection lost: no connection to Redis")
            with server, server.client() as redis:
                wait_for(lambda: redis.pubsub_numpat() == 1)
                redis.publish("pass-denied", '{"cardSerialNumber":"1","reason":"no-pass"}')
                program.wait_for_output("card 1 was denied")

    def test_missing_rights_are_named(self, server: Server, redis: Redis) -> None:
        redis.execute_command("ACL", "SETUSER", "watcher", "reset", "on", ">secret", "~*", "+@all", "-xinfo", "-xrange")
        environment = {
            PORT: str(server.port),
            "TRANSIT_PASS_DEMO_REDIS_USERNAME": "watcher",
            "TRANSIT_PASS_DEMO_REDIS_PASSWORD": "secret",
        }
        try:
            with Program("system_monitor", environment=environment) as program:
                line = program.wait_for_error("connection lost")
                assert (
                    "missing are XRANGE transit-pass:events, XINFO STREAM, PSUBSCRIBE pass-*: check the rights" in line
                )
                redis.execute_command("ACL", "SETUSER", "watcher", "+@all", "allchannels")
                program.wait_for_error("connected again")
        finally:
            redis.execute_command("ACL", "DELUSER", "watcher")

    def test_wrong_password(self, server: Server) -> None:
        environment = {PORT: str(server.port), "TRANSIT_PASS_DEMO_REDIS_PASSWORD": "wrong"}
        with Program("system_monitor", environment=environment) as program:
            program.wait_for_error("refuses the login: check TRANSIT_PASS_DEMO_REDIS_USERNAME")
