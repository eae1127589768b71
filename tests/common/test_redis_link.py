"""The connection to Redis: that every call ends, and that it recovers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from common import redis_link
from common.redis_link import RedisLink, Unavailable
from common.settings import Settings
from tests.processes import wait_for


@contextmanager
def link_to(settings: Settings, check: Any = lambda _: None) -> Iterator[RedisLink]:
    link = RedisLink(settings, check)
    try:
        yield link
    finally:
        link.close()


def test_a_call_is_answered(settings: Settings) -> None:
    with link_to(settings) as link:
        assert link.call(link.redis.ping) is True
        assert link.problem is None


def test_a_caller_waits_a_second_at_most_and_two_attempts_fit_into_it() -> None:
    assert redis_link.PATIENCE_S == 1.0
    assert 2 * redis_link.SOCKET_TIMEOUT_S < redis_link.PATIENCE_S


def test_a_refusal_of_one_command_keeps_the_link_in_service(settings: Settings) -> None:
    with link_to(settings) as link:
        with pytest.raises(Unavailable, match="reports an error: unknown command"):
            link.call(lambda: link.redis.execute_command("NONSENSE"))
        assert link.problem is None


def test_a_failed_check_keeps_the_link_out_of_service(settings: Settings) -> None:
    faults = [NoPermissionError("missing are XADD")]

    def check(_: Redis) -> None:
        if faults:
            raise faults[0]

    with link_to(settings, check) as link:
        wait_for(lambda: link.problem and "missing are XADD" in link.problem)
        with pytest.raises(Unavailable, match="missing are XADD"):
            link.call(link.redis.ping)
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
            link.call(answered.wait)
        assert link.problem == f"Redis at 127.0.0.1:{settings.redis_port} does not answer in time: check the network"
        answered.set()
        wait_for(lambda: link.problem is None)


def test_no_server(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with link_to(replace(settings, redis_port=port)) as link, pytest.raises(Unavailable, match="no connection to"):
        link.call(link.redis.ping)
