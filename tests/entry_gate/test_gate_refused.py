"""A gate whose server would refuse the next tap: it is out of service before anybody taps, and ends that by itself."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from common.keys import JOURNAL
from common.settings import PREFIX
from simulator.server import Server, free_port
from simulator.virtual_pi.station import VirtualPi
from tests.processes import Program, wait_for
from tests.rider import RED, SERIAL_NUMBER, YELLOW, tap, wait_for_lights
from tests.systemd import Systemd

pytestmark = pytest.mark.process

Trouble = Callable[[Redis], AbstractContextManager[None]]
OPTIONS = ("--appendonly", "yes", "--appendfsync", "always", "--enable-protected-configs", "yes")


@contextmanager
def no_memory(redis: Redis) -> Iterator[None]:
    redis.config_set("maxmemory", "1")
    yield
    redis.config_set("maxmemory", "0")


@contextmanager
def no_disk(redis: Redis) -> Iterator[None]:
    """The last snapshot has failed."""
    folder = str(redis.config_get("dir")["dir"])
    redis.config_set("save", "3600 1000000")
    redis.config_set("dbfilename", "x" * 250 + ".rdb")
    taken = Path(folder, "x" * 250 + ".rdb")
    taken.mkdir()
    redis.bgsave()
    wait_for(lambda: redis.info("persistence")["rdb_last_bgsave_status"] == "err")
    yield
    taken.rmdir()
    redis.bgsave()
    wait_for(lambda: redis.info("persistence")["rdb_last_bgsave_status"] == "ok")
    redis.config_set("save", "")


@contextmanager
def a_replica(redis: Redis) -> Iterator[None]:
    redis.replicaof("127.0.0.1", str(free_port()))
    yield
    redis.replicaof("NO", "ONE")


@contextmanager
def too_few_replicas(redis: Redis) -> Iterator[None]:
    redis.config_set("min-replicas-to-write", 1)
    yield
    redis.config_set("min-replicas-to-write", 0)


@contextmanager
def busy(redis: Redis) -> Iterator[None]:
    """A script hangs."""
    redis.config_set("busy-reply-threshold", 100)
    port = redis.connection_pool.connection_kwargs["port"]

    def hang() -> None:
        with suppress(RedisError), Redis(port=port, socket_timeout=60) as other:
            other.eval("while true do end", 0)

    script = threading.Thread(target=hang)
    script.start()
    yield
    redis.script_kill()
    script.join()


@contextmanager
def a_right_taken_away(redis: Redis) -> Iterator[None]:
    redis.execute_command("ACL", "SETUSER", "gate", "-hincrby")
    yield
    redis.execute_command("ACL", "SETUSER", "gate", "+hincrby")


@contextmanager
def no_journal(redis: Redis) -> Iterator[None]:
    """Another program has taken the journal's key."""
    redis.rename(JOURNAL, "aside")
    redis.set(JOURNAL, "x")
    yield
    redis.rename("aside", JOURNAL)


@contextmanager
def a_journal_at_its_end(redis: Redis) -> Iterator[None]:
    """Somebody has added an entry with the last id that there is."""
    redis.rename(JOURNAL, "aside")
    redis.xadd(JOURNAL, {"channel": "x"}, id=f"{2**64 - 1}-{2**64 - 1}")
    yield
    redis.rename("aside", JOURNAL)


TROUBLES: dict[Trouble, str] = {
    no_memory: "no memory left",
    no_disk: "cannot save to its disk",
    a_replica: "is a replica",
    too_few_replicas: "min-replicas-to-write",
    busy: "held up by a script",
    a_right_taken_away: "missing are HINCRBY",
    no_journal: f"{JOURNAL} is no stream",
    a_journal_at_its_end: f"{JOURNAL} has reached the last possible id",
}


def trips(redis: Redis) -> object:
    return redis.hget(SERIAL_NUMBER, "tripsRemaining")


@pytest.fixture
def guarded(server_program: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of its own, with a user for the gate and a pass."""
    with Server(server_program, tmp_path, *OPTIONS) as server, server.client() as redis:
        redis.execute_command("ACL", "SETUSER", "gate", "on", ">secret", "~*", "&*", "+@all")
        redis.hset(SERIAL_NUMBER, mapping={"passType": "TEN_TRIP", "tripsRemaining": "10"})
        redis.xadd(JOURNAL, {"channel": "x", "payload": "{}"})
        yield server


@pytest.fixture
def environment(pi: VirtualPi, guarded: Server, systemd: Systemd) -> dict[str, str]:
    login = {PREFIX + "REDIS_USERNAME": "gate", PREFIX + "REDIS_PASSWORD": "secret"}
    return {**pi.environment(), **systemd.environment, **login, PREFIX + "REDIS_PORT": str(guarded.port)}


def told(gate: Program, since: int, words: str) -> list[str]:
    """Return the lines that tell the trouble, without those about a rider."""
    return [line for line in gate.errors[since:] if words in line and "no entry" not in line]


def test_each_trouble_is_told_once_and_ends_by_itself(
    environment: dict[str, str], pi: VirtualPi, guarded: Server, systemd: Systemd
) -> None:
    with guarded.client() as redis, Program("entry_gate", environment=environment) as gate:
        for number, (trouble, words) in enumerate(TROUBLES.items()):
            wait_for_lights(pi, RED)
            before = len(gate.errors)
            with trouble(redis):
                wait_for_lights(pi, RED, YELLOW)
                wait_for(partial(told, gate, before, words))
                systemd.wait_for("STATUS=out of service: Redis", more_than=number)
                tap(pi, "out-of-service")
            wait_for_lights(pi, RED)
            assert len(told(gate, before, words)) == 1
            assert trips(redis) == "10"
        tap(pi, "access-granted")
        assert trips(redis) == "9"


def test_a_node_of_a_cluster_is_told(
    pi: VirtualPi, server_program: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    with Server(server_program, tmp_path, "--cluster-enabled", "yes", "--cluster-config-file", "nodes") as node:
        login = {PREFIX + "REDIS_PORT": str(node.port), PREFIX + "REDIS_USERNAME": "", PREFIX + "REDIS_PASSWORD": ""}
        with Program("entry_gate", environment=environment | login) as gate:
            gate.wait_for_error("is a node of a cluster")
            assert pi.lit == {RED, YELLOW}


def test_too_few_replicas_for_the_settings_are_told(
    pi: VirtualPi, server_program: Path, tmp_path: Path, environment: dict[str, str], guarded: Server
) -> None:
    (tmp_path / "replica").mkdir()
    with Program("entry_gate", environment={**environment, PREFIX + "REDIS_REPLICAS": "1"}) as gate:
        gate.wait_for_error("0 of 1 replicas answer")
        assert pi.lit == {RED, YELLOW}
        tap(pi, "out-of-service")
        with Server(server_program, tmp_path / "replica", "--replicaof", "127.0.0.1", str(guarded.port)):
            wait_for_lights(pi, RED)
            tap(pi, "access-granted")
        wait_for_lights(pi, RED, YELLOW)
        with guarded.client() as redis:
            assert trips(redis) == "9"


def test_a_server_that_loads_its_file_is_told(pi: VirtualPi, server_program: Path, tmp_path: Path) -> None:
    """The gate is in service once the file is loaded."""
    with Server(server_program, tmp_path) as server, server.client() as redis:
        for number in range(40):
            redis.set(f"ballast:{number}", "x" * 2000)
        redis.config_set("rdbcompression", "no")
        redis.save()
    slow = ("--key-load-delay", "100000", "--loading-process-events-interval-bytes", "1024")
    server = Server(server_program, tmp_path, *slow)
    with Program("entry_gate", environment={**pi.environment(), PREFIX + "REDIS_PORT": str(server.port)}) as gate:
        gate.wait_for_error("no connection")
        with server:  # it has started when it has loaded the file
            gate.wait_for_error("is loading its data")
            wait_for_lights(pi, RED)
