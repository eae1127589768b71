"""The connection to Redis: that every call ends, and that it recovers."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import NoPermissionError, ResponseError

from common import redis_link
from common.redis_link import RedisLink, Unavailable
from common.settings import Settings
from tests.processes import wait_for


@contextmanager
def link_to(settings: Settings, check: Any = lambda *_: None) -> Iterator[RedisLink]:
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


def test_a_fault_shows_within_3_s_without_a_call_and_is_over_within_6() -> None:
    """A check that has just passed, then two attempts; the longest pause, then a check."""
    assert redis_link.CHECK_INTERVAL_S + 2 * redis_link.SOCKET_TIMEOUT_S < 3.0
    assert redis_link.LONGEST_RETRY_S + redis_link.PATIENCE_S < 6.0


def test_a_refusal_is_out_of_service_until_the_next_check(settings: Settings) -> None:
    may_return = threading.Event()
    with link_to(settings, lambda *_: may_return.wait() and None) as link:
        may_return.set()
        wait_for(lambda: link.problem is None)
        may_return.clear()
        with pytest.raises(Unavailable, match="lacks a command"):
            link.call(lambda redis: redis.execute_command("NONSENSE"))
        assert link.problem
        may_return.set()
        wait_for(lambda: link.problem is None)


def test_a_reply_of_a_wrong_type_is_no_answer(settings: Settings) -> None:
    with link_to(settings) as link, pytest.raises(Unavailable, match="reports an error"):
        link.call(lambda redis: len(redis.ping()))  # type: ignore[arg-type]


def test_a_failed_check_keeps_the_link_out_of_service(settings: Settings) -> None:
    faults = [NoPermissionError("missing are XADD")]

    def check(*_: object) -> None:
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


def test_a_check_that_fails_while_nobody_calls_is_out_of_service(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_link, "CHECK_INTERVAL_S", 0.02)
    faults: list[Exception] = []

    def check(*_: object) -> None:
        if faults:
            raise faults[0]

    with link_to(settings, check) as link:
        wait_for(lambda: link.problem is None)
        faults.append(ResponseError("READONLY"))
        problem = wait_for(lambda: link.problem)
        assert problem.startswith(f"Redis at 127.0.0.1:{settings.redis_port} is a replica, which takes no writes")


def test_a_check_that_hangs_while_nobody_calls_is_out_of_service(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the look-up of a name, which no time-out of a socket limits."""
    monkeypatch.setattr(redis_link, "CHECK_INTERVAL_S", 0.02)
    monkeypatch.setattr(redis_link, "PATIENCE_S", 0.05)
    may_return = threading.Event()
    may_return.set()
    with link_to(settings, lambda *_: may_return.wait() and None) as link:
        wait_for(lambda: link.problem is None)
        may_return.clear()
        problem = wait_for(lambda: link.problem)
        assert problem == f"Redis at 127.0.0.1:{settings.redis_port} does not answer in time: check the network"
        may_return.set()
        wait_for(lambda: link.problem is None)


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
    with link_to(settings, lambda *_: may_return.wait() and None) as link:
        with pytest.raises(Unavailable):
            link.call(lambda _: sent.append("late"))
        may_return.set()
        link.call(Redis.ping)
    assert sent == []


def test_a_command_whose_time_is_up_during_the_check_is_not_sent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    may_return = threading.Event()
    may_return.set()
    with link_to(settings, lambda *_: may_return.wait() and None) as link:
        wait_for(lambda: link.problem is None)
        may_return.clear()
        with pytest.raises(Unavailable, match="unknown command"):
            link.call(lambda redis: redis.execute_command("NONSENSE"))
        monkeypatch.setattr(redis_link, "PATIENCE_S", 0.05)
        with pytest.raises(Unavailable, match="does not answer in time"):
            link.call(lambda _: sent.append("late"))
        monkeypatch.undo()
        may_return.set()
        wait_for(lambda: link.problem is None)
        link.call(Redis.ping)
    assert sent == []


def test_a_caller_who_gives_up_does_not_tell_anew_what_the_check_has_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As with a name server that hangs: each look-up ends after ten seconds, and calls end before."""
    monkeypatch.setattr(redis_link, "PATIENCE_S", 0.05)
    monkeypatch.setattr(redis_link, "LONGEST_RETRY_S", 0.0)
    may_fail = threading.Semaphore(1)

    def check(*_: object) -> None:
        may_fail.acquire()
        raise NoConnectionError("Temporary failure in name resolution")

    with link_to(settings, check) as link:
        wait_for(lambda: link.problem and "name resolution" in link.problem)
        for _ in range(3):
            with pytest.raises(Unavailable, match="does not answer in time"):
                link.call(Redis.ping)
            may_fail.release()
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        may_fail.release(10)


def test_no_server(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with link_to(replace(settings, redis_port=port)) as link, pytest.raises(Unavailable, match="no connection to"):
        link.call(Redis.ping)
