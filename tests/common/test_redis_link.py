"""The connection to Redis: its messages to an operator, and that every call ends."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import TimeoutError as SlowAnswerError

from common import redis_link
from common.redis_link import RedisLink, Unavailable, explain, redis_client
from common.settings import PREFIX, Settings
from tests.processes import wait_for

SETTINGS = Settings("gate-1", redis_host="redis.example")
WHERE = "Redis at redis.example:6379"


def caused_by(error: Exception, cause: Exception) -> Exception:
    error.__context__ = cause
    return error


def bad_certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError()
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
        (ResponseError("OOM"), f"{WHERE} reports an error: OOM"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_messages_to_an_operator(error: Exception, words: str) -> None:
    assert explain(error, SETTINGS) == words


def test_sentinels_in_the_settings_are_asked() -> None:
    client = redis_client(replace(SETTINGS, redis_sentinels=(("::1", 1),)), retries=0, socket_timeout_s=0.1)
    with client, pytest.raises(RedisError, match="transit-pass"):
        client.ping()


@contextmanager
def link_to(settings: Settings, check: Any = lambda _: None) -> Iterator[RedisLink]:
    link = RedisLink(settings, check)
    try:
        yield link
    finally:
        link.close()


def test_a_call_is_answered(settings: Settings) -> None:
    with link_to(settings) as link:
        assert link.call(Redis.ping) is True
        assert link.problem is None


def test_a_caller_waits_a_second_at_most_and_two_attempts_fit_into_it() -> None:
    assert redis_link.PATIENCE_S == 1.0
    assert 2 * redis_link.SOCKET_TIMEOUT_S < redis_link.PATIENCE_S


def test_a_refusal_is_out_of_service_until_the_next_check(settings: Settings) -> None:
    may_return = threading.Event()
    with link_to(settings, lambda _: may_return.wait() and None) as link:
        may_return.set()
        wait_for(lambda: link.problem is None)
        may_return.clear()
        with pytest.raises(Unavailable, match="reports an error: unknown command"):
            link.call(lambda redis: redis.execute_command("NONSENSE"))
        assert link.problem
        may_return.set()
        wait_for(lambda: link.problem is None)


def test_a_failed_check_keeps_the_link_out_of_service(settings: Settings) -> None:
    faults = [NoPermissionError("missing are XADD")]

    def check(_: Redis) -> None:
        if faults:
            raise faults[0]

    with link_to(settings, check) as link:
        wait_for(lambda: link.problem and "missing are XADD" in link.problem)
        with pytest.raises(Unavailable, match="missing are XADD"):
            link.call(Redis.ping)
        faults.clear()
        wait_for(lambda: link.problem is None)


def test_a_call_that_takes_too_long_ends_and_the_link_recovers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_link, "PATIENCE_S", 0.05)
    answered = threading.Event()
    with link_to(settings) as link:
        wait_for(lambda: link.problem is None)
        with pytest.raises(Unavailable, match="does not answer in time"):
            link.call(lambda _: answered.wait())
        assert link.problem == f"Redis at 127.0.0.1:{settings.redis_port} does not answer in time: check the network"
        answered.set()
        wait_for(lambda: link.problem is None)


def test_a_check_that_fails_while_nobody_calls_is_out_of_service(settings: Settings) -> None:
    faults: list[Exception] = []

    def check(_: Redis) -> None:
        if faults:
            raise faults[0]

    with link_to(settings, check) as link:
        wait_for(lambda: link.problem is None)
        faults.append(ResponseError("READONLY"))
        wait_for(lambda: link.problem)
        assert link.problem == f"Redis at 127.0.0.1:{settings.redis_port} reports an error: READONLY"


def test_an_answer_that_comes_after_the_time_is_none(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a program that is stopped and continued: its future is done when it looks."""
    with link_to(settings) as link:
        wait_for(lambda: link.problem is None)
        later = time.monotonic() + 2

        def answer_then_stop(_: Redis) -> str:
            monkeypatch.setattr(time, "monotonic", lambda: later)
            return "granted"

        with pytest.raises(Unavailable, match="does not answer in time"):
            link.call(answer_then_stop)


def test_a_command_whose_time_is_up_before_it_was_sent_is_not_sent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_link, "PATIENCE_S", 0.05)
    sent: list[str] = []
    may_return = threading.Event()
    with link_to(settings, lambda _: may_return.wait() and None) as link:
        with pytest.raises(Unavailable):
            link.call(lambda _: sent.append("late"))
        may_return.set()
        link.call(Redis.ping)
    assert sent == []


def test_no_server(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with link_to(replace(settings, redis_port=port)) as link, pytest.raises(Unavailable, match="no connection to"):
        link.call(Redis.ping)
