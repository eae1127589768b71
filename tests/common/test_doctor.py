"""The doctor, as a process on the virtual Pi and against a real server: it finds what the test has planted."""

import grp
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from common.doctor import hardware
from common.doctor.finding import Status, ok, settle
from common.doctor.gpio_library import GpioLibrary, Machine, judge
from common.doctor.server import judge_durability, judge_eviction, judge_server
from common.settings import PREFIX, Settings
from simulator.fault_proxy import FaultProxy
from simulator.server import Server
from simulator.virtual_pi.station import Kind, VirtualPi
from tests.processes import Program
from tests.rider import GREEN, RED, YELLOW, heard, seen

SHARED = ["gpio library", "spi", "groups", "reader", "reset"]
REDIS = ["redis", "round trip", "rights", "durability", "eviction"]
PI_4 = Machine("Raspberry Pi 4 Model B Rev 1.4", "6.1.21-v8+")
PI_5 = Machine("Raspberry Pi 5 Model B Rev 1.0", "6.6.31+rpt-rpi-2712")

Environment = dict[str, str]
Fake = Callable[[str, str], None]


class Report:
    """What the doctor said: its lines by the name of their check, and its exit status."""

    def __init__(self, environment: Environment, *arguments: str) -> None:
        with Program("common.doctor", *arguments, environment=environment) as doctor:
            self.status = doctor.end()
        self.lines = {line[6:].partition(":")[0]: line for line in doctor.output}
        self.errors = doctor.errors
        assert len(self.lines) == len(doctor.output), doctor.output
        assert not any("Traceback" in line for line in [*doctor.output, *doctor.errors])

    @property
    def wrong(self) -> list[str]:
        return [name for name, line in self.lines.items() if line.startswith("wrong ")]

    @property
    def untold(self) -> list[str]:
        return [name for name, line in self.lines.items() if line.startswith("- ")]


@pytest.fixture
def server(server_program: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, whose configuration it may spoil; as it comes, it loses nothing."""
    folder = tmp_path / "server"
    folder.mkdir()
    with Server(server_program, folder, "--appendonly", "yes", "--appendfsync", "always") as server:
        yield server


@pytest.fixture
def fake_module(environment: Environment, tmp_path: Path) -> Fake:
    """Put a module before all others."""

    def fake(path: str, source: str) -> None:
        (tmp_path / "modules" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "modules" / path).write_text(source)
        environment["PYTHONPATH"] = f"{tmp_path / 'modules'}{os.pathsep}{environment['PYTHONPATH']}"

    return fake


@pytest.fixture
def fake_program(environment: Environment, tmp_path: Path) -> Fake:
    """Put a shell script before all programs on PATH."""

    def fake(name: str, script: str) -> None:
        (tmp_path / "programs").mkdir(exist_ok=True)
        (tmp_path / "programs" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "programs" / name).chmod(0o755)
        environment["PATH"] = f"{tmp_path / 'programs'}{os.pathsep}{environment['PATH']}"

    return fake


class TestHealthy:
    @pytest.mark.parametrize(
        ("device", "names"),
        [
            (["gate"], [*SHARED, "lights", "sound", *REDIS]),
            (["terminal"], [*SHARED, "buttons", "sound", *REDIS]),
            (["monitor"], REDIS),
            ([], [*SHARED, "sound", *REDIS]),
        ],
    )
    def test_nothing_is_wrong(
        self, environment: Environment, pi: VirtualPi, device: list[str], names: list[str]
    ) -> None:
        report = Report(environment, *device)
        assert report.status == 0, report.lines
        assert list(report.lines) == names
        assert not report.errors
        assert not seen(pi, Kind.LIT, RED), "without --lights no lamp is lit"

    def test_json(self, environment: Environment) -> None:
        with Program("common.doctor", "gate", "--json", environment=environment) as doctor:
            assert doctor.end() == 0
        findings = [json.loads(line) for line in doctor.output]
        assert all(set(finding) == {"name", "status", "finding", "remedy"} for finding in findings)
        assert {"name": "spi", "status": "ok", "finding": "/dev/spidev0.0 can be opened", "remedy": ""} in findings

    def test_the_pins_of_a_running_device_are_left_alone(self, environment: Environment, fake_program: Fake) -> None:
        fake_program("systemctl", '[ "$2" = sales-terminal ] && echo activating')
        report = Report(environment, "gate", "--lights")
        assert report.status == 0
        assert [name for name in report.untold if name != "groups"] == ["reader", "reset", "lights"]
        assert report.lines["reader"].endswith("; sudo systemctl stop sales-terminal")


class TestHardware:
    @pytest.mark.parametrize("floating_miso", [0x00, 0xFF])
    def test_unplugged_reader(self, environment: Environment, pi: VirtualPi, floating_miso: int) -> None:
        pi.unplug_reader(floating_miso)
        report = Report(environment)
        assert (report.status, report.wrong) == (1, ["reader"]), report.lines
        assert f"its version reads 0x{floating_miso:02X}" in report.lines["reader"]
        assert "SDA to pin 24, SCK to pin 23, MOSI to pin 19, MISO to pin 21" in report.lines["reader"]
        assert "reset" in report.untold

    def test_loose_wire(self, environment: Environment, fake_module: Fake) -> None:
        source = """
from itertools import cycle
ANSWERS = cycle([0x92, 0x92, 0x00])
class SpiDev:
    def open(self, bus, device): pass
    def close(self): pass
    def xfer2(self, values): return [0, next(ANSWERS)]
"""
        fake_module("spidev.py", source)
        report = Report(environment)
        assert report.status == 1
        assert "a wire is loose or too long: its version reads 0x00, 0x92" in report.lines["reader"]

    @pytest.mark.parametrize(
        ("error", "remedy"),
        [
            ("FileNotFoundError", "sudo raspi-config nonint do_spi 0"),
            ("PermissionError", "sudo usermod -aG spi "),
        ],
    )
    def test_no_spi(self, environment: Environment, fake_module: Fake, error: str, remedy: str) -> None:
        fake_module("spidev.py", f"class SpiDev:\n    def open(self, bus, device):\n        raise {error}(1, 'no')\n")
        report = Report(environment)
        assert (report.status, report.wrong) == (1, ["spi"]), report.lines
        assert f"; {remedy}" in report.lines["spi"]
        assert {"reader", "reset"} <= set(report.untold)

    def test_reset_wire_on_another_pin(self, environment: Environment) -> None:
        report = Report({**environment, "VIRTUAL_PI_RESET_PIN": "15"})
        assert (report.status, report.wrong) == (1, ["reset"]), report.lines
        assert report.lines["reset"].endswith("; connect RST to pin 22 (GPIO 25)")

    def test_stuck_button(self, environment: Environment, pi: VirtualPi) -> None:
        pi.press(YELLOW)
        report = Report(environment, "terminal")
        assert (report.status, report.wrong) == (1, ["buttons"]), report.lines
        assert "yellow on pin 33 (GPIO 13)" in report.lines["buttons"]

    def test_lights_shine_one_after_another(self, environment: Environment, pi: VirtualPi) -> None:
        assert Report(environment, "gate", "--lights").status == 0
        changes = [o for o in pi.observations if o.kind in {Kind.LIT, Kind.DARK} and o.what in {RED, YELLOW, GREEN}]
        expected = [(kind, lamp) for lamp in (RED, YELLOW, GREEN) for kind in (Kind.LIT, Kind.DARK)]
        assert [(change.kind, change.what) for change in changes] == expected
        durations = [after.at - before.at for before, after in pairwise(changes) if before.kind is Kind.LIT]
        assert durations == pytest.approx([hardware.LIT_S] * 3, abs=0.3)

    @pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM])
    def test_lights_are_off_after_a_signal(
        self, environment: Environment, pi: VirtualPi, with_signal: signal.Signals
    ) -> None:
        with Program("common.doctor", "gate", "--lights", environment=environment) as doctor:
            pi.wait_for(lambda pi: pi.lit >= {YELLOW}, 10)
            assert doctor.stop(with_signal) == 128 + with_signal
            assert not doctor.errors
        gone = next(place for place, o in enumerate(pi.observations) if o.kind is Kind.GONE)
        assert (Kind.DARK, YELLOW) in [(o.kind, o.what) for o in pi.observations[:gone]]
        assert not pi.lit

    def test_groups(self, monkeypatch: pytest.MonkeyPatch) -> None:
        groups = [grp.struct_group((name, "x", number, [])) for name, number in (("gpio", 997), ("spi", 999))]
        monkeypatch.setattr(os, "geteuid", lambda: 1)
        monkeypatch.setattr(grp, "getgrall", lambda: groups)
        monkeypatch.setattr(os, "getgroups", lambda: [999])
        finding = hardware.check_groups("groups")
        assert finding.status is Status.WRONG
        assert finding.remedy.startswith("sudo usermod -aG gpio ")
        monkeypatch.setattr(os, "getgroups", lambda: [997, 999])
        assert hardware.check_groups("groups").status is Status.OK
        groups.clear()
        assert hardware.check_groups("groups").status is Status.UNTOLD


class TestGpioLibrary:
    @pytest.mark.parametrize(
        ("library", "machine", "status", "words"),
        [
            (GpioLibrary(shim="0.6"), PI_5, Status.OK, "rpi-lgpio 0.6 on a Raspberry Pi 5"),
            (GpioLibrary(is_original=True, original="0.7.1"), PI_4, Status.OK, "RPi.GPIO 0.7.1 on a Raspberry Pi 4"),
            (
                GpioLibrary(is_original=True, original="0.7.1"),
                Machine(PI_4.model, "6.12.25"),
                Status.OK,
                "without edge detection",
            ),
            (GpioLibrary(is_original=True), PI_5, Status.WRONG, "sudo apt install python3-rpi-lgpio"),
            (
                GpioLibrary(is_original=True),
                Machine("Raspberry Pi 500 Rev 1.0", PI_5.kernel),
                Status.WRONG,
                "sudo apt install python3-rpi-lgpio",
            ),
            (
                GpioLibrary(is_original=True, is_from_environment=True, shim="0.6"),
                PI_5,
                Status.WRONG,
                "pip uninstall RPi.GPIO",
            ),
            (GpioLibrary(failure="No module named 'RPi'"), PI_5, Status.WRONG, "No module named 'RPi'"),
        ],
    )
    def test_judgement(self, library: GpioLibrary, machine: Machine, status: Status, words: str) -> None:
        finding = judge("gpio library", library, machine)
        assert finding.status is status
        assert words in str(finding)

    def test_missing(self, environment: Environment, fake_module: Fake) -> None:
        fake_module("RPi/__init__.py", "raise ImportError('No module named RPi')")
        report = Report(environment, "gate")
        assert (report.status, report.wrong) == (1, ["gpio library"]), report.lines
        assert report.lines["gpio library"].endswith("; sudo apt install python3-rpi-lgpio")

    def test_original_that_does_not_load(self, environment: Environment, fake_module: Fake) -> None:
        for path in ("RPi/__init__.py", "RPi/_GPIO.py"):
            fake_module(path, "")
        fake_module("RPi/GPIO/__init__.py", "raise RuntimeError('This module can only be run on a Raspberry Pi!')")
        report = Report(environment, "gate")
        assert (report.status, report.wrong) == (1, ["gpio library"]), report.lines
        assert "it does not load: This module can only be run on a Raspberry Pi!" in report.lines["gpio library"]
        with Program("entry_gate", environment=environment) as gate:
            assert gate.end() == 1
        assert len(gate.errors) == 1, "a device says it in a line, too"

    def test_shim(self, environment: Environment, fake_module: Fake) -> None:
        fake_module("rpi_lgpio-0.6.dist-info/METADATA", "Name: rpi-lgpio\nVersion: 0.6\n")
        assert "rpi-lgpio 0.6" in Report(environment).lines["gpio library"]


class TestSound:
    def test_plays_a_clip(self, environment: Environment, pi: VirtualPi) -> None:
        Report(environment)
        assert heard(pi) == ["access-granted"]

    def test_no_player(self, environment: Environment, tmp_path: Path) -> None:
        report = Report({**environment, "PATH": str(tmp_path)})
        assert (report.status, report.wrong) == (1, ["sound"]), report.lines
        assert report.lines["sound"].endswith("; sudo apt install mpg123")

    @pytest.mark.parametrize(
        ("script", "words"),
        [
            ("echo 'error: cannot open device default' >&2; exit 255", "cannot open device default"),
            ("exec sleep 60", "does not finish"),
        ],
    )
    def test_failing_player(self, environment: Environment, fake_program: Fake, script: str, words: str) -> None:
        fake_program("mpg123", script)
        report = Report(environment)
        assert (report.status, report.wrong) == (1, ["sound"]), report.lines
        assert words in report.lines["sound"]
        assert f"{PREFIX}AUDIO_OUTPUT" in report.lines["sound"]


class TestRedis:
    def test_away(self, environment: Environment, server: Server) -> None:
        server.kill()
        report = Report(environment, "monitor")
        assert (report.status, report.wrong, report.untold) == (1, ["redis"], REDIS[1:])
        assert "no connection to Redis" in report.lines["redis"]
        assert f"redis-cli -h 127.0.0.1 -p {server.port} PING" in report.lines["redis"]

    def test_silent(self, environment: Environment, server: Server) -> None:
        server.suspend()
        report = Report(environment, "monitor")
        server.resume()
        assert (report.status, report.wrong) == (1, ["redis"]), report.lines
        assert "does not answer in time" in report.lines["redis"]

    @pytest.mark.parametrize("password", ["", "wrong"])
    def test_wrong_password(self, environment: Environment, server: Server, password: str) -> None:
        server.client().config_set("requirepass", "right")
        report = Report({**environment, f"{PREFIX}REDIS_PASSWORD": password}, "monitor")
        assert (report.status, report.wrong) == (1, ["redis"]), report.lines
        assert f"refuses the login: check {PREFIX}REDIS_USERNAME" in report.lines["redis"]

    @pytest.mark.parametrize(
        ("device", "taken", "words"),
        [
            ("gate", "-xadd", "missing are XADD transit-pass:events"),
            ("gate", "-eval", "'eval'"),
            ("gate", "-evalsha", "missing are EVALSHA"),
            ("terminal", "-exists", "missing are EXISTS"),
            ("monitor", "-psubscribe", "PSUBSCRIBE pass-*"),
            ("monitor", "resetchannels", "PSUBSCRIBE pass-*"),
            ("monitor", "-xinfo", "XINFO STREAM"),
        ],
    )
    def test_missing_right(self, environment: Environment, server: Server, device: str, taken: str, words: str) -> None:
        server.client().execute_command("ACL", "SETUSER", "it", "on", ">secret", "~*", "&*", "+@all", taken)
        login = {f"{PREFIX}REDIS_USERNAME": "it", f"{PREFIX}REDIS_PASSWORD": "secret"}
        report = Report({**environment, **login}, device)
        assert (report.status, report.wrong) == (1, ["rights"]), report.lines
        assert words in report.lines["rights"]
        assert f"it cannot be a {device}: " in report.lines["rights"]

    @pytest.mark.parametrize("role", ["gate", "terminal", "monitor"])
    def test_the_users_of_deploy_can_be_one_thing_each(
        self, environment: Environment, server: Server, role: str
    ) -> None:
        users = Path("deploy/users.acl").read_text().splitlines()
        rules = next(line for line in users if line.startswith(f"user {role} ")).split()[2:]
        server.client().execute_command("ACL", "SETUSER", role, *rules)
        login = {f"{PREFIX}REDIS_USERNAME": role, f"{PREFIX}REDIS_PASSWORD": f"change-me-{role}"}
        report = Report({**environment, **login})
        assert report.status == 0, report.lines
        assert report.lines["rights"].endswith(f": {role} may do all that a {role} does")
        assert {"durability", "eviction"} <= set(report.untold)

    def test_no_role_at_all(self, environment: Environment, server: Server) -> None:
        server.client().execute_command("ACL", "SETUSER", "it", "on", ">secret", "+ping")
        login = {f"{PREFIX}REDIS_USERNAME": "it", f"{PREFIX}REDIS_PASSWORD": "secret"}
        report = Report({**environment, **login})
        assert (report.status, report.wrong) == (1, ["rights"]), report.lines

    @pytest.mark.parametrize("delay_s", [0.26, 0.7])
    def test_slow(self, environment: Environment, server: Server, delay_s: float) -> None:
        with FaultProxy(server.port) as proxy:
            proxy.delay_s = delay_s
            report = Report({**environment, f"{PREFIX}REDIS_PORT": str(proxy.port)}, "monitor")
        assert report.status == 1
        assert "round trip" in report.wrong
        assert "a device waits 1 s" in report.lines["round trip"]

    def test_replica(self, environment: Environment, server: Server) -> None:
        server.client().execute_command("REPLICAOF", "127.0.0.1", "1")
        report = Report(environment)
        assert "redis" in report.wrong
        assert f"name its primary in {PREFIX}REDIS_HOST" in report.lines["redis"]
        assert "redis" not in Report(environment, "monitor").wrong

    @pytest.mark.parametrize(
        ("name", "setting", "value"),
        [("durability", "appendonly", "no"), ("eviction", "maxmemory-policy", "allkeys-lru")],
    )
    def test_forgetful_server(
        self, environment: Environment, server: Server, name: str, setting: str, value: str
    ) -> None:
        server.client().config_set(setting, value)
        report = Report(environment, "monitor")
        assert (report.status, report.wrong) == (1, [name]), report.lines
        assert f"redis-cli CONFIG SET {setting} " in report.lines[name]

    def test_info_tells_where_config_may_not(self, environment: Environment, server: Server) -> None:
        server.client().config_set("appendonly", "no")
        server.client().execute_command("ACL", "SETUSER", "it", "on", ">secret", "~*", "&*", "+@all", "-config")
        login = {f"{PREFIX}REDIS_USERNAME": "it", f"{PREFIX}REDIS_PASSWORD": "secret"}
        report = Report({**environment, **login}, "monitor")
        assert report.wrong == ["durability"]
        assert report.lines["eviction"].startswith("ok")

    @pytest.mark.parametrize(
        ("greeting", "status"),
        [
            ({"server": "redis", "version": "7.0.15", "role": "master"}, Status.OK),
            ({"server": "redis", "version": "6.2.14", "role": "master"}, Status.WRONG),
            ({"server": "valkey", "version": "9.1.2", "role": "master"}, Status.OK),
            ({}, Status.OK),
        ],
    )
    def test_version(self, greeting: dict[str, str], status: Status) -> None:
        assert judge_server("redis", greeting, Settings("gate"), "gate").status is status

    @pytest.mark.parametrize(
        ("fsync", "words"), [("always", "on the disk"), ("everysec", "two seconds"), ("no", "half minute")]
    )
    def test_what_durability_costs(self, fsync: str, words: str) -> None:
        finding = judge_durability("durability", {"appendonly": "yes", "appendfsync": fsync})
        assert finding.status is Status.OK
        assert words in finding.text

    def test_what_nobody_told(self) -> None:
        assert judge_durability("durability", {}).status is Status.UNTOLD
        assert judge_durability("durability", {"appendonly": "yes"}).status is Status.UNTOLD
        assert judge_eviction("eviction", {}).status is Status.UNTOLD


class TestHostileServer:
    ANSWER = b"*6\r\n+server\r\n+re\x1b[31mdis\r\n+version\r\n+9\x07.0\x9b\r\n+role\r\n+master\x00\r\n"

    @pytest.fixture
    def port(self) -> Iterator[int]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
            yield listener.getsockname()[1]

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        while request := connection.recv(4096):
            connection.sendall(self.ANSWER if b"HELLO" in request else b"-NOPERM \x1b[2Jno\x07\r\n")

    @pytest.mark.parametrize("options", [[], ["--json"]])
    def test_no_control_characters(self, environment: Environment, port: int, options: list[str]) -> None:
        address = {f"{PREFIX}REDIS_PORT": str(port)}
        with Program("common.doctor", "monitor", *options, environment={**environment, **address}) as doctor:
            assert doctor.end() == 1
        assert len(doctor.output) == len(REDIS)
        assert all(line.isprintable() for line in doctor.output), doctor.output


class TestOptions:
    @pytest.mark.parametrize(
        "arguments", [["gatekeeper"], ["terminal", "--lights"], ["--lights"], ["gate", "--settings", "/nowhere"]]
    )
    def test_bad_usage(self, environment: Environment, arguments: list[str]) -> None:
        report = Report(environment, *arguments)
        assert (report.status, report.lines) == (2, {})

    def test_bad_setting(self, environment: Environment) -> None:
        report = Report({**environment, f"{PREFIX}REDIS_PORT": "x"})
        assert (report.status, report.lines) == (2, {})
        assert len(report.errors) == 1

    def test_settings_of_a_unit(self, environment: Environment, server: Server, tmp_path: Path) -> None:
        server.client().config_set("requirepass", "a $secret")
        file = tmp_path / "transit-pass.env"
        file.write_text(f'# the gate\nOTHER=1\n\n{PREFIX}DEVICE=gate-1\n{PREFIX}REDIS_PASSWORD="a $secret"\n')
        assert Report(environment, "monitor").status == 1
        assert Report(environment, "monitor", "--settings", str(file)).status == 0


def test_a_check_that_fails_is_a_finding() -> None:
    finding = settle("spi", lambda _: ok("spi", str(1 // 0)), "do this")
    assert (finding.status, finding.remedy) == (Status.WRONG, "do this")
    assert "ZeroDivisionError" in finding.text
