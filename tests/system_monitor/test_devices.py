"""The devices, as the monitor watches and shows them."""

import io
import json
import signal
import socket
from typing import Any

import pytest
from redis import Redis

from common.devices import Device, Devices, State, read_devices
from common.keys import DEVICES
from common.rendering import PLAIN, Renderer
from common.settings import PREFIX, Settings
from simulator.server import Server
from simulator.virtual_pi.station import VirtualPi
from system_monitor.device_view import DeviceView
from system_monitor.device_watch import DeviceWatch
from system_monitor.redis_source import RedisSource
from system_monitor.terminal import Terminal
from tests.fake_clock import FakeClock
from tests.in_process import TimeIsUp
from tests.journal import statuses
from tests.processes import Program, wait_for
from tests.rider import RED, YELLOW, wait_for_lights
from tests.system_monitor.watching import ScriptedWatch
from tests.systemd import Systemd

START_MS = 1_795_556_648_000
HOST = f"system-monitor-{socket.gethostname()}"


def row(at_s: int, state: str = "in-service", **fields: object) -> str:
    at_ms = START_MS + at_s * 1000
    return json.dumps({"program": "entry-gate", "version": "1", "state": state, "since": at_ms, "at": at_ms} | fields)


class TimedSource(RedisSource):
    """The rows that the test has written, at the test's time of Redis's clock, in seconds from its start."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.now_s = 0
        self.rows: dict[str, str] = {}

    def devices(self, own_row: tuple[str, str] | None = None) -> Devices:
        now_ms = START_MS + self.now_s * 1000
        return Devices(now_ms, [Device.parse(name, text, now_ms) for name, text in self.rows.items()], [])


class TestSilence:
    @pytest.fixture
    def source(self, settings: Settings) -> TimedSource:
        return TimedSource(settings)

    def watched(self, source: TimedSource, until_s: int) -> list[str]:
        """Look every three seconds; return what was told, each with its time."""
        told: list[str] = []
        watch = DeviceWatch(source, lambda text: told.append(f"{source.now_s} {text}"), None)
        for source.now_s in range(0, until_s, 3):
            watch.look()
        return told

    def test_is_told_once_and_so_is_its_end(self, source: TimedSource) -> None:
        told: list[str] = []
        watch = DeviceWatch(source, lambda text: told.append(f"{source.now_s} {text}"), None)
        for second in range(0, 60, 3):
            source.now_s = second
            source.rows["gate-1"] = row(second)
            source.rows["gate-2"] = row(second if second < 6 or second > 40 else 3)
            watch.look()
        assert told == ["21 gate-2 has been silent for 18 s", "42 gate-2 is back"]

    def test_that_began_before_the_monitor_is_told_when_a_living_device_would_have_spoken(
        self, source: TimedSource
    ) -> None:
        source.rows = {"gate-2": row(-7200), "gate-3": row(-102), "gate-4": row(-300_000)}
        assert self.watched(source, 30) == [
            "18 gate-2 has been silent for 2 h",
            "18 gate-3 has been silent for 2 min",
            "18 gate-4 has been silent for 3 days",
        ]

    def test_of_a_stopped_device_is_none(self, source: TimedSource) -> None:
        source.rows = {"gate-2": row(0, "stopped")}
        assert self.watched(source, 60) == []

    def test_that_a_stop_ends_is_no_return(self, source: TimedSource) -> None:
        told: list[str] = []
        watch = DeviceWatch(source, told.append, None)
        source.rows = {"gate-2": row(0)}
        for source.now_s in (0, 20):
            watch.look()
        source.rows = {"gate-2": row(20, "stopped")}
        watch.look()
        assert told == ["gate-2 has been silent for 20 s"]

    def test_is_not_told_of_all_when_it_was_the_server_that_was_away(self, source: TimedSource) -> None:
        told: list[str] = []
        watch = DeviceWatch(source, told.append, None)
        source.rows = {"gate-1": row(0), "gate-2": row(0)}
        watch.look()
        source.now_s = 600
        watch.begin()
        watch.look()
        source.rows["gate-1"] = row(604)
        source.now_s = 616
        watch.look()
        assert told == ["gate-2 has been silent for 10 min"]

    def test_a_forgotten_device_is_forgotten(self, source: TimedSource) -> None:
        told: list[str] = []
        watch = DeviceWatch(source, told.append, None)
        source.rows = {"gate-2": row(-60)}
        for source.now_s in (0, 16):
            watch.look()
        source.rows = {}
        watch.look()
        source.rows = {"gate-2": row(16)}
        watch.look()
        assert told == ["gate-2 has been silent for 76 s"]

    def test_a_name_is_printed_safely(self, source: TimedSource) -> None:
        source.rows = {"\x1b[2J": row(-60)}
        assert self.watched(source, 20) == ["18 \\x1b[2J has been silent for 78 s"]


class TestWatch:
    """On a real server."""

    def test_the_monitor_looks_and_has_a_row_of_its_own(self, redis: Redis, settings: Settings) -> None:
        told: list[str] = []
        watch = DeviceWatch(RedisSource(settings), told.append, "monitor-1")
        watch.begin()
        watch.look()
        watch.look()
        (own,) = read_devices(redis).known
        assert (own.name, own.program, own.state) == ("monitor-1", "system-monitor", State.IN_SERVICE)
        watch.stop()
        assert read_devices(redis).known[0].state is State.STOPPED
        assert told == []
        assert statuses(redis) == []

    def test_without_a_name_it_writes_nothing(self, redis: Redis, settings: Settings) -> None:
        watch = DeviceWatch(RedisSource(settings), lambda _: None, None)
        watch.look()
        watch.look()
        watch.stop()
        assert not redis.exists(DEVICES)

    @pytest.mark.parametrize("taken", ["-hset", "-hgetall"])
    def test_a_right_that_is_missing_is_told_once(
        self, server: Server, redis: Redis, settings: Settings, taken: str
    ) -> None:
        redis.acl_log_reset()
        redis.execute_command("ACL", "SETUSER", "it", "reset", "on", ">secret", "~*", "&*", "+@all", taken)
        told: list[str] = []
        user = Settings("it", redis_port=settings.redis_port, redis_username="it", redis_password="secret")
        watch = DeviceWatch(RedisSource(user), told.append, "monitor-1")
        for _ in range(4):
            watch.look()
        refused: Any = redis.acl_log()
        redis.execute_command("ACL", "DELUSER", "it")
        assert sum(int(each["count"]) for each in refused) == 1
        (notice,) = told
        assert notice.startswith("the devices cannot be watched, or this monitor not be seen: Redis at 127.0.0.1:")

    def test_a_monitor_that_follows_looks_every_three_seconds(self, redis: Redis, settings: Settings) -> None:
        redis.set(DEVICES, "no hash")
        watch = ScriptedWatch(settings)
        watch.run(until=2.9)
        assert watch.notices == []
        watch.run(until=8.0)
        (notice,) = watch.notices
        assert "WRONGTYPE" in notice


class TestView:
    @pytest.fixture(autouse=True)
    def _size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LINES", "6")

    def view(self, settings: Settings, *, is_screen: bool = False, as_json: bool = False) -> DeviceView:
        self.output, self.errors, self.clock = io.StringIO(), io.StringIO(), FakeClock()
        terminal = Terminal(Renderer(PLAIN), False, self.output, self.errors)
        return DeviceView(RedisSource(settings), terminal, self.clock, as_json, is_screen)

    def put(self, redis: Redis, name: str, **fields: Any) -> None:
        now_ms = redis.time()[0] * 1000
        redis.hset(DEVICES, name, row(0, **({"since": now_ms, "at": now_ms} | fields)))

    def test_shows_again_what_has_changed(self, redis: Redis, settings: Settings) -> None:
        view = self.view(settings)
        self.put(redis, "gate-1")
        self.put(redis, "gate-2")
        view.show()
        self.put(redis, "gate-1", lastTap=1)
        self.put(redis, "gate-2", state="out-of-service", problem="no reader")
        view.show()
        redis.hset(DEVICES, "gate-3", "\x1b")
        view.show()
        words = [line.split()[0] for line in self.output.getvalue().splitlines()]
        assert words == ["DEVICE", "gate-1", "gate-2", "gate-2", "gate-3:"]

    def test_json_has_an_object_for_each_change(self, redis: Redis, settings: Settings) -> None:
        view = self.view(settings, as_json=True, is_screen=True)
        self.put(redis, "gate-1")
        view.show()
        view.show()
        (line,) = self.output.getvalue().splitlines()
        assert json.loads(line)["device"] == "gate-1"

    def test_a_screen_is_rewritten_and_never_overfilled(self, redis: Redis, settings: Settings) -> None:
        view = self.view(settings, is_screen=True)
        for number in range(20):
            self.put(redis, f"gate-{number}")
        view.show()
        first, second, *_ = self.output.getvalue().split("\n")
        assert first == "\x1b[H20 devices: 20 in service\x1b[K"
        assert second.startswith("DEVICE")
        assert second.endswith("\x1b[K")
        assert self.output.getvalue().endswith("\x1b[J")
        assert self.output.getvalue().count("\n") == 5

    def test_follows_and_tells_once_that_redis_is_away(self, redis: Redis, settings: Settings) -> None:
        view = self.view(settings)
        self.put(redis, "gate-1")
        here = view._source

        def go_away() -> None:
            view._source = RedisSource(Settings("it", redis_port=1))

        def come_back() -> None:
            view._source = here
            self.put(redis, "gate-2")

        self.clock.at(3.0, go_away)
        self.clock.at(9.0, come_back)

        def end() -> None:
            raise TimeIsUp

        self.clock.at(15.0, end)
        with pytest.raises(TimeIsUp):
            view.follow()
        assert self.errors.getvalue().count("no connection to Redis at 127.0.0.1:1") == 1
        assert [line.split()[0] for line in self.output.getvalue().splitlines()] == ["DEVICE", "gate-1", "gate-2"]


def told(redis: Redis, name: str) -> str:
    return next((str(each.state) for each in read_devices(redis).known if each.name == name), "")


@pytest.mark.process
class TestProcesses:
    def test_a_gate_tells_its_faults_and_its_stop_and_a_killed_one_is_silent(
        self, pi: VirtualPi, redis: Redis, environment: dict[str, str]
    ) -> None:
        with (
            Program("system_monitor", environment=environment) as monitor,
            Program("entry_gate", environment=environment) as gate,
        ):
            wait_for_lights(pi, RED)
            wait_for(lambda: statuses(redis))
            pi.unplug_reader()
            wait_for(lambda: len(statuses(redis)) > 1)
            wait_for_lights(pi, RED, YELLOW)
            pi.plug_in_reader()
            wait_for(lambda: len(statuses(redis)) > 2)
            gate.process.kill()
            gate.end()
            assert told(redis, "device-1") == "in-service"
            monitor.wait_for_error("device-1 has been silent for 1", seconds=60)
            assert told(redis, "device-1") == "silent"
            with Program("entry_gate", environment=environment) as again:
                monitor.wait_for_error("device-1 is back")
                wait_for(lambda: told(redis, "device-1") == "in-service")
                assert again.stop(signal.SIGTERM) == 0
        assert told(redis, "device-1") == "stopped"
        assert statuses(redis) == [
            ("device-1", "in-service", ""),
            ("device-1", "out-of-service", "the card reader does not answer: check its wiring"),
            ("device-1", "in-service", ""),
            ("device-1", "stopped", ""),
        ]

    def test_a_terminal_says_that_it_is_stopped(self, redis: Redis, environment: dict[str, str]) -> None:
        with Program("sales_terminal", environment=environment) as terminal:
            wait_for(lambda: told(redis, "device-1") == "in-service")
            terminal.stop()
        assert [state for _, state, _ in statuses(redis)] == ["in-service", "stopped"]

    def test_a_monitor_under_systemd_has_a_row(
        self, redis: Redis, environment: dict[str, str], systemd: Systemd
    ) -> None:
        with Program("system_monitor", environment=environment | systemd.environment) as monitor:
            wait_for(lambda: told(redis, HOST) == "in-service")
            assert monitor.stop() == 0
        assert told(redis, HOST) == "stopped"

    def test_devices(self, redis: Redis, environment: dict[str, str]) -> None:
        with (
            Program("sales_terminal", environment=environment),
            Program("system_monitor", "--devices", environment=environment) as view,
        ):
            line = view.wait_for_output("in service")
            assert line.split()[:2] == ["device-1", "sales-terminal"]
            assert view.stop(signal.SIGINT) == 0
        assert view.errors == []
        with Program("system_monitor", "--devices", "--no-follow", "--json", environment=environment) as view:
            assert view.end() == 0
        assert json.loads(view.output[0])["device"] == "device-1"

    def test_a_server_that_is_away_ends_what_does_not_follow(self) -> None:
        with Program("system_monitor", "--devices", "--no-follow", environment={f"{PREFIX}REDIS_PORT": "1"}) as view:
            assert view.end() == 1
        assert view.errors == [
            "system-monitor: no connection to Redis at 127.0.0.1:1 (Connection refused): "
            "check the address and the network"
        ]
