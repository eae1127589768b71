"""The client of Redis: whatever a server answers, it raises only errors of redis-py."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as SlowAnswerError

from common.redis_client import redis_client
from common.redis_errors import explain
from common.settings import PREFIX, Settings
from simulator.child import ending_with_parent
from simulator.server import Server, free_port
from simulator.virtual_pi.station import VirtualPi
from tests.processes import Program, wait_for
from tests.talkative_server import TalkativeServer

TIMEOUT_S = 3.0
NOT_RESP = {
    "no number": b":abc\r\n",
    "a number of 5,000 digits": b":" + b"9" * 5000 + b"\r\n",
    "a length that is no number": b"$abc\r\n",
    "a negative length": b"$-7\r\nabc\r\n",
    "a length beyond any memory": b"$999999999999999999999\r\nabc\r\n",
    "an array of no number": b"*x\r\n",
    "an array beyond any memory": b"*9223372036854775807\r\n:1\r\n",
    "50,000 nested arrays": b"*1\r\n" * 50_000 + b":1\r\n",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a redirection without address": b"-MOVED x\r\n",
    "garbage": bytes(range(256)) + b"\r\n",
    "an empty line": b"\r\n",
}


def use(redis: Redis) -> object:
    with redis.pipeline(transaction=False) as pipeline:
        pipeline.evalsha("0" * 40, 0)
        pipeline.wait(1, 1)
        return pipeline.execute(raise_on_error=False)


CALLS: list[Callable[[Redis], object]] = [
    lambda redis: redis.ping(),
    lambda redis: redis.exists("card"),
    lambda redis: redis.script_load("return 1"),
    lambda redis: redis.xrange("journal", count=1),
    lambda redis: redis.xinfo_stream("journal"),
    lambda redis: redis.execute_command("HELLO"),
    use,
]


@pytest.fixture(scope="module")
def server() -> Iterator[TalkativeServer]:
    with TalkativeServer() as server:
        yield server


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls_server(authority: trustme.CA) -> Iterator[TalkativeServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with TalkativeServer(tls=context) as server:
        yield server


@pytest.fixture(scope="module")
def sentinel(server: TalkativeServer) -> Iterator[TalkativeServer]:
    """A Sentinel that names the server as its primary."""
    with TalkativeServer(sentinel_answer(server.port)) as sentinel:
        yield sentinel


@pytest.fixture
def closed_port() -> int:
    return free_port()


def sentinel_answer(port: int, flags: str = "master") -> bytes:
    fields = ["name", "transit-pass", "ip", "127.0.0.1", "port", str(port), "flags", flags, "num-other-sentinels", "0"]
    return f"*1\r\n*{len(fields)}\r\n".encode() + b"".join(f"${len(each)}\r\n{each}\r\n".encode() for each in fields)


def to(server: TalkativeServer) -> Settings:
    return Settings("test", redis_port=server.port)


def through(sentinel: TalkativeServer) -> Settings:
    return Settings("test", redis_sentinels=(("127.0.0.1", sentinel.port),))


def client(settings: Settings) -> Redis:
    return redis_client(settings, retries=0, socket_timeout_s=TIMEOUT_S)


def reason(settings: Settings, call: Callable[[Redis], object] = CALLS[0]) -> str:
    """Return what an operator is told of the call's failure."""
    with client(settings) as redis:
        try:
            call(redis)
        except RedisError as error:
            return explain(error, settings)
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("answer", NOT_RESP.values(), ids=NOT_RESP)
def test_what_is_not_resp_is_a_broken_connection(
    answer: bytes, call: Callable[[Redis], object], server: TalkativeServer
) -> None:
    server.answer = answer
    with client(to(server)) as redis, pytest.raises(NoConnectionError):
        call(redis)


@pytest.mark.parametrize("answer", NOT_RESP.values(), ids=NOT_RESP)
def test_and_so_it_is_through_sentinels(answer: bytes, server: TalkativeServer, sentinel: TalkativeServer) -> None:
    server.answer = answer
    for call in CALLS:
        with client(through(sentinel)) as redis, pytest.raises(NoConnectionError):
            call(redis)


@pytest.mark.parametrize("answer", NOT_RESP.values(), ids=NOT_RESP)
def test_and_so_it_is_of_a_sentinel(answer: bytes) -> None:
    with (
        TalkativeServer(answer) as sentinel,
        client(through(sentinel)) as redis,
        pytest.raises(NoConnectionError),
    ):
        redis.ping()


@pytest.mark.usefixtures("no_authorities")
def test_and_so_it_is_with_tls(tls_server: TalkativeServer, authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    settings = replace(to(tls_server), redis_tls=True, redis_tls_ca=str(tmp_path / "authority.pem"))
    for answer in NOT_RESP.values():
        tls_server.answer = answer
        with client(settings) as redis, pytest.raises(NoConnectionError):
            redis.ping()
    tls_server.answer = b"+PONG\r\n"
    with client(settings) as redis:
        assert redis.ping()


replies: st.SearchStrategy[Any] = st.recursive(
    st.integers().map(lambda number: b":%d\r\n" % number)
    | st.binary(max_size=9).map(lambda text: b"$%d\r\n%s\r\n" % (len(text), text))
    | st.sampled_from([b"+OK\r\n", b"$-1\r\n", b"*-1\r\n", b"-ERR no\r\n", b"-MOVED 1 a:1\r\n", b"-LOADING\r\n"]),
    lambda children: st.lists(children, max_size=4).map(lambda each: b"*%d\r\n%s" % (len(each), b"".join(each))),
)
"""RESP, but hardly the answer to any command."""
PIECES = [b"*", b"$", b":", b"+", b"-", b"\r\n", b"-1", b"3", b"99", b"MOVED ", b"a", b"\xff"]


@given(answer=st.binary() | st.lists(st.sampled_from(PIECES)).map(b"".join) | replies, call=st.sampled_from(CALLS))
@runs(max_examples=100)
def test_no_answer_raises_anything_else(
    server: TalkativeServer, answer: bytes, call: Callable[[Redis], object]
) -> None:
    server.answer = answer
    with client(to(server)) as redis, suppress(RedisError, OSError):
        call(redis)


def test_an_operator_reads_what_was_answered(server: TalkativeServer) -> None:
    server.answer = NOT_RESP["HTTP"]
    words = "answers what is no reply of Redis (Protocol Error: b'HTTP/1.1 400 Bad Request'): check its"
    assert words in reason(to(server))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"-DENIED Redis is running in protected mode because ...\r\n", "is in protected mode, and takes connections"),
        (b"-ERR max number of clients reached\r\n", "has as many clients as its maxclients allows: raise that"),
    ],
    ids=["protected mode", "maxclients"],
)
def test_what_a_server_says_unasked_is_its_reason(greeting: bytes, words: str, call: Callable[[Redis], object]) -> None:
    with TalkativeServer(greeting) as server:
        server.greets = True
        for _ in range(5):
            assert words in reason(to(server), call)


def test_a_server_with_as_many_clients_as_it_takes(server_program: Path, tmp_path: Path) -> None:
    with Server(server_program, tmp_path) as full, full.client() as first:
        first.config_set("maxclients", 1)
        words = "has as many clients as its maxclients allows: raise that"
        for call in CALLS:
            assert words in reason(Settings("test", redis_port=full.port), call)


def test_a_server_that_ends_the_connection_at_the_first_request_may_talk_tls(server: TalkativeServer) -> None:
    server.answer = b""
    assert "before its first answer): if it talks TLS, set TRANSIT_PASS_DEMO_REDIS_TLS to yes" in reason(to(server))


def test_a_connection_that_another_thread_closes_did_not_answer_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Settings("test", redis_port=silent.getsockname()[1])
        with client(settings) as redis, ThreadPoolExecutor() as threads:
            waiting = threads.submit(redis.ping)
            accepted, _ = silent.accept()
            with accepted:
                accepted.recv(1)
                redis.connection_pool.disconnect()
                assert isinstance(waiting.exception(), SlowAnswerError)


def test_sentinels_that_are_away(closed_port: int) -> None:
    settings = Settings("test", redis_sentinels=(("127.0.0.1", closed_port), ("::1", closed_port)))
    assert reason(settings) == "; ".join(
        f"no connection to the Redis sentinel {host}:{closed_port} "
        "(Connection refused): check the address and the network"
        for host in ("127.0.0.1", "[::1]")
    )


@pytest.mark.parametrize("call", CALLS)
def test_a_primary_that_cannot_be_reached(call: Callable[[Redis], object], closed_port: int) -> None:
    with TalkativeServer(sentinel_answer(closed_port)) as sentinel:
        assert reason(through(sentinel), call) == (
            f"no connection to Redis at 127.0.0.1:{closed_port} "
            f"(transit-pass of the sentinels 127.0.0.1:{sentinel.port}) "
            "(Connection refused): check the address and the network"
        )


def test_a_primary_that_is_down_or_unknown(server: TalkativeServer) -> None:
    with TalkativeServer(sentinel_answer(7, "master,s_down")) as sentinel:
        assert "(it says that 127.0.0.1:7 is down): check" in reason(through(sentinel))
        other = replace(through(sentinel), redis_sentinel_master="city-1")
        assert "(it knows no server 'city-1'): check" in reason(other)


def test_a_sentinel_that_is_none() -> None:
    with TalkativeServer(b"-ERR unknown command 'SENTINEL', with args beginning with: 'MASTERS' \r\n") as sentinel:
        words = f"the Redis sentinel 127.0.0.1:{sentinel.port} is no Sentinel: check TRANSIT_PASS_DEMO_REDIS_SENTINELS"
        assert reason(through(sentinel)) == words


def test_the_sentinel_that_answered_is_asked_first(server: TalkativeServer, closed_port: int) -> None:
    server.answer = b"+PONG\r\n"
    with TalkativeServer(sentinel_answer(server.port)) as sentinel:
        settings = Settings("test", redis_sentinels=(("127.0.0.1", closed_port), ("127.0.0.1", sentinel.port)))
        with client(settings) as redis:
            assert redis.ping()
            pool: Any = redis.connection_pool
            first = pool.sentinel_manager.sentinels[0]
            assert first.connection_pool.connection_kwargs["port"] == sentinel.port


@pytest.fixture
def sentinel_with_password(tmp_path: Path) -> Iterator[int]:
    program = shutil.which("redis-server")
    if not program:
        pytest.skip("no redis-server, which is a Sentinel as well, on PATH")
    port, primary = free_port(), free_port()
    lines = f"port {port}\nbind 127.0.0.1\nrequirepass depot\nsentinel monitor transit-pass 127.0.0.77 {primary} 1\n"
    file = tmp_path / "sentinel.conf"
    file.write_text(lines)
    process = subprocess.Popen(
        ending_with_parent(program, str(file), "--sentinel"), cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    wait_for(lambda: answers(port))
    yield port
    process.kill()
    process.wait()


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def test_a_sentinel_with_a_password(sentinel_with_password: int) -> None:
    settings = Settings("test", redis_sentinels=(("127.0.0.1", sentinel_with_password),), redis_password="other")
    assert reason(settings) == (
        f"the Redis sentinel 127.0.0.1:{sentinel_with_password} refuses the login: "
        "check TRANSIT_PASS_DEMO_REDIS_SENTINEL_USERNAME and TRANSIT_PASS_DEMO_REDIS_SENTINEL_PASSWORD"
    )
    assert reason(replace(settings, redis_sentinel_password="depot")).startswith(
        "no connection to Redis at 127.0.0.77:"
    )


@pytest.mark.process
@pytest.mark.parametrize("module", ["entry_gate", "sales_terminal", "system_monitor"])
def test_every_program_survives_what_is_not_resp(module: str, pi: VirtualPi) -> None:
    with TalkativeServer() as server:
        environment = {**pi.environment(), f"{PREFIX}REDIS_PORT": str(server.port)}
        with Program(module, environment=environment) as program:
            for answer in ("no number", "50,000 nested arrays", "HTTP"):
                seen, server.answer = server.connections, NOT_RESP[answer]
                wait_for(lambda seen=seen: server.connections > seen + 1)  # type: ignore[misc]
            program.wait_for_error("answers what is no reply of Redis")
            assert program.process.poll() is None
            assert not [line for line in program.errors if "Traceback" in line]
