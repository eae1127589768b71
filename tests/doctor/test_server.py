"""The doctor's checks of Redis, against a real server: each finds the fault that the test has caused."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from common.clock import Clock
from common.settings import PREFIX, Settings
from doctor.finding import Finding
from doctor.server import RedisDoctor
from simulator.fault_proxy import FaultProxy
from simulator.server import Server, free_port
from tests.processes import REPOSITORY, wait_for
from tests.troubles import TROUBLES, Trouble, logged_in, node_of_a_cluster, slow_to_load, starting

ALL = ["redis", "rights", "clock", "round trip", "durability", "eviction", "memory"]


def examine(settings: Settings, device: str | None = "monitor") -> dict[str, Finding]:
    return {finding.name: finding for finding in RedisDoctor(settings, device, Clock()).findings()}


def wrong(found: dict[str, Finding]) -> list[str]:
    return [name for name, finding in found.items() if finding.status == "FAIL"]


def user(server: Server, *rules: str, name: str = "it", password: str = "secret") -> Settings:
    """Make a user with these rights, and return the settings of a device that logs in as this user."""
    server.client().execute_command("ACL", "SETUSER", name, "on", f">{password}", *rules)
    return Settings("test", redis_port=server.port, redis_username=name, redis_password=password)


@pytest.mark.parametrize("device", ["gate", "terminal", "monitor", "desk", None])
def test_nothing_is_wrong(settings: Settings, device: str | None) -> None:
    found = examine(settings, device)
    assert {name: finding.status for name, finding in found.items()} == dict.fromkeys(ALL, "OK")


class TestConnection:
    def test_unreachable(self) -> None:
        port = free_port()
        found = examine(Settings("test", redis_port=port))
        assert list(found) == ["redis"]
        assert found["redis"].status == "FAIL"
        assert "no connection to Redis" in found["redis"].text
        assert found["redis"].commands[0] == f"redis-cli -h 127.0.0.1 -p {port} PING"

    def test_sentinels_unreachable(self) -> None:
        port = free_port()
        settings = Settings(
            "test",
            redis_sentinels=(("127.0.0.1", port),),
            redis_tls=True,
            redis_tls_ca="/etc/our own/ca.pem",
            redis_tls_cert="gate.pem",
            redis_tls_key="gate.key",
        )
        assert examine(settings)["redis"].commands[0] == (
            f"redis-cli -h 127.0.0.1 -p {port} --tls --cacert '/etc/our own/ca.pem' --cert gate.pem --key gate.key "
            "SENTINEL MASTERS"
        )

    @pytest.mark.process
    def test_silent(self, server: Server, settings: Settings) -> None:
        server.suspend()
        found = examine(settings)
        server.resume()
        assert list(found) == ["redis"]
        assert "does not answer in time" in found["redis"].text

    @pytest.mark.parametrize("password", [None, "wrong"])
    def test_wrong_password(self, server: Server, password: str | None) -> None:
        server.client().config_set("requirepass", "right")
        found = examine(Settings("test", redis_port=server.port, redis_password=password))
        assert wrong(found) == ["redis"]
        assert f"refuses the login: check {PREFIX}REDIS_USERNAME" in found["redis"].text

    @pytest.mark.process
    @pytest.mark.parametrize("delay_s", [0.26, 0.7])
    def test_slow(self, server: Server, delay_s: float) -> None:
        with FaultProxy(server.port) as proxy:
            settings = Settings("test", redis_port=proxy.port)
            assert not wrong(examine(settings, "gate"))  # and the server has the scripts, as it has from any device
            proxy.delay_s = delay_s
            found = examine(settings, "gate")
        assert wrong(found) == ["round trip"]
        assert "a device waits 1 s" in found["round trip"].text
        assert found["round trip"].remedy == "check the network"

    def test_replica(self, server: Server, settings: Settings) -> None:
        server.client().execute_command("REPLICAOF", "127.0.0.1", "1")
        finding = examine(settings, None)["redis"]
        assert finding.status == "FAIL"
        assert f"name its primary in {PREFIX}REDIS_HOST" in finding.remedy
        assert examine(settings, "monitor")["redis"].status == "OK"


class TestRights:
    @pytest.mark.parametrize(
        ("device", "taken", "words"),
        [
            ("gate", "-xadd", "missing are XADD transit-pass:events"),
            ("gate", "-evalsha", "'evalsha'"),
            ("terminal", "-exists", "missing are EXISTS"),
            ("desk", "-renamenx", "missing are RENAMENX"),
            ("monitor", "-psubscribe", "PSUBSCRIBE pass-* device-status"),
            ("monitor", "resetchannels", "PSUBSCRIBE pass-* device-status"),
            ("monitor", "-xinfo", "XINFO STREAM"),
        ],
    )
    def test_a_right_is_missing(self, server: Server, device: str, taken: str, words: str) -> None:
        found = examine(user(server, "~*", "&*", "+@all", taken), device)
        assert wrong(found) == ["rights"]
        assert found["rights"].text.startswith(f"user it cannot run a {device}: ")
        assert words in found["rights"].text
        assert found["rights"].commands == ["redis-cli ACL GETUSER it"]

    @pytest.mark.parametrize(
        ("device", "taken", "words"),
        [
            ("gate", "-hget", "missing are HGET transit-pass:devices"),
            ("terminal", "-hget", "missing are HGET transit-pass:devices"),
            ("monitor", "-hgetall", "missing are HGETALL transit-pass:devices"),
        ],
    )
    def test_a_right_of_the_pulse_is_missing(self, server: Server, device: str, taken: str, words: str) -> None:
        found = examine(user(server, "~*", "&*", "+@all", taken), device)
        assert not wrong(found)
        assert found["rights"].status == "WARN"
        assert found["rights"].text == f"user it has the rights of a {device}, and goes without some: {words}"
        assert found["rights"].commands == ["redis-cli ACL GETUSER it"]

    @pytest.mark.parametrize(
        ("name", "roles", "unseen"),
        [
            ("gate", "gate", ["durability", "eviction", "memory"]),
            ("terminal", "terminal", ["durability", "eviction", "memory"]),
            ("office", "terminal and a desk", ["durability", "eviction", "memory"]),
            ("monitor", "monitor", ["durability", "eviction", "memory"]),
        ],
    )
    def test_each_user_of_deploy_has_the_rights_of_its_program(
        self, server: Server, name: str, roles: str, unseen: list[str]
    ) -> None:
        users = (REPOSITORY / "deploy/users.acl").read_text().splitlines()
        rules = next(line for line in users if line.startswith(f"user {name} ")).split()[2:]
        found = examine(user(server, *rules, name=name, password=f"change-me-{name}"), None)
        assert found["rights"].text == f"user {name} has the rights of a {roles}"
        assert [name for name, finding in found.items() if finding.status == "SKIP"] == unseen
        assert not wrong(found)

    def test_a_server_that_would_refuse_the_next_tap(self, server: Server, settings: Settings) -> None:
        server.client().config_set("maxmemory", "1")
        found = examine(settings, "gate")
        assert "rights" not in found
        assert (found["writes"].status, wrong(found)) == ("FAIL", ["writes", "memory"])
        assert "has no memory left: raise its maxmemory" in found["writes"].text
        assert "memory" in found, "the other checks are made all the same"

    def test_a_terminal_that_cannot_tell_what_is_left(self, server: Server) -> None:
        finding = examine(user(server, "~*", "&*", "+@all", "-hmget", "-ttl"), "terminal")["rights"]
        assert finding.status == "WARN"
        assert finding.text == (
            "user it has the rights of a terminal, and goes without some: missing are HMGET 0, TTL 0"
        )
        assert finding.commands == ["redis-cli ACL GETUSER it"]

    @pytest.mark.process
    @pytest.mark.parametrize(("trouble", "words"), TROUBLES.items(), ids=[each.__name__ for each in TROUBLES])
    def test_what_puts_a_gate_out_of_service(self, guarded: Server, trouble: Trouble, words: str) -> None:
        with guarded.client() as redis, trouble(redis):
            found = examine(logged_in(guarded), "gate")
        assert [finding.name for finding in found.values() if finding.status == "FAIL" and words in finding.text]
        assert wrong(examine(logged_in(guarded), "gate")) == []

    @pytest.mark.process
    def test_a_node_of_a_cluster(self, server_program: Path, tmp_path: Path) -> None:
        with node_of_a_cluster(server_program, tmp_path) as node:
            found = examine(Settings("test", redis_port=node.port), "gate")
        assert found["writes"].status == "FAIL"
        assert "is a node of a cluster" in found["writes"].text

    @pytest.mark.process
    def test_a_server_that_loads_its_file(self, server_program: Path, tmp_path: Path) -> None:
        server = slow_to_load(server_program, tmp_path)
        settings = Settings("test", redis_port=server.port)
        with starting(server):
            finding = wait_for(lambda: examine(settings, "gate").get("rights"))
        assert finding.status == "FAIL"
        assert "is loading its data: wait until it has" in finding.text

    def test_a_user_without_rights(self, server: Server) -> None:
        found = examine(user(server, "+ping"), None)
        assert wrong(found) == ["rights"]
        roles = "gate", "terminal", "desk", "monitor"
        assert all(f"user it cannot run a {role}" in found["rights"].text for role in roles)


class TestClock:
    @pytest.mark.parametrize(
        ("ahead_s", "status", "text"),
        [
            (0.0, "OK", "the server's and this machine's differ by 0."),
            (36_000.0, "WARN", "the server's clock is 10:00:00 ahead of this machine's"),
            (-90.0, "WARN", "the server's clock is 0:01:30 behind this machine's"),
        ],
    )
    def test_the_clocks_of_both_machines(self, settings: Settings, ahead_s: float, status: str, text: str) -> None:
        doctor = RedisDoctor(settings, "gate", Clock(), time_of_day=lambda: time.time() - ahead_s)
        finding = next(finding for finding in doctor.findings() if finding.name == "clock")
        assert finding.status == status
        assert finding.text.startswith(text)
        assert list(finding.commands) == ([] if status == "OK" else ["timedatectl"])

    def test_a_time_that_the_user_may_not_ask_for(self, server: Server) -> None:
        assert examine(user(server, "~*", "&*", "+@all", "-time"))["clock"].status == "SKIP"


class TestReplicas:
    @pytest.fixture
    def replica(self, server: Server, server_program: Path, tmp_path: Path) -> Iterator[Server]:
        with Server(server_program, tmp_path, "--replicaof", f"127.0.0.1 {server.port}") as replica:
            with replica.client() as redis:
                wait_for(lambda: redis.info("replication")["master_link_status"] == "up")
            yield replica

    def test_too_few(self, server: Server) -> None:
        finding = examine(Settings("test", redis_port=server.port, redis_replicas=1), "gate")["replicas"]
        assert finding.status == "FAIL"
        assert finding.text.endswith(": 0 of 1 replicas answer: check them and their network")
        assert f"set {PREFIX}REDIS_REPLICAS to 0" in finding.remedy

    @pytest.mark.process
    @pytest.mark.usefixtures("replica")
    def test_a_primary_that_takes_writes_when_it_is_cut_off(self, server: Server) -> None:
        settings = Settings("test", redis_port=server.port, redis_replicas=1)
        finding = examine(settings, "gate")["replicas"]
        assert (finding.status, finding.commands[0]) == ("WARN", "redis-cli CONFIG SET min-replicas-to-write 1")
        server.client().config_set("min-replicas-to-write", "1")
        finding = examine(settings, "gate")["replicas"]
        assert (finding.status, finding.text) == ("OK", "at least 1 answer (min-replicas-to-write 1)")

    def test_a_user_who_may_not_wait(self, server: Server) -> None:
        settings = replace(user(server, "~*", "&*", "+@all", "-wait"), redis_replicas=1)
        finding = examine(settings, "gate")["replicas"]
        assert finding.status == "FAIL"
        assert "'wait'" in finding.text

    def test_the_monitor_waits_for_none(self, server: Server) -> None:
        assert "replicas" not in examine(Settings("test", redis_port=server.port, redis_replicas=1), "monitor")


class TestOtherServers:
    """Servers that give the test's answer to HELLO, and refuse all other commands."""

    NOT_PERMITTED = b"-NOPERM \x1b[2Jno\x07\r\n"
    greeting = b""
    pause_s = 0.0

    @pytest.fixture
    def settings(self) -> Iterator[Settings]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
            yield Settings("test", redis_port=listener.getsockname()[1])

    def _serve(self, listener: socket.socket) -> None:
        try:
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
        except OSError:
            return

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            while request := connection.recv(4096):
                refusals = self.NOT_PERMITTED * len(re.findall(rb"\*\d+\r\n", request))
                for byte in self.greeting if b"HELLO" in request else refusals:
                    connection.send(bytes([byte]))
                    time.sleep(self.pause_s)

    def say(self, **fields: str) -> None:
        words = "".join(f"+{name}\r\n+{value}\r\n" for name, value in fields.items())
        self.greeting = f"*{2 * len(fields)}\r\n{words}".encode("latin-1")

    @pytest.mark.parametrize(
        ("server", "version", "status"),
        [("redis", "7.0.15", "OK"), ("redis", "6.2.14", "FAIL"), ("redis", "10.0.0", "OK"), ("valkey", "9.1.2", "OK")],
    )
    def test_versions(self, settings: Settings, server: str, version: str, status: str) -> None:
        self.say(server=server, version=version, role="master")
        finding = next(iter(examine(settings, "gate").values()))
        assert finding.text == f"{server} {version}, a master, at {settings.redis_address}"
        assert finding.status == status

    def test_a_server_without_name_and_version(self, settings: Settings) -> None:
        self.say()
        found = examine(settings)
        assert (found["redis"].status, found["rights"].status) == ("SKIP", "FAIL")
        assert "it must be Redis 7.0 or newer" in found["redis"].text

    def test_a_server_that_refuses_hello(self, settings: Settings) -> None:
        self.greeting = b"-ERR unknown command 'HELLO'\r\n"
        assert examine(settings)["redis"].status == "SKIP"

    def test_control_characters_are_escaped(self, settings: Settings) -> None:
        self.say(server="re\x1b[31mdis", version="9\x07.0\x9b", role="master\x00")
        findings = list(RedisDoctor(settings, "monitor", Clock()).findings())
        assert [finding.name for finding in findings] == ALL
        for finding in findings:
            assert all(line.isprintable() for line in finding.as_text(False).split("\n"))
            assert json.dumps(asdict(finding)).isprintable()

    @pytest.mark.process
    def test_a_server_that_answers_byte_by_byte(self, settings: Settings) -> None:
        self.say(server="redis", version="7.0.15", role="master")
        self.pause_s = 0.2
        assert "does not answer in time" in examine(settings)["redis"].text
