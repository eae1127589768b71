"""The demo's commands, against a whole system: what they refuse, and how their words are completed."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import wiring
from common.keys import JOURNAL
from simulator.commands import REFUSALS, CommandLine
from simulator.demo_cards import serial_number
from simulator.history import History
from simulator.system import BUTTONS, PRESS_S, NotPossibleError, System
from tests.processes import wait_for

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("a system")]

BUTTON_WORDS = ["red", "yellow", "green", "single", "ten", "two-hour"]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), False, lambda _: None) as system:
        yield system


@pytest.fixture
def answers() -> list[str]:
    return []


@pytest.fixture
def commands(system: System, answers: list[str]) -> CommandLine:
    return CommandLine(system, History(), answers.append)


def refusal(commands: CommandLine, line: str) -> str:
    with pytest.raises(REFUSALS) as refused:
        commands.run(line)
    return str(refused.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dance", "no command 'dance': help lists them"),
        ("tpa gate 1", "no command 'tpa': did you mean tap?"),
        ("exti", "no command 'exti': did you mean exit?"),
        ("\x1b[2J", r"no command '\x1b[2J': help lists them"),
        ("x" * 1000, f"no command '{'x' * 40}…': help lists them"),
        ("tap gate", "usage: tap DEVICE CARD"),
        ("lay gate", "usage: lay DEVICE CARD..."),
        ("tap door 1", "no device 'door': choose terminal or gate"),
        ("tap GAET 1", "no device 'GAET': did you mean gate?"),
        ("tap gate2 1", "there is no gate2 yet: add gate sets it up"),
        ("tap gate 99", "no card '99': choose 1, 2, 3, 4, 5, 6, copy or phone"),
        ("press \x1b[31m", r"no button '\x1b[31m': choose red, yellow, green, single, ten or two-hour"),
        ("press eleven", "no button 'eleven': choose red, yellow, green, single, ten or two-hour"),
        ("lift 1", "card 1 is on no reader"),
        ("later soon", "usage: later 90s, later 30m or later 2h"),
        ("wait long", "'long' is not a number of seconds"),
        ("within 1 gate green", "usage: within SECONDS expect ..."),
        ("expect gate", "usage: expect SOURCE TEXT"),
        ("expect card 1 TEN_TRIP", "it is 112125033744  no pass"),
        ("within 0.01 expect gate song", "not within 0.01 s; the gate did: nothing"),
        ("stop world", "no server 'world': choose redis"),
        ("start world", "no program 'world': choose redis, terminal or gate"),
        ("office dance 1", "no task of the office 'dance': choose show, block, unblock, move, credit or devices"),
        ("office block", "usage: office block CARD"),
        ("office move 1", "usage: office move CARD CARD"),
        ("office devices 1", "usage: office devices"),
        ("office show phone", "the phone has a new number at every tap: the office cannot look it up"),
        ("office block copy", "card 112125033744 holds no pass"),
        ("add terminal", "no device to add 'terminal': choose gate"),
        ("cut redis", "no source 'redis': choose terminal, gate or monitor"),
        ("lay gate 1 copy", "card 1 and its copy have the same UID: lay them on two readers"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(commands: CommandLine, line: str, message: str) -> None:
    assert refusal(commands, line) == message


@pytest.mark.parametrize(
    ("line", "again", "message", "undo"),
    [
        ("cut gate", "cut gate", "the network cable of gate is pulled already", "restore gate"),
        ("cut monitor", "CUT MONITOR", "the network cable of monitor is pulled already", "restore monitor"),
        ("", "restore gate", "the network cable of gate is plugged in already", ""),
        ("unplug gate", "unplug gate", "the reader of gate is disconnected already", "plug gate"),
        ("", "plug terminal", "the reader of terminal is connected already", ""),
        ("hold red", "hold single", "the button single is held down already: release it first", "release red"),
        ("hold two", "press green", "the button two is held down already: release it first", "release two-hour"),
        ("", "release ten", "the button ten is not held down", ""),
        ("lay gate 3", "lay terminal 3", "card 3 is on the reader of gate: lift it first", "lift 3"),
        ("", "start redis", "Redis is running already", ""),
        ("kill gate", "kill gate", "the program of gate is not running", "start gate"),
        ("", "start GATE", "the program of gate is running already", ""),
        ("stop redis", "stop redis", "Redis is stopped already", "start redis"),
    ],
)
def test_what_is_so_already_is_said_and_changes_nothing(
    commands: CommandLine, line: str, again: str, message: str, undo: str
) -> None:
    commands.run(line)
    assert refusal(commands, again) == message
    commands.run(undo)  # which would be refused if the second had changed something


def test_a_button_has_the_name_of_its_pass_and_of_its_colour(commands: CommandLine, system: System) -> None:
    for wire in wiring.COLOURS:
        commands.run(f"Hold {wire.contact.upper()}")
        assert system.devices["terminal"].pi.pressed == {wire.bcm}
        assert [BUTTONS[button] for button in system.held] == [wire.bcm]
        commands.run(f"release {system.held[0]}")


def test_a_press_is_as_long_as_that_of_a_person_also_if_its_end_comes_at_once(commands: CommandLine) -> None:
    began = time.monotonic()
    commands.run("hold red")
    commands.run("release red")
    assert time.monotonic() - began >= PRESS_S


def test_help_and_its_short_name(commands: CommandLine, answers: list[str]) -> None:
    commands.run("?")
    assert any("tap DEVICE CARD" in line for line in answers)
    asked = list(answers)
    commands.run("HELP")
    assert answers == asked * 2


@pytest.mark.parametrize("line", ["quit", "exit", "Exit"])
def test_the_end(commands: CommandLine, line: str) -> None:
    with pytest.raises(EOFError):
        commands.run(line)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("t", ["tap"]),
        ("RE", ["release", "restore"]),
        ("tap ", ["terminal", "gate"]),
        ("  tap   G", ["gate"]),
        ("TAP gate ", ["1", "2", "3", "4", "5", "6", "copy", "phone"]),
        ("tap gate c", ["copy"]),
        ("tap gate 1 ", []),
        ("lay gate 1 2 ", ["3", "4", "5", "6", "copy", "phone"]),
        ("lift ", []),
        ("press ", BUTTON_WORDS),
        ("press s", ["single"]),
        ("release ", []),
        ("plug ", []),
        ("unplug ", ["terminal", "gate"]),
        ("cut ", ["terminal", "gate", "monitor"]),
        ("restore ", []),
        ("stop ", ["redis"]),
        ("start ", []),
        ("add ", ["gate"]),
        ("kill ", ["terminal", "gate"]),
        ("office ", ["show", "block", "unblock", "move", "credit", "devices"]),
        ("office move 1 ", ["2", "3", "4", "5", "6", "copy", "phone"]),
        ("later ", ["2h"]),
        ("wait ", []),
        ("expect ", ["terminal", "gate", "monitor", "card"]),
        ("within 3 e", ["expect"]),
        ("dance ", []),
        ("help ", []),
    ],
)
def test_the_word_that_is_due_is_completed(commands: CommandLine, line: str, words: list[str]) -> None:
    assert commands.completions(line) == words


@pytest.mark.parametrize(
    ("done", "line", "words", "undo"),
    [
        ("lay gate 2 5", "lift ", ["2", "5"], "lift 2\nlift 5"),
        ("lay gate 2", "tap gate ", ["1", "3", "4", "5", "6", "copy", "phone"], "lift 2"),
        ("hold green", "release ", ["green", "two-hour"], "release green"),
        ("hold green", "press ", ["red", "yellow", "single", "ten"], "release green"),
        ("cut monitor", "restore ", ["monitor"], "restore monitor"),
        ("cut monitor", "cut ", ["terminal", "gate"], "restore monitor"),
        ("unplug gate", "plug ", ["gate"], "plug gate"),
        ("unplug gate", "unplug ", ["terminal"], "plug gate"),
        ("stop redis", "start ", ["redis"], "start redis"),
        ("stop redis", "stop ", [], "start redis"),
        ("kill gate", "start ", ["gate"], "start gate"),
        ("kill gate", "kill ", ["terminal"], "start gate"),
        ("lay gate 2", "office block 2", ["2"], "lift 2"),
    ],
)
def test_only_what_makes_sense_now_is_offered(
    commands: CommandLine, done: str, line: str, words: list[str], undo: str
) -> None:
    commands.run(done)
    assert commands.completions(line) == words
    for each in undo.splitlines():
        commands.run(each)


def test_a_server_that_has_crashed_can_be_started(commands: CommandLine, system: System) -> None:
    with system.server.client() as redis:
        os.kill(redis.info("server")["process_id"], signal.SIGKILL)
    wait_for(lambda: not system.server.is_running)
    assert refusal(commands, "stop redis") == "Redis is stopped already"
    commands.run("start redis")
    with system.server.client() as redis:
        assert redis.ping()


def test_the_office_changes_passes(commands: CommandLine, system: System, answers: list[str]) -> None:
    one, two = (str(serial_number(card)) for card in ("1", "2"))
    with system.server.client() as redis:
        redis.hset(one, mapping={"passType": "TEN_TRIP", "tripsRemaining": 9})
        for line in ("office credit 1", "office block copy", "office move 1 2"):
            commands.run(line)
        assert "  after   card 180844510496: ten trip, 10 trips left, blocked: lost" in answers
        assert refusal(commands, "office credit 2").startswith(f"card {two} would have more than ten trips")
        commands.run("Office UNBLOCK 2")
        assert redis.hgetall(two) == {"passType": "TEN_TRIP", "tripsRemaining": "10"}
        assert not redis.exists(one)
        events = [(fields["channel"], json.loads(fields["payload"])) for _, fields in redis.xrange(JOURNAL)]
    changes = [channel for channel, event in events if event["device"] == "office (demo)"]
    assert changes == ["pass-credited", "pass-blocked", "pass-moved", "pass-unblocked"]


def test_the_office_says_that_redis_is_away(commands: CommandLine) -> None:
    commands.run("stop redis")
    assert refusal(commands, "office show 1").startswith("no connection to Redis at 127.0.0.1:")
    commands.run("start redis")


def test_a_program_that_was_killed_works_again(commands: CommandLine, system: System) -> None:
    gate = system.devices["gate"]
    wait_for(lambda: not gate.problem)
    commands.run("kill gate")
    assert gate.problem == "its program is not running"
    commands.run("start gate")
    wait_for(lambda: not gate.problem)


def test_nothing_is_started_in_a_system_that_has_ended(tmp_path: Path) -> None:
    with System(tmp_path, False, lambda _: None) as system:
        pass
    for start in (system.start_server, system.add_gate):
        with pytest.raises(NotPossibleError, match="the demo ends"):
            start()
    with pytest.raises(NotPossibleError, match="the demo ends"):
        system.start("gate")
    assert not system.server.is_running
    assert list(system.devices) == ["terminal", "gate"]
