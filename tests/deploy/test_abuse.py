"""What a stolen device can do: each abuse is tried as each user, and refused, or named in docs/guarantees.md."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as NoConnectionError

from common.keys import JOURNAL, RECEIPT_PREFIX, SPENT_PREFIX
from simulator.server import Server
from tests.deploy.users import OPERATOR, USERS, log_in, users
from tests.docs.documents import document
from tests.processes import REPOSITORY

CARD, OTHER_CARD = "43405556992", "1302123111085380"
ENDLESS = "while true do end"
LAST_ID = f"{2**64 - 1}-{2**64 - 1}"
EVENT = ("channel", "pass-denied", "payload", "{}")

Abuse = Callable[[Redis], object]


def command(*words: str) -> Abuse:
    return lambda redis: redis.execute_command(*words)


def any_of(*abuses: Abuse) -> Abuse:
    """Succeed if one of them does."""

    def try_all(redis: Redis) -> None:
        refusals = []
        for abuse in abuses:
            try:
                abuse(redis)
            except NoPermissionError as error:
                refusals.append(error)
        if len(refusals) == len(abuses):
            raise refusals[0]

    return try_all


def in_turn(*abuses: Abuse) -> Abuse:
    """Succeed if all of them do."""

    def do_all(redis: Redis) -> None:
        for abuse in abuses:
            abuse(redis)

    return do_all


def fill_the_memory(redis: Redis) -> None:
    redis.execute_command("SETEX", RECEIPT_PREFIX + "x", 1, "x" * 60_000_000)


def run_endlessly(redis: Redis) -> None:
    """Run a script until the operator kills it, or fail at once."""
    endless = redis.script_load(ENDLESS)
    try:
        redis.evalsha(endless, 1, CARD)
    except ResponseError as error:
        if "killed" not in str(error):
            raise


ABUSES: Mapping[str, Abuse] = {
    "read the pass of a card whose number is known": any_of(
        command("HGETALL", CARD), command("HMGET", CARD, "passType", "tripsRemaining", "blocked")
    ),
    "give a card a new pass": command("HSET", OTHER_CARD, "passType", "TWO_HOUR"),
    "add trips to a ten trip pass": any_of(
        command("HINCRBY", CARD, "tripsRemaining", "1000"), command("HSET", CARD, "tripsRemaining", "1000")
    ),
    "make the two hours of a pass last for years": command("EXPIRE", CARD, "1000000000"),
    "spoil or delete a pass": any_of(
        command("EXPIRE", CARD, "0"), command("HSET", CARD, "passType", "x"), command("DEL", CARD)
    ),
    "block a pass": command("HSET", CARD, "blocked", "x"),
    "put a used-up pass back on a card, or on another one": command("RENAMENX", SPENT_PREFIX + CARD, "77"),
    "move a pass to another card": any_of(
        in_turn(command("RENAME", CARD, SPENT_PREFIX + "9"), command("RENAMENX", SPENT_PREFIX + "9", OTHER_CARD)),
        command("RENAMENX", CARD, OTHER_CARD),
    ),
    "add false events": command("XADD", JOURNAL, "*", *EVENT),
    "empty the journal": command("XADD", JOURNAL, "MAXLEN", "0", "*", *EVENT),
    "put every device out of service, by an entry with the last possible id": command("XADD", JOURNAL, LAST_ID, *EVENT),
    "fill the memory": fill_the_memory,
    "keep the server busy with an endless script": run_endlessly,
    "read all events: which card was where, and when": command("XRANGE", JOURNAL, "-", "+"),
    "list the cards, or all keys": any_of(command("KEYS", "*"), command("SCAN", "0"), command("RANDOMKEY")),
    "delete other keys, the journal among them, or all data": any_of(
        command("DEL", SPENT_PREFIX + CARD),
        command("DEL", JOURNAL),
        command("UNLINK", JOURNAL),
        command("XTRIM", JOURNAL, "MAXLEN", "0"),
        command("FLUSHALL"),
    ),
    "read or change the configuration or the users": any_of(
        command("CONFIG", "GET", "*"),
        command("ACL", "LIST"),
        command("ACL", "SETUSER", "me"),
    ),
    "read the events of others as they happen": any_of(command("PSUBSCRIBE", "pass-*"), command("MONITOR")),
}
NAMED = {
    abuse: dict(zip(("gate", "terminal", "monitor", "office", "viewer"), outcomes, strict=True))
    for abuse, *outcomes in document("docs/guarantees.md").table("with the password of a")
}


@pytest.fixture(scope="module")
def guarded(server_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guarded")
    acl = folder / "users.acl"
    acl.write_text((REPOSITORY / "deploy/users.acl").read_text() + OPERATOR)
    with Server(server_program, folder, "--aclfile", str(acl), "--busy-reply-threshold", "50") as server:
        yield server


@pytest.fixture
def operator(guarded: Server) -> Iterator[Redis]:
    """The operator's client, with a pass, a used-up pass and a journal in Redis."""
    with guarded.client(username="operator", password="operator") as redis:
        redis.flushall()
        redis.hset(CARD, mapping={"passType": "TEN_TRIP", "tripsRemaining": "10"})
        redis.hset(SPENT_PREFIX + CARD, "passType", "SINGLE_USE")
        redis.xadd(JOURNAL, {"channel": "pass-denied", "payload": "{}"})
        yield redis


def kill_scripts(operator: Redis, is_over: threading.Event) -> None:
    while not is_over.wait(0.02):
        try:
            operator.script_kill()
        except RedisError:
            continue


def test_the_page_names_every_abuse_that_is_tried() -> None:
    assert NAMED.keys() == ABUSES.keys()


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("abuse", ABUSES)
def test_it_is_refused_or_named(guarded: Server, operator: Redis, user: str, abuse: str) -> None:
    is_over = threading.Event()
    killer = threading.Thread(target=kill_scripts, args=(operator, is_over))
    killer.start()
    try:
        with log_in(guarded, user) as redis:
            ABUSES[abuse](redis)
        outcome = "yes"
    except NoPermissionError:
        outcome = "no"
    finally:
        is_over.set()
        killer.join()
    assert NAMED[abuse][user] == outcome


def test_one_command_ends_it(guarded: Server, operator: Redis) -> None:
    rights = users()[2].partition(" >change-me-gate ")[2]
    operator.execute_command("ACL", "SETUSER", "gate-2", "on", ">stolen", *re.findall(r"\([^)]*\)|[^ ]+", rights))
    with guarded.client(username="gate-2", password="stolen") as thief:
        thief.ping()
        operator.acl_deluser("gate-2")
        with pytest.raises((NoConnectionError, AuthenticationError)):
            thief.ping()
        with pytest.raises(AuthenticationError):
            thief.ping()
