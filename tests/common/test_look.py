"""A look at a card, on a real server."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from common.look import look
from common.passes import HeldPass
from simulator.fault_proxy import Chunk, Direction, FaultProxy
from simulator.server import Server
from tests.talkative_server import TalkativeServer

CARD = "43405556992"
BEFORE = "+ping +exists ~[0-9]*"  # a terminal's rights to look before it told what is left


def log_in(server: Server, *rules: str) -> Redis:
    """Make a user with these rights, and return its client."""
    with server.client() as redis:
        redis.execute_command("ACL", "SETUSER", "looking", "reset", "on", ">secret", *rules)
    return server.client(username="looking", password="secret")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"passType": "SINGLE_USE"}, {"passType": "SINGLE_USE"}),
        ({"passType": "TEN_TRIP", "tripsRemaining": "7"}, {"passType": "TEN_TRIP", "tripsRemaining": "7"}),
        ({"passType": "TWO_HOUR", "blocked": ""}, {"passType": "TWO_HOUR", "blocked": ""}),
        ({"note": "x"}, {}),
    ],
)
def test_a_pass(redis: Redis, fields: Any, told: Mapping[str, str]) -> None:
    redis.hset(CARD, mapping={**fields})
    before = redis.dump(CARD)
    assert look(redis, CARD) == HeldPass(told, None)
    assert redis.dump(CARD) == before


def test_time_left(redis: Redis) -> None:
    redis.hset(CARD, mapping={"passType": "TWO_HOUR"})
    redis.expire(CARD, 7200)
    held = look(redis, CARD)
    assert held
    assert held.remaining_s in range(7190, 7201)


def test_no_pass(redis: Redis) -> None:
    assert look(redis, CARD) is None


@pytest.mark.parametrize("command", [("SET", CARD, "x"), ("RPUSH", CARD, "x"), ("XADD", CARD, "*", "passType", "x")])
def test_a_key_of_another_type_is_a_pass_without_a_field(redis: Redis, command: tuple[str, ...]) -> None:
    redis.execute_command(*command)
    assert look(redis, CARD) == HeldPass({}, None)


@pytest.mark.parametrize("rules", [(BEFORE,), (BEFORE, "+ttl"), (BEFORE, "+hmget")], ids=str)
def test_who_may_not_read_it_learns_that_there_is_one(
    server: Server, redis: Redis, rules: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with log_in(server, *" ".join(rules).split()) as user:
        assert look(user, CARD) is None
        redis.hset(CARD, mapping={"passType": "TWO_HOUR"})
        assert look(user, CARD) == HeldPass(None, None)
    assert caplog.messages[-1].startswith("what is left on a card is not told: ")
    assert caplog.messages[-1].endswith(": compare with deploy/users.acl")


def test_who_may_not_even_ask_is_refused(server: Server) -> None:
    with log_in(server, "+ping", "~*") as user, pytest.raises(NoPermissionError):
        look(user, CARD)


def test_whatever_a_server_answers_the_fields_are_texts() -> None:
    with (
        TalkativeServer(b":1\r\n:-1\r\n*3\r\n:5\r\n*1\r\n$1\r\nx\r\n$-1\r\n") as server,
        Redis(port=server.port, decode_responses=True, protocol=2, driver_info=None) as redis,
    ):
        assert look(redis, CARD) == HeldPass({"passType": "5", "tripsRemaining": "['x']"}, None)


def test_it_is_one_round_trip(server: Server, redis: Redis) -> None:
    redis.hset(CARD, mapping={"passType": "TWO_HOUR"})
    chunks: list[Chunk] = []
    with FaultProxy(server.port) as proxy, Redis(port=proxy.port, decode_responses=True) as far:
        far.ping()
        proxy.listener = chunks.append
        assert look(far, CARD) == HeldPass({"passType": "TWO_HOUR"}, None)
    assert len([chunk for chunk in chunks if chunk.direction is Direction.REQUEST]) == 1
