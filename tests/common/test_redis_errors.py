"""Errors of Redis, in words for an operator."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from redis._parsers import _RESP2Parser
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import TimeoutError as SlowAnswerError

from common.redis_client import NoPrimaryError, redis_client
from common.redis_errors import explain
from common.settings import PREFIX, Settings
from simulator.server import Server, free_port
from tests.processes import wait_for
from tests.troubles import node_of_a_cluster

SETTINGS = Settings("gate-1", redis_host="redis.example")
WHERE = "Redis at redis.example:6379"
WRITE = "#!lua\nreturn redis.call('SET', KEYS[1], 1)"


def caused_by(error: Exception, cause: Exception) -> Exception:
    error.__context__ = cause
    return error


def bad_certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError()
    error.verify_code = 18
    error.verify_message = "self-signed\x1b[2J"
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            AuthenticationError("invalid password"),
            f"{WHERE} refuses the login: check {PREFIX}REDIS_USERNAME and {PREFIX}REDIS_PASSWORD",
        ),
        (
            NoPermissionError("missing are XADD"),
            f"{WHERE} does not permit this: missing are XADD: check the rights of this device's user",
        ),
        (SlowAnswerError("Timeout"), f"{WHERE} does not answer in time: check the network"),
        (TimeoutError(), f"{WHERE} does not answer in time: check the network"),
        (
            caused_by(NoConnectionError("Error 1"), bad_certificate()),
            f"{WHERE} has a certificate that is not trusted (self-signed\\x1b[2J): check {PREFIX}REDIS_TLS_CA",
        ),
        (
            caused_by(NoConnectionError("Error 111"), OSError(111, "Connection refused")),
            f"no connection to {WHERE} (Connection refused): check the address and the network",
        ),
        (NoConnectionError("closed\n"), f"no connection to {WHERE} (closed\\n): check the address and the network"),
        (ResponseError("WRONGTYPE no"), f"{WHERE} reports an error: WRONGTYPE no"),
        (KeyError("role"), f"{WHERE} reports an error: 'role'"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_messages_to_an_operator(error: Exception, words: str) -> None:
    assert explain(error, SETTINGS) == words


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("LOADING Redis is loading the dataset in memory", "is loading its data: wait until it has"),
        ("MOVED 3999 127.0.0.1:6381", "is a node of a cluster: use a server that is none"),
        ("CROSSSLOT Keys in request don't hash to the same slot", "is a node of a cluster: use a server"),
        ("ERR max number of clients reached", "has as many clients as its maxclients allows: raise that"),
        (
            "DENIED Running in protected mode because …",
            "is in protected mode, and takes connections from its own machine only: set a password",
        ),
        (
            "ERR Error compiling script (new function): user_script:1: unexpected symbol near '#'",  # Redis 6.2
            "does not know `#!lua`: it must be 7.0 or newer",
        ),
        (
            "ERR unknown command `HELLO`, with args beginning with: ",
            "lacks a command (unknown command `HELLO`, with args beginning with: ): it must be 7.0 or newer",
        ),
        (
            "ERR ACL failure in script: User u has no permissions to run the 'set' command script: on @user_script:2.",
            "does not permit this: ACL failure in script: User u has no permissions to run the 'set' command",
        ),
        (
            "ERR The user executing the script can't run this command or subcommand script: 91, on @user_script:1.",
            "does not permit this: The user executing the script can't run this command",
        ),
    ],
)
def test_a_server_s_own_words(answer: str, words: str) -> None:
    assert f"{WHERE} {words}" in explain(_RESP2Parser.parse_error(answer), SETTINGS)


def test_a_replica_behind_sentinels() -> None:
    error = NoConnectionError("The previous master is now a slave")  # as redis-py has it
    error.add_note("10.0.0.7:6379")
    settings = Settings("gate-1", redis_sentinels=(("10.0.0.1", 26379),))
    where = "Redis at 10.0.0.7:6379 (transit-pass of the sentinels 10.0.0.1:26379)"
    assert explain(error, settings).startswith(f"{where} is a replica, which takes no writes: ")


def test_no_sentinel_knows_a_primary() -> None:
    reasons: dict[str, RedisError] = {"10.0.0.1:26379": NoConnectionError("away\x1b"), "[::1]:1": AuthenticationError()}
    assert explain(NoPrimaryError(reasons), SETTINGS) == (
        "no connection to the Redis sentinel 10.0.0.1:26379 (away\\x1b): check the address and the network; "
        "the Redis sentinel [::1]:1 refuses the login: "
        f"check {PREFIX}REDIS_SENTINEL_USERNAME and {PREFIX}REDIS_SENTINEL_PASSWORD"
    )


@pytest.fixture(scope="module")
def own_server(server_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose configuration may be changed, and which cannot save: its file is a folder."""
    folder = tmp_path_factory.mktemp("troubled")
    with Server(server_program, folder, "--dbfilename", "file.rdb") as server:
        (folder / "file.rdb" / "taken").mkdir(parents=True)
        yield server


@contextmanager
def configured(redis: Any, name: str, value: str) -> Iterator[None]:
    before = redis.config_get(name)[name]
    redis.config_set(name, value)
    try:
        yield
    finally:
        redis.config_set(name, before)


def is_free(redis: Any) -> bool:
    with suppress(ResponseError):
        return bool(redis.ping())
    return False


def said_of(server: Server, script: str = WRITE) -> str:
    """Return what an operator is told of a script that does not run."""
    settings = Settings("gate-1", redis_port=server.port)
    with redis_client(settings, retries=0, socket_timeout_s=1) as redis:
        try:
            redis.eval(script, 1, "card")
        except RedisError as error:
            return explain(error, settings).removeprefix(f"Redis at 127.0.0.1:{server.port} ")
    raise AssertionError("it was carried out")


def test_no_memory(own_server: Server) -> None:
    with own_server.client() as redis, configured(redis, "maxmemory", "1"):
        assert said_of(own_server).startswith("has no memory left: raise its maxmemory")


def test_too_few_replicas(own_server: Server) -> None:
    with own_server.client() as redis, configured(redis, "min-replicas-to-write", "1"):
        assert said_of(own_server).startswith("has fewer replicas than its min-replicas-to-write: check the replicas")


def test_a_failed_save(own_server: Server) -> None:
    with own_server.client() as redis, configured(redis, "save", "3600 1"):
        redis.bgsave()
        wait_for(lambda: redis.info("persistence")["rdb_last_bgsave_status"] == "err")
        assert said_of(own_server).startswith("cannot save to its disk, and takes no writes: check that disk")


def test_a_script_that_does_not_end(own_server: Server) -> None:
    with own_server.client() as redis, own_server.client(socket_timeout=0.1) as looping:
        redis.config_set("lua-time-limit", 1)
        with pytest.raises(SlowAnswerError):
            looping.eval("while true do end", 0)
        try:
            assert said_of(own_server).startswith("is held up by a script: if it does not end, run `redis-cli SCRIPT")
        finally:
            redis.script_kill()
            wait_for(lambda: is_free(redis))


def test_a_replica_and_one_that_has_lost_its_primary(own_server: Server) -> None:
    with own_server.client() as redis:
        redis.replicaof("127.0.0.1", free_port())
        try:
            remedy = f"name its primary in {PREFIX}REDIS_HOST and {PREFIX}REDIS_PORT"
            assert said_of(own_server) == f"is a replica, which takes no writes: {remedy}"
            with configured(redis, "replica-serve-stale-data", "no"):
                assert "is a replica that has lost its primary" in said_of(own_server, "return redis.call('GET', 'a')")
        finally:
            redis.replicaof("NO", "ONE")


def test_a_right_taken_away(own_server: Server) -> None:
    with own_server.client() as redis:
        redis.execute_command("ACL", "SETUSER", "default", "-SET")
        try:
            assert said_of(own_server).startswith("does not permit this: ")
        finally:
            redis.execute_command("ACL", "SETUSER", "default", "+@all")


def test_a_node_of_a_cluster(server_program: Path, tmp_path: Path) -> None:
    with node_of_a_cluster(server_program, tmp_path) as server:
        assert said_of(server).startswith("is a node of a cluster: use a server that is none, or Sentinels")
