"""The users of deploy/users.acl: what each may do, and what each may not, on a real server."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha1
from pathlib import Path

import pytest
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from common.keys import CHANNELS, DEVICE_STATUS, DEVICES, JOURNAL, RECEIPT_PREFIX, SPENT_PREFIX
from common.rights import TO_CHANGE, TO_PULSE, TO_SEE_DEVICES, TO_SELL, TO_TELL, TO_USE, TO_VIEW
from simulator.server import Server
from system_monitor.device_watch import TO_PULSE as TO_PULSE_OF_A_MONITOR
from system_monitor.redis_source import NEEDS
from tests.deploy.users import OPERATOR, log_in, users
from tests.processes import REPOSITORY

CARD, RECEIPT, SPENT = "43405556992", RECEIPT_PREFIX + "1", SPENT_PREFIX + "43405556992"

CONNECTION = [("PING",), ("WAIT", "0", "1"), ("SCRIPT", "LOAD", "return 1")]
SCRIPT = ("EVALSHA", sha1(b"return 1").hexdigest(), "4", CARD, RECEIPT, JOURNAL, SPENT)
MAY: dict[str, Sequence[tuple[str, ...]]] = {
    "terminal": [*CONNECTION, SCRIPT, ("EXISTS", CARD), *TO_TELL],
    "gate": [*CONNECTION, SCRIPT],
    "monitor": [
        ("PING",),
        ("PSUBSCRIBE", *CHANNELS),
        *NEEDS,
        *TO_SEE_DEVICES,
        *TO_PULSE_OF_A_MONITOR,
    ],
    "office": [*CONNECTION, SCRIPT, *TO_VIEW, ("GET", RECEIPT)],
    "viewer": [("PING",), *TO_VIEW],
}
IN_SCRIPTS = {"terminal": [*TO_SELL, *TO_PULSE], "gate": [*TO_USE, *TO_PULSE], "office": TO_CHANGE}

NOBODY = [
    ("ACL", "LIST"),
    ("CLIENT", "LIST"),
    ("CONFIG", "GET", "requirepass"),
    ("CONFIG", "SET", "appendonly", "no"),
    ("DEL", JOURNAL),
    ("DEL", CARD),
    ("DEL", DEVICES),
    ("DEL", RECEIPT),
    ("DEL", SPENT),
    ("EXPIRE", JOURNAL, "1"),
    ("FLUSHALL",),
    ("GET", CARD),
    ("HDEL", DEVICES, "gate-2"),
    ("EVAL", "return 1", "0"),
    ("GET", "another"),
    ("KEYS", "*"),
    ("MONITOR",),
    ("PSUBSCRIBE", "*"),
    ("PUBLISH", "another", ""),
    ("RENAME", CARD, "another"),
    ("RENAME", CARD, JOURNAL),
    ("RENAME", SPENT, CARD),
    ("REPLICAOF", "NO", "ONE"),
    ("SAVE",),
    ("SCRIPT", "FLUSH"),
    ("SET", CARD, ""),
    ("SET", JOURNAL, ""),
    ("SHUTDOWN", "NOSAVE"),
    ("XDEL", JOURNAL, "1-1"),
    ("XTRIM", JOURNAL, "MAXLEN", "0"),
]
SELLING = [("HSET", CARD, "passType", "TEN_TRIP"), ("PUBLISH", "pass-issued:TEN_TRIP", "")]
USING = [
    ("EXPIRE", CARD, "1"),
    ("HGETALL", CARD),
    ("HINCRBY", CARD, "tripsRemaining", "-1"),
    ("PUBLISH", "pass-activated:TWO_HOUR", ""),
    ("PUBLISH", "pass-denied", ""),
    ("PUBLISH", "pass-reversed:TEN_TRIP", ""),
    ("PUBLISH", "pass-used:TEN_TRIP", ""),
    ("RENAME", CARD, SPENT),
    ("RENAMENX", SPENT, CARD),
]
WRITING = [
    SCRIPT,
    ("EXPIRE", RECEIPT, "1"),
    ("SETEX", RECEIPT, "1", ""),
    ("XADD", JOURNAL, "*", "channel", "pass-denied", "payload", "{}"),
    ("PUBLISH", DEVICE_STATUS, ""),
]
CHANGING = [("HDEL", CARD, "blocked"), ("PUBLISH", "pass-voided", ""), ("RENAMENX", CARD, "77")]
READING = [*USING, *SELLING, *CHANGING, *WRITING, ("GET", RECEIPT), ("EXISTS", CARD), ("XINFO", "GROUPS", JOURNAL)]
MAY_NOT = {
    "terminal": [*NOBODY, *USING, *CHANGING, ("PSUBSCRIBE", "pass-*"), ("HGETALL", DEVICES)],
    "gate": [*NOBODY, *SELLING, *CHANGING, ("PSUBSCRIBE", "pass-*"), ("HGETALL", DEVICES)],
    "monitor": [*NOBODY, *READING],
    "office": [
        *(command for command in NOBODY if command not in {("DEL", CARD), ("HDEL", DEVICES, "gate-2")}),
        ("EXPIRE", CARD, "1"),
        ("HGETALL", SPENT),
        ("PSUBSCRIBE", "pass-*"),
        ("PUBLISH", "pass-used:TEN_TRIP", ""),
        ("RENAME", CARD, SPENT),
        ("RENAMENX", CARD, SPENT),
        ("RENAMENX", SPENT, CARD),
    ],
    "viewer": [*(command for command in [*NOBODY, *READING] if command != ("HGETALL", CARD)), ("PSUBSCRIBE", "pass-*")],
}


def test_the_file_is_made_from_the_tables_that_the_programs_check() -> None:
    assert (REPOSITORY / "deploy/users.acl").read_text().splitlines() == users()


def pairs(table: Mapping[str, Sequence[tuple[str, ...]]]) -> list[tuple[str, tuple[str, ...]]]:
    return [(user, command) for user, commands in table.items() for command in commands]


@pytest.fixture(scope="module")
def guarded(server_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with these users, a pass, a receipt and a journal."""
    folder = tmp_path_factory.mktemp("guarded")
    users = folder / "users.acl"
    users.write_text((REPOSITORY / "deploy/users.acl").read_text() + OPERATOR)
    with Server(server_program, folder, "--aclfile", str(users)) as server:
        with server.client(username="operator", password="operator") as redis:
            redis.script_load("return 1")
            redis.hset(CARD, mapping={"passType": "TEN_TRIP", "tripsRemaining": "1000"})
            redis.set(RECEIPT, f"1 {CARD} granted TEN_TRIP")
            redis.xadd(JOURNAL, {"channel": "pass-denied", "payload": "{}"})
        yield server


@pytest.mark.parametrize(("user", "command"), pairs(MAY), ids=str)
def test_may(guarded: Server, user: str, command: tuple[str, ...]) -> None:
    with log_in(guarded, user) as redis:
        redis.execute_command(*command)


@pytest.mark.parametrize(("user", "command"), pairs(IN_SCRIPTS), ids=str)
def test_may_in_scripts(guarded: Server, user: str, command: tuple[str, ...]) -> None:
    with log_in(guarded, user) as redis:
        assert redis.register_script("return redis.acl_check_cmd(unpack(ARGV))")(args=command) == 1


@pytest.mark.parametrize(("user", "command"), pairs(MAY_NOT), ids=str)
def test_may_not(guarded: Server, user: str, command: tuple[str, ...]) -> None:
    with log_in(guarded, user) as redis, pytest.raises(NoPermissionError):
        redis.execute_command(*command)


@pytest.mark.parametrize(
    ("user", "command"), pairs({"terminal": [*USING, *CHANGING], "gate": [*SELLING, *CHANGING]}), ids=str
)
def test_may_not_in_scripts_either(guarded: Server, user: str, command: tuple[str, ...]) -> None:
    with (
        log_in(guarded, user) as redis,
        pytest.raises(ResponseError, match=r"ACL failure|The user executing the script can't"),
    ):
        redis.register_script("return redis.call(unpack(ARGV))")(args=command)


def rights() -> Iterator[tuple[str, str, str]]:
    """Each user, each right that the file grants, and the user's rules without it."""
    for line in (REPOSITORY / "deploy/users.acl").read_text().splitlines()[1:]:
        _, user, rules = line.split(" ", 2)
        for right in re.finditer(r"[+&~%][^ )]+", rules):
            yield user, right[0], f"{rules[: right.start()]}{rules[right.end() :]}"


@pytest.mark.parametrize(
    ("user", "right", "without"), [pytest.param(*each, id=" ".join(each[:2])) for each in rights()]
)
def test_each_right_is_needed(guarded: Server, user: str, right: str, without: str) -> None:
    needed = [*MAY[user], *IN_SCRIPTS.get(user, ())]
    with guarded.client(username="operator", password="operator") as redis:
        redis.execute_command("ACL", "SETUSER", "other", "reset", *re.findall(r"\([^)]*\)|[^ ]+", without))
        assert any(redis.execute_command("ACL", "DRYRUN", "other", *command) != "OK" for command in needed), right


NEEDED_BY_1_0_0: dict[str, Sequence[tuple[str, ...]]] = {
    "gate": [
        ("EVAL", "", "2", CARD, RECEIPT),
        ("DEL", CARD),
        ("EXPIRE", RECEIPT, "1"),
        ("XREVRANGE", JOURNAL, "+", "-"),
    ],
    "terminal": [("EVAL", "", "2", CARD, RECEIPT), ("EXPIRE", RECEIPT, "1"), ("XREVRANGE", JOURNAL, "+", "-")],
    "monitor": [("PUNSUBSCRIBE",)],
}


def test_the_page_on_operation_grants_what_version_1_0_0_needs_besides(guarded: Server) -> None:
    page = (REPOSITORY / "docs/operating.md").read_text()
    with guarded.client(username="operator", password="operator") as redis:
        for command in re.findall(r"^redis-cli (ACL SETUSER .+)$", page, re.MULTILINE):
            redis.execute_command(*shlex.split(command))
        answers = [redis.execute_command("ACL", "DRYRUN", user, *command) for user, command in pairs(NEEDED_BY_1_0_0)]
        redis.acl_load()
    assert set(answers) == {"OK"}


def test_no_right_is_a_category_of_commands_or_a_pattern_of_channels() -> None:
    broad = [
        (user, right) for user, right, _ in rights() if right.startswith("+@") or re.fullmatch("&.*[*?[].*", right)
    ]
    assert broad == [("monitor", f"&{CHANNELS[0]}")]


def test_nobody_logs_in_without_a_user(guarded: Server) -> None:
    with guarded.client() as redis, pytest.raises(AuthenticationError):
        redis.ping()
