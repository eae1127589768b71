"""The back office as somebody at the desk runs it."""

import getpass
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from redis import Redis

from back_office import __main__ as back_office
from back_office import options, show
from common.daemon import version
from common.keys import DEVICE_STATUS, JOURNAL, RECEIPT_PREFIX
from common.settings import PREFIX
from simulator.server import Server
from tests.deploy.users import users
from tests.journal import entries
from tests.processes import REPOSITORY

CARD, OTHER, UID = "43405556992", "1303689068602870", "uid:04A1B2C3D4E5F6"
TEN: Any = {"passType": "TEN_TRIP", "tripsRemaining": "7"}
Desk = Callable[..., tuple[object, list[str], str]]


@pytest.fixture
def desk(server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    """Run a command; return its status, the lines of its output, and its errors."""
    monkeypatch.setenv(f"{PREFIX}REDIS_PORT", str(server.port))
    monkeypatch.setenv(f"{PREFIX}DEVICE", "desk-1")

    def run(*arguments: str) -> tuple[object, list[str], str]:
        status: object = 0
        error = ""
        try:
            back_office.main(arguments)
        except SystemExit as end:
            status, error = (1, f"{end.code}\n") if isinstance(end.code, str) else (end.code, "")
        output, errors = capsys.readouterr()
        return status, output.splitlines(), errors + error

    return run


@pytest.fixture
def as_user(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Let the next commands run as one of the users of deploy/users.acl."""
    added = []

    def log_in(user: str) -> None:
        (line,) = (line for line in users() if line.startswith(f"user {user} "))
        redis.execute_command("ACL", "SETUSER", user, *re.findall(r"\([^)]*\)|[^ ]+", line.split(" ", 2)[2]))
        monkeypatch.setenv(f"{PREFIX}REDIS_USERNAME", user)
        monkeypatch.setenv(f"{PREFIX}REDIS_PASSWORD", f"change-me-{user}")
        added.append(user)

    yield log_in
    for user in added:
        redis.acl_deluser(user)


def the_id(output: list[str]) -> str:
    (line,) = (line for line in output if line.startswith("id "))
    return line.split()[1]


def owe(redis: Redis, card: str = CARD, tap: str = "ab-1") -> None:
    payload = {"cardSerialNumber": card, "tap": tap, "pass": {"passType": "SINGLE_USE"}}
    redis.xadd(JOURNAL, {"channel": "pass-owed:SINGLE_USE", "payload": json.dumps(payload)})


def test_a_lost_card(desk: Desk, redis: Redis, as_user: Callable[[str], None]) -> None:
    """As the user of deploy/users.acl: block, move, unblock; every command once."""
    as_user("office")
    assert desk("issue", CARD, "ten")[0] == 0
    status, output, errors = desk("block", CARD, "--reason", "lost", "--operator", "alice")
    assert (status, errors) == (0, "")
    assert output == [
        f"before  card {CARD}: ten trip, 10 trips left",
        f"after   card {CARD}: ten trip, 10 trips left, blocked: lost",
        f"id      {the_id(output)}",
        "done",
    ]
    redis.hset(CARD, "tripsRemaining", "7")
    status, output, _ = desk("move", CARD, UID)
    assert output[:4] == [
        f"before  card {CARD}: ten trip, 7 trips left, blocked: lost",
        f"before  card {OTHER}: no pass",
        f"after   card {CARD}: no pass",
        f"after   card {OTHER}: ten trip, 7 trips left, blocked: lost",
    ]
    assert desk("unblock", UID)[0] == 0
    assert desk("credit", UID, "2")[0] == 0
    assert redis.hgetall(OTHER) == {**TEN, "tripsRemaining": "9"}
    owe(redis, OTHER)
    assert desk("reverse", "ab-1")[0] == 0
    assert desk("void", UID, "--reason", "refunded")[0] == 0
    kinds = [entry.channel for entry in entries(redis)]
    assert kinds == [
        "pass-issued:TEN_TRIP",
        "pass-blocked",
        "pass-moved",
        "pass-unblocked",
        "pass-credited",
        "pass-owed:SINGLE_USE",
        "pass-reversed:TEN_TRIP",
        "pass-voided",
    ]
    assert entries(redis)[1].event["device"] == "desk-1 (alice)"
    assert entries(redis)[2].event["device"] == f"desk-1 ({getpass.getuser()})"


CHANGES = [
    (("issue", OTHER, "single"), {}),
    (("block", CARD, "--reason", "lost"), {}),
    (("unblock", CARD), {"blocked": "lost"}),
    (("move", CARD, OTHER), {}),
    (("credit", CARD), {}),
    (("reverse", "ab-1"), {}),
    (("void", CARD, "--reason", "x"), {}),
]
EACH = pytest.mark.parametrize(
    ("command", "more"), CHANGES, ids=lambda each: each[0] if isinstance(each, tuple) else ""
)


def prepare(redis: Redis, more: Any) -> None:
    redis.hset(CARD, mapping={**TEN, **more})
    owe(redis)


@EACH
def test_an_id_repeats_a_change_and_does_nothing_twice(
    desk: Desk, redis: Redis, command: tuple[str, ...], more: dict[str, str]
) -> None:
    prepare(redis, more)
    id_ = the_id(desk(*command)[1])
    before = [redis.hgetall(CARD), redis.hgetall(OTHER), entries(redis)]
    status, output, errors = desk(*command, "--id", id_)
    assert (status, errors) == (0, "")
    assert output == [
        f"done before: {output[0].split()[2]} of card {command[1] if command[1] != 'ab-1' else CARD}, id {id_}"
    ]
    assert [redis.hgetall(CARD), redis.hgetall(OTHER), entries(redis)] == before


@EACH
def test_an_id_that_is_not_known_yet_is_used(
    desk: Desk, redis: Redis, command: tuple[str, ...], more: dict[str, str]
) -> None:
    prepare(redis, more)
    assert the_id(desk(*command, "--id", "0" * 16)[1]) == "0" * 16
    assert redis.exists(f"{RECEIPT_PREFIX}{'0' * 16}")


def test_an_id_of_another_change_is_refused(desk: Desk, redis: Redis) -> None:
    prepare(redis, {})
    id_ = the_id(desk("credit", CARD, "1")[1])
    for command in (("credit", CARD, "2"), ("credit", OTHER, "1"), ("void", CARD, "--reason", "x")):
        status, output, errors = desk(*command, "--id", id_)
        assert (status, output) == (1, [])
        assert errors == f"back-office: {id_} is the id of another change: credit:1 of card {CARD}\n"


@EACH
def test_a_viewer_changes_nothing(
    desk: Desk, redis: Redis, as_user: Callable[[str], None], command: tuple[str, ...], more: dict[str, str]
) -> None:
    prepare(redis, more)
    before = [redis.hgetall(CARD), redis.hgetall(OTHER), entries(redis)]
    as_user("viewer")
    status, _, errors = desk(*command)
    assert status == 1
    assert errors.count("\n") == 1
    assert "check the rights of this device's user" in errors
    assert [redis.hgetall(CARD), redis.hgetall(OTHER), entries(redis)] == before


def test_a_viewer_sees_the_devices_and_the_day(desk: Desk, redis: Redis, as_user: Callable[[str], None]) -> None:
    assert desk("issue", CARD, "ten", "--operator", "alice")[0] == 0
    as_user("viewer")
    status, output, errors = desk("devices")
    assert (status, output[-1], errors) == (0, "0 devices", "")
    status, output, errors = desk("report", "--from", "1970-01-01", "--csv")
    assert (status, errors) == (0, "")
    assert output[1].partition(",")[2] == "sale,desk-1 (alice),TEN_TRIP,,1"


REFUSED = [
    (("block", OTHER, "--reason", "lost"), f"card {OTHER} holds no pass"),
    (("unblock", CARD), f"the pass on card {CARD} is not blocked: ten trip, 7 trips left"),
    (("move", CARD, "12"), "card 12 holds a pass already: single trip"),
    (("credit", CARD, "4"), f"card {CARD} would have more than ten trips: ten trip, 7 trips left"),
    (("credit", "13"), "card 13 is left as it is: it holds an invalid pass: passType '\\x1b[2J'"),
    (("issue", CARD, "single"), f"card {CARD} holds a pass already: ten trip, 7 trips left"),
    (("void", "13", "--reason", "x"), "card 13 is left as it is: it holds an invalid pass: .*"),
    (("void", "14", "--reason", "x"), "card 14 is left as it is: it holds a key that is no hash, so no pass"),
    (("reverse", "ab-2"), "the journal has no trip that is owed for tap ab-2: .*"),
    (("show", OTHER), rf"card {OTHER} is not known: it holds no pass, and has no event in the whole journal, .*"),
]


@pytest.mark.parametrize(("command", "line"), REFUSED)
def test_a_refusal_is_one_line(desk: Desk, redis: Redis, command: tuple[str, ...], line: str) -> None:
    prepare(redis, {})
    redis.hset("12", "passType", "SINGLE_USE")
    redis.hset("13", "passType", "\x1b[2J")
    redis.set("14", "x")
    before = {key: redis.dump(key) for key in redis.keys("*")}
    status, output, errors = desk(*command)
    assert (status, output) == (1, [])
    assert re.fullmatch(f"back-office: {line if line.endswith('.*') else re.escape(line)}\n", errors)
    assert {key: redis.dump(key) for key in redis.keys("*")} == before


@pytest.mark.parametrize("command", [("show", CARD), ("issue", CARD, "ten"), ("reverse", "ab-1")])
def test_a_redis_that_is_away_is_one_line(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv(f"{PREFIX}REDIS_PORT", "1")
    status, output, errors = desk(*command)
    assert (status, output) == (1, [])
    assert errors.startswith("back-office: no connection to Redis at 127.0.0.1:1")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "card"),
        ("show", "uid:0A1B2C"),
        ("show", "٣"),
        ("show", "0A1B2C3D"),
        ("show", "1" * 26),
        ("credit", CARD, "0"),
        ("credit", CARD, "10"),
        ("reverse", "ab"),
        ("reverse", "ab-0"),
        ("block", CARD),
        ("block", CARD, "--reason", " "),
        ("block", CARD, "--reason", "\x1b[2J"),
        ("block", CARD, "--reason", "x" * 201),
        ("block", CARD, "--reason", "x", "--operator", "x" * 33),
        ("block", CARD, "--reason", "x", "--operator", "\u202e"),
        ("block", CARD, "--reason", "x", "--id", "1"),
        ("issue", CARD, "season"),
        (),
    ],
)
def test_arguments_that_make_no_sense(desk: Desk, arguments: tuple[str, ...]) -> None:
    status, output, errors = desk(*arguments)
    assert (status, output) == (2, [])
    assert all(line.isprintable() for line in errors.splitlines())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (CARD, CARD),
        (f"00{CARD}", CARD),
        ("uid:0A1B2C3D", CARD),
        ("uid:0a:1b:2c:3d", CARD),
        (UID, OTHER),
        ("uid:12345678", "78187493384"),
        ("uid:00010203040506070809", str(0x00010203040506070809)),
    ],
)
def test_a_card_is_a_number_or_a_uid(text: str, number: str) -> None:
    assert options.card(text) == number


def test_a_login_name_that_cannot_be_used(desk: Desk, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    for bad in ("\x1b", "x" * 33):
        monkeypatch.setenv("LOGNAME", bad)
        status, _, errors = desk("issue", CARD, "ten")
        assert (status, errors) == (
            1,
            "back-office: your login name cannot be used: say who you are with --operator NAME\n",
        )
    assert not redis.exists(CARD)


class TestShow:
    def test_a_pass_and_its_events(self, desk: Desk, redis: Redis, as_user: Callable[[str], None]) -> None:
        prepare(redis, {})
        owe(redis, OTHER, "ab-2")
        as_user("viewer")
        status, output, errors = desk("show", CARD)
        assert (status, errors) == (0, "")
        assert output[:2] == [
            f"card {CARD}: ten trip, 7 trips left",
            "owed: a trip; `reverse ab-1` gives it back",
        ]
        assert re.fullmatch(r"events: 1 in the whole journal, back to \d{4}-.*", output[2])
        assert "owed" in output[3]
        assert len(output) == 4

    def test_a_trip_that_was_given_back_is_not_owed_any_more(self, desk: Desk, redis: Redis) -> None:
        redis.hset(CARD, "passType", "SINGLE_USE")
        owe(redis)
        assert desk("reverse", "ab-1", "--card", OTHER)[0] == 0
        assert not any("gives it back" in line for line in desk("show", CARD)[1])

    def test_it_says_how_far_it_looked(self, desk: Desk, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(show, "LOOKED_AT", 20)
        for _ in range(5):
            owe(redis, OTHER)
        for _ in range(20):
            owe(redis)
        _, output, _ = desk("show", CARD)
        assert re.fullmatch(r"the last 10 of 20 events in the newest 20 of the journal, back to 20.*", output[-11])
        assert "the newest 20 of the journal" in desk("show", OTHER)[2]

    def test_it_looks_at_10_000(self, desk: Desk, redis: Redis) -> None:
        with redis.pipeline(transaction=False) as pipeline:
            pipeline.xadd(JOURNAL, {"channel": "pass-denied", "payload": f'{{"cardSerialNumber":"{OTHER}"}}'})
            for _ in range(10_000):
                pipeline.xadd(JOURNAL, {"channel": "pass-denied", "payload": f'{{"cardSerialNumber":"{CARD}"}}'})
            pipeline.execute()
        assert "no event in the newest 10,000 of the journal" in desk("show", OTHER)[2]

    def test_a_flood_of_what_devices_tell_hides_no_card(self, desk: Desk, redis: Redis) -> None:
        """These entries have no card."""
        owe(redis)
        status = '{"device":"gate-1","program":"entry-gate","state":"in-service"}'
        with redis.pipeline(transaction=False) as pipeline:
            for _ in range(5000):
                pipeline.xadd(JOURNAL, {"channel": DEVICE_STATUS, "payload": status})
            pipeline.execute()
        shown = json.loads(desk("show", CARD, "--json")[1][0])
        assert (shown["found"], shown["lookedAt"]) == (1, 5001)
        counted = json.loads(desk("report", "--from", "1970-01-01", "--json")[1][0])
        assert [(row["event"], row["count"]) for row in counted["rows"]] == [("owed", 1)]
        assert counted["unreadable"] == 0

    def test_the_events_of_a_moved_pass_are_those_of_both_cards(self, desk: Desk, redis: Redis) -> None:
        redis.hset(CARD, mapping=TEN)
        desk("move", CARD, OTHER)
        assert all(json.loads(desk("show", card, "--json")[1][0])["found"] == 1 for card in (CARD, OTHER))

    def test_json(self, desk: Desk, redis: Redis) -> None:
        redis.hset(CARD, "passType", "TWO_HOUR")
        redis.expire(CARD, 3600)
        owe(redis)
        _, output, _ = desk("show", CARD, "--json")
        shown = json.loads("\n".join(output))
        assert shown["pass"] == {"passType": "TWO_HOUR"}
        assert shown["isValid"]
        assert shown["inWords"] in {"two hour, 60 min left", "two hour, 59 min left"}
        assert 3590 <= shown["remainingTime"] <= 3600
        assert (shown["owed"], shown["found"], shown["lookedAt"]) == (["ab-1"], 1, 1)
        (event,) = shown["events"]
        assert (event["channel"], event["payload"]["tap"]) == ("pass-owed:SINGLE_USE", "ab-1")

    @pytest.mark.parametrize("arguments", [(), ("--json",)])
    def test_what_makes_no_sense_is_shown_and_harmless(
        self, desk: Desk, redis: Redis, arguments: tuple[str, ...]
    ) -> None:
        redis.hset(CARD, mapping={"passType": "\x1b[2J", b"\xff\x07": "\u202e", "x" * 999: "y"})
        deep = '{"cardSerialNumber":"' + CARD + '","x":' + "[" * 900 + "]" * 900 + "}"
        for payload in (deep, f'{{"cardSerialNumber":"{CARD}","device":"\\u001b[2J","tap":[1]}}', "x", b"\xff"):
            redis.xadd(JOURNAL, {"channel": "pass-\x1b", "payload": payload})
        redis.xadd(JOURNAL, {b"\xff": "x"})
        status, output, errors = desk("show", CARD, *arguments)
        assert (status, errors) == (0, "")
        assert all(line.isprintable() for line in output)
        if arguments:
            json.loads(output[0].replace("[" * 900, "").replace("]" * 900, "0"))

    @pytest.mark.parametrize("kind", ["string", "list"])
    def test_a_journal_of_another_type(self, desk: Desk, redis: Redis, kind: str) -> None:
        redis.hset(CARD, mapping=TEN)
        redis.execute_command(*{"string": ("SET", JOURNAL, "x"), "list": ("RPUSH", JOURNAL, "x")}[kind])
        status, output, errors = desk("show", CARD)
        assert (status, errors) == (0, "")
        assert output == [f"card {CARD}: ten trip, 7 trips left", "events: 0 in the empty journal"]


@pytest.mark.process
class TestAsking:
    """It asks before it acts, where somebody sits at a terminal."""

    def answer(self, server: Server, text: bytes, *arguments: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        with os.fdopen(ours, "r+b", buffering=0) as terminal, os.fdopen(theirs, "rb") as typed:
            terminal.write(text)
            done = subprocess.run(
                [sys.executable, "-m", "back_office", *arguments],
                cwd=REPOSITORY,
                env={**os.environ, f"{PREFIX}REDIS_PORT": str(server.port)},
                stdin=typed,
                capture_output=True,
                text=True,
                check=False,
            )
        return done.returncode, done.stdout + done.stderr

    @pytest.mark.parametrize("text", [b"y\n", b"YES\n"])
    def test_yes(self, server: Server, redis: Redis, text: bytes) -> None:
        status, output = self.answer(server, text, "issue", CARD, "single")
        assert (status, output.splitlines()[-1].endswith("done")) == (0, True)
        assert redis.exists(CARD)

    @pytest.mark.parametrize("text", [b"n\n", b"\n", b"yess\n", b"\x04", b"\xff\n"])
    def test_anything_else_is_no(self, server: Server, redis: Redis, text: bytes) -> None:
        end = "" if text == b"\x04" else "issue? [y/N] "  # Ctrl-D ends no line
        status, output = self.answer(server, text, "issue", CARD, "single")
        assert (status, output.splitlines()[-1]) == (1, f"{end}back-office: nothing is done")
        assert redis.keys("*") == []

    def test_not_with_yes(self, server: Server, redis: Redis) -> None:
        assert self.answer(server, b"", "issue", CARD, "single", "--yes")[0] == 0
        assert redis.exists(CARD)

    def test_an_interrupt_ends_it(self, server: Server, redis: Redis) -> None:
        ours, theirs = pty.openpty()
        with (
            os.fdopen(ours),
            os.fdopen(theirs) as typed,
            subprocess.Popen(
                [sys.executable, "-m", "back_office", "issue", CARD, "single"],
                cwd=REPOSITORY,
                env={**os.environ, f"{PREFIX}REDIS_PORT": str(server.port)},
                stdin=typed,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            ) as process,
        ):
            assert process.stdout
            assert process.stderr
            shown = b""
            while b"[y/N]" not in shown:
                shown += process.stdout.read(1) or pytest.fail("it does not ask")
            status = None
            while status is None:  # one that comes between the question and the read waits for the next
                process.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    status = process.wait(2)
            assert (status, process.stderr.read()) == (130, b"")
        assert redis.keys("*") == []


def test_the_version(desk: Desk) -> None:
    assert desk("--version")[:2] == (0, [f"back-office {version()}"])


@pytest.mark.process
@pytest.mark.parametrize("command", [("issue", CARD, "ten"), ("devices",), ("report",)], ids=lambda each: each[0])
def test_an_output_that_takes_no_more(server: Server, redis: Redis, command: tuple[str, ...]) -> None:
    """Before anything is done: the id could not be printed."""
    environment = {**os.environ, f"{PREFIX}REDIS_PORT": str(server.port)}
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-m", "back_office", *command],
            cwd=REPOSITORY,
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "back-office: the output takes no more: [Errno 28] No space left on device\n",
    )
    assert not redis.exists(CARD)


def test_every_command_has_an_example_that_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        back_office.main(["--help"])
    commands = re.findall(r"^    ([a-z-]+) +[a-z]", capsys.readouterr().out, re.MULTILINE)
    assert commands[:8] == ["show", "issue", "block", "unblock", "move", "credit", "reverse", "void"]
    for command in commands:
        with pytest.raises(SystemExit):
            back_office.main([command, "--help"])
        assert re.search(rf"^example: python -m back_office {command}\b", capsys.readouterr().out, re.MULTILINE)
