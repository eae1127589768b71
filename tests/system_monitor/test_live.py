"""Following a real server over a real subscription."""

import io
import re
import socketserver
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from common.keys import DEVICE_STATUS
from common.pass_store import PassStore
from common.passes import PassType
from common.rendering import PLAIN, Renderer
from common.rights import TO_SELL, TO_USE
from common.settings import Settings
from simulator.server import Server
from system_monitor.history import Selection
from system_monitor.monitor import LONGEST_RETRY_S, Monitor
from system_monitor.redis_source import RedisSource
from system_monitor.terminal import Terminal
from tests.fake_clock import FakeClock
from tests.in_process import RecordingServiceManager
from tests.system_monitor.pieces import Pieces
from tests.system_monitor.watching import Ended, Watch, published
from tests.troubles import node_of_a_cluster

CARD = "43405556992"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@pytest.fixture
def store(settings: Settings) -> Iterator[PassStore]:
    store = PassStore(settings, needs=[*TO_USE, *TO_SELL])
    yield store
    store.close()


def test_each_event_is_shown_once_as_published(settings: Settings, redis: Redis, store: PassStore) -> None:
    store.use("1")
    with Watch(settings, redis) as watch:
        store.issue(store.new_request(CARD), PassType.TWO_HOUR)
        store.use(CARD)
        store.issue(store.new_request("2"), PassType.TEN_TRIP)
        store.use("2")
        assert watch.wait_for_output(6) == published(redis)


def test_only_the_selected_card_is_shown(settings: Settings, redis: Redis, store: PassStore) -> None:
    with Watch(settings, redis, selection=Selection(card="2")) as watch:
        for card in ("1", "2", "3", "2"):
            store.use(card)
        assert watch.wait_for_output(2) == published(redis)[1::2]


def test_a_device_tells_its_state(settings: Settings, redis: Redis) -> None:
    payload = '{"device":"gate-2","program":"entry-gate","state":"out-of-service","problem":"no reader","at":7}'
    with Watch(settings, redis, as_json=False) as watch:
        redis.publish(DEVICE_STATUS, payload)
        assert watch.wait_for_output(1)[0].endswith("  gate-2    out of service: no reader")


def test_what_is_selected_is_shown_as_it_happens(settings: Settings, redis: Redis, store: PassStore) -> None:
    selection = Selection(devices=frozenset({"test"}), kinds=frozenset({"pass-issued"}))
    with Watch(settings, redis, selection=selection) as watch:
        redis.publish("pass-issued:TEN_TRIP", '{"device":"another"}')
        store.use("2")
        store.issue(store.new_request("2"), PassType.TEN_TRIP)
        assert watch.wait_for_output(1) == published(redis)[1:]


def test_what_happens_while_it_starts_is_shown_once(settings: Settings, redis: Redis, store: PassStore) -> None:
    is_started = threading.Event()

    def ride() -> None:
        while not is_started.is_set():
            store.use(CARD)

    riders = threading.Thread(target=ride)
    riders.start()
    with Watch(settings, redis, selection=Selection(last=1_000_000)) as watch:
        is_started.set()
        riders.join()
        assert watch.wait_for_output(len(published(redis))) == published(redis)


def test_nothing_is_lost_when_its_connection_is_killed(settings: Settings, redis: Redis, store: PassStore) -> None:
    with Watch(settings, redis) as watch:
        for kills in range(1, 6):
            store.use("before")
            redis.client_kill_filter(_type="pubsub")
            store.use("after")
            watch.wait_for_notice("connected again", times=kills)
        assert watch.wait_for_output(10) == published(redis)


def test_events_of_the_original_system(settings: Settings, redis: Redis) -> None:
    with Watch(settings, redis, as_json=False) as watch:
        payload = '{"cardSerialNumber":"7","pass":{"passType":"TEN_TRIP","tripsRemaining":10}}'
        redis.publish("pass-issued:TEN_TRIP", payload)
        (line,) = watch.wait_for_output(1)
    assert re.fullmatch(r"\d\d:\d\d:\d\d  - {20}card 7  issued ten trip", line)


def test_invalid_messages_neither_stop_it_nor_reach_the_terminal(settings: Settings, redis: Redis) -> None:
    garbage: list[tuple[str, bytes | str]] = [
        ("pass-used:\x1b]0;owned\x07", '{"cardSerialNumber":"\\u001b[2J"}'),
        ("pass-used:TEN_TRIP", b"\xff\xfe\x00\x1b[31m"),
        ("pass-used:TEN_TRIP", "[" * 100_000),
        ("pass-used:TEN_TRIP", "9" * 10_000),
        ("pass-used:TEN_TRIP", '{"remainingTrips":' + "9" * 4000 + "}"),
        ("pass-used:TWO_HOUR", '{"remainingTime":1e400,"at":1e400,"id":5,"device":{"a":[]},"pass":[]}'),
        ("pass-denied", '{"reason":"\\u009b31m\\u202e","cardSerialNumber":["\\u001b"],"at":-1e18}'),
        ("pass-denied", '{"id":"99999999999999999999-0","cardSerialNumber":"forged"}'),
        ("pass-\x1b[2J", "{}"),
        ("pass-", "null"),
        ("pass-\n\r", '"text"'),
    ]
    with Watch(settings, redis, as_json=False) as watch:
        for channel, payload in garbage:
            redis.publish(channel, payload)
        watch.wait_for_output(len(garbage))
        watch.summarize()
        assert len(watch.output) == len(garbage)
        assert not [line for line in watch.output + watch.notices if CONTROL.search(line)]
        assert watch.notices == ["11 events shown: 2 denied, 5 malformed, 1 other, 3 used"]


def permit(redis: Redis, *commands: str, channels: Sequence[str] = ()) -> None:
    redis.acl_setuser(
        "watcher", enabled=True, passwords="+secret", commands=commands, keys=["*"], channels=channels, reset=True
    )


def test_missing_rights_are_named(settings: Settings, redis: Redis) -> None:
    permit(redis, "+@all", "-xinfo", "-xrange")
    try:
        with Watch(replace(settings, redis_username="watcher", redis_password="secret"), redis) as watch:
            notice = watch.wait_for_notice("cannot reach Redis yet")
            permit(redis, "+@all", channels=["*"])
            watch.wait_for_notice("connected")
    finally:
        redis.acl_deluser("watcher")
    assert "XRANGE transit-pass:events, XINFO STREAM, PSUBSCRIBE pass-* device-status: check the rights" in notice


class Naps(FakeClock):
    """A clock that records the sleeps, and ends the program after a while."""

    def __init__(self, until: float) -> None:
        super().__init__()
        self.sleeps: list[float] = []
        self.at(until, self._end)

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        super().sleep(seconds)

    def _end(self) -> None:
        raise Ended


def replica_without_its_primary(program: Path, folder: Path) -> Server:
    return Server(program, folder, "--replica-serve-stale-data", "no", "--replicaof", "127.0.0.1", "1")


@pytest.mark.process
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (replica_without_its_primary, "is a replica that has lost its primary"),
        (node_of_a_cluster, "is a node of a cluster"),
    ],
)
def test_a_server_that_cannot_be_read_is_told_once(
    server_program: Path, tmp_path: Path, make: Callable[[Path, Path], Server], reason: str
) -> None:
    clock, errors = Naps(until=60), io.StringIO()
    terminal = Terminal(Renderer(PLAIN), True, io.StringIO(), errors)
    with make(server_program, tmp_path) as server:
        source = RedisSource(Settings("test", redis_port=server.port))
        monitor = Monitor(source, Selection(), terminal, clock, RecordingServiceManager(clock))
        with pytest.raises(Ended):
            monitor.follow()
    assert [reason in notice for notice in errors.getvalue().splitlines()] == [True]
    assert clock.sleeps[:7] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_RETRY_S]


class Answering(socketserver.BaseRequestHandler):
    """Answers everything with the same bytes."""

    reply = b""

    def handle(self) -> None:
        with suppress(OSError):
            while self.request.recv(65536):
                self.request.sendall(self.reply)


@contextmanager
def answering(reply: bytes) -> Iterator[int]:
    """Yield the port of a server that answers everything with this."""
    handler = type("Handler", (Answering,), {"reply": reply})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "reply",
    [b":abc\r\n", b"$x\r\n", b"*1\r\n" * 50_000 + b":1\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b":5\r\n", b"-\r\n"],
    ids=lambda reply: reply[:8],
)
@pytest.mark.parametrize("password", [None, "secret"])
def test_a_server_that_is_no_redis_is_told_once(reply: bytes, password: str | None) -> None:
    clock, errors = Naps(until=60), io.StringIO()
    terminal = Terminal(Renderer(PLAIN), True, io.StringIO(), errors)
    with answering(reply) as port:
        source = RedisSource(Settings("test", redis_port=port, redis_password=password))
        monitor = Monitor(source, Selection(), terminal, clock, RecordingServiceManager(clock))
        with pytest.raises(Ended):
            monitor.follow()
    assert len(errors.getvalue().splitlines()) == 1
    assert errors.getvalue().startswith("system-monitor: cannot reach Redis yet: ")


def test_a_burst_in_pieces(settings: Settings, redis: Redis) -> None:
    with Pieces(settings.redis_port) as proxy, Watch(replace(settings, redis_port=proxy.port), redis) as watch:
        texts = [f'{{"cardSerialNumber":"{number}"}}' for number in range(300)]
        for text in texts:
            redis.publish("pass-denied", text)
        assert watch.wait_for_output(len(texts)) == texts
        assert watch.notices == []


def test_a_wrong_password_is_reported(settings: Settings, redis: Redis) -> None:
    with Watch(replace(settings, redis_password="wrong"), redis) as watch:
        notice = watch.wait_for_notice("cannot reach Redis yet")
    assert "refuses the login: check TRANSIT_PASS_DEMO_REDIS_USERNAME" in notice
