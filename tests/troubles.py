"""What keeps a server from taking the next tap or sale: each trouble, and words of what is then told."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from common.keys import JOURNAL
from common.settings import PREFIX, Settings
from simulator.server import Server, free_port
from tests.processes import wait_for
from tests.rider import SERIAL_NUMBER

OPTIONS = ("--appendonly", "yes", "--appendfsync", "always", "--enable-protected-configs", "yes")
USER, PASSWORD = "gate", "secret"

Trouble = Callable[[Redis], AbstractContextManager[None]]


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
    redis.execute_command("ACL", "SETUSER", USER, "-hincrby")
    yield
    redis.execute_command("ACL", "SETUSER", USER, "+hincrby")


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


@contextmanager
def guarded_server(program: Path, folder: Path) -> Iterator[Server]:
    """A server that may be brought into each trouble, with a user for a device, a pass and a journal."""
    with Server(program, folder, *OPTIONS) as server, server.client() as redis:
        redis.execute_command("ACL", "SETUSER", USER, "on", f">{PASSWORD}", "~*", "&*", "+@all")
        redis.hset(SERIAL_NUMBER, mapping={"passType": "TEN_TRIP", "tripsRemaining": "10"})
        redis.xadd(JOURNAL, {"channel": "x", "payload": "{}"})
        yield server


def logged_in(server: Server) -> Settings:
    """Return the settings of a device that logs in there as the user."""
    return Settings("test", redis_port=server.port, redis_username=USER, redis_password=PASSWORD)


def login(server: Server) -> dict[str, str]:
    """Return the same as variables of the environment."""
    names = {"PORT": str(server.port), "USERNAME": USER, "PASSWORD": PASSWORD}
    return {f"{PREFIX}REDIS_{name}": value for name, value in names.items()}


def node_of_a_cluster(program: Path, folder: Path) -> Server:
    bus = str(free_port())  # by itself it would take one of the ephemeral ports
    return Server(program, folder, "--cluster-enabled", "yes", "--cluster-config-file", "nodes", "--cluster-port", bus)


def slow_to_load(program: Path, folder: Path) -> Server:
    """Return a server that takes some seconds to load its file."""
    with Server(program, folder) as server, server.client() as redis:
        for number in range(40):
            redis.set(f"ballast:{number}", "x" * 2000)
        redis.config_set("rdbcompression", "no")
        redis.save()
    return Server(program, folder, "--key-load-delay", "100000", "--loading-process-events-interval-bytes", "1024")


@contextmanager
def starting(server: Server) -> Iterator[Future[None]]:
    """Start a server meanwhile: the future is done once it has loaded its file."""
    with ThreadPoolExecutor() as threads:
        started = threads.submit(server.start)
        try:
            yield started
            started.result()
        finally:
            started.exception()
            server.stop()
