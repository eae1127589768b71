"""The demo as a process: its commands, and what it leaves behind."""

import os
import pty
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.processes import REPOSITORY, Program, processes_with, wait_for

pytestmark = pytest.mark.process

DAY_S = 180


def run_script(script: str, folder: Path) -> tuple[int, Program]:
    file = folder / "script.txt"
    file.write_text(script)
    with Program("simulator.demo", "--script", str(file)) as demo:
        return demo.end(DAY_S), demo


def test_a_riders_day() -> None:
    with Program("simulator.demo", "--script", "simulator/riders_day.txt") as demo:
        assert demo.end(DAY_S) == 0, demo.errors + demo.output


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dance", "unknown command 'dance': try help"),
        ("tap gate", "usage: tap DEVICE CARD"),
        ("tap door 1", "unknown device 'door': expected terminal or gate"),
        ("tap gate 99", "unknown card '99'"),
        ("press eleven", "unknown button 'eleven': expected single, ten or two"),
        ("lift 1", "card 1 is on no reader"),
        ("later soon", "usage: later 90s, later 30m or later 2h"),
        ("wait long", "'long' is not a number of seconds"),
        ("within 1 expect gate green", "not within 1 s; the gate did:"),
        ("expect card 1 TEN_TRIP", "no pass"),
        ("start redis", "Redis is running already"),
        ("stop world", "unknown server 'world': expected redis"),
        ("add terminal", "usage: add gate"),
        ("cut redis", "unknown source 'redis': expected terminal, gate or monitor"),
        ("lay gate 1 copy", "card 1 and its copy have the same UID: lay them on two readers"),
    ],
)
def test_a_line_that_fails_ends_the_script(line: str, message: str, tmp_path: Path) -> None:
    status, demo = run_script(f"cards\n\n# a comment\n{line}\n", tmp_path)
    assert status == 1
    (error,) = demo.errors
    assert error.startswith(f"line 4: {line}: ")
    assert message in error


def test_an_unexpected_event(tmp_path: Path) -> None:
    status, demo = run_script("expect gate connected\ntap gate 1\nexpect gate nothing\n", tmp_path)
    assert status == 1
    assert "the gate did: " in demo.errors[0]


def test_a_card_can_be_in_one_place_only(tmp_path: Path) -> None:
    status, demo = run_script("lay gate 1\nlay terminal 1\n", tmp_path)
    assert status == 1
    assert demo.errors == ["line 2: lay terminal 1: card 1 is on the reader of gate: lift it first"]


def test_the_server_is_stopped_and_started_once(tmp_path: Path) -> None:
    status, demo = run_script(
        "expect gate connected\nstop redis\nexpect gate yellow on\nstart redis\nexpect gate yellow off\nstart redis\n",
        tmp_path,
    )
    assert (status, demo.errors) == (1, ["line 6: start redis: Redis is running already"])
    status, demo = run_script("stop redis\nstop redis\n", tmp_path)
    assert (status, demo.errors) == (1, ["line 2: stop redis: Redis is stopped already"])


def test_two_gates_and_a_cut_network(tmp_path: Path) -> None:
    status, demo = run_script(
        "expect terminal connected\ntap terminal 1\nexpect terminal select\npress single\n"
        "expect terminal sound tap-card-to-confirm\ntap terminal 1\nexpect terminal thank-you-single\n"
        "add gate\nexpect gate2 connected\nlay gate 1\nlay gate2 copy\n"
        "expect monitor single trip used\nexpect monitor denied\nlift 1\nlift copy\n"
        "wait 5\ncut gate\nexpect gate lamp yellow on\nrestore gate\nexpect gate lamp yellow off\n"
        "cut monitor\nwithin 15 expect monitor connection lost\nrestore monitor\nexpect monitor connected again\n",
        tmp_path,
    )
    assert status == 0, demo.errors + demo.output


def test_a_script_that_cannot_be_read() -> None:
    with Program("simulator.demo", "--script", "/nonexistent") as demo:
        assert demo.end() == 1
        assert demo.errors == ["scripts/demo: cannot read the script: No such file or directory: /nonexistent"]


def test_held_buttons_and_help(tmp_path: Path) -> None:
    status, demo = run_script(
        "help\nexpect terminal connected\ntap terminal 1\nexpect terminal select\nhold ten\n"
        "expect terminal sound tap-card-to-confirm\nrelease ten\nquit\nthis is not read\n",
        tmp_path,
    )
    assert status == 0
    assert any("tap DEVICE CARD" in line for line in demo.output)


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_behind(with_signal: signal.Signals, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    script = tmp_path / "script.txt"
    script.write_text("expect terminal connected\nexpect gate connected\ntap terminal 1\nwait 60\n")
    environment = {**os.environ, "MARK": mark, "TMPDIR": str(tmp_path)}
    with Program("simulator.demo", "--script", str(script), environment=environment) as demo:
        demo.wait_for_output("> wait 60")
        count = len(processes_with(mark))
        assert count >= 5
        demo.process.send_signal(with_signal)
        wait_for(lambda: len(processes_with(mark)) < count)
        assert demo.stop(with_signal) == 130
    wait_for(lambda: not processes_with(mark))
    assert list(tmp_path.iterdir()) == [script]
    assert not [line for line in demo.errors if "Traceback" in line]


@pytest.mark.skipif(not shutil.which("setpriv"), reason="the kernel ends what a killed program has started")
def test_a_demo_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    environment = {**os.environ, "MARK": mark, "TMPDIR": str(tmp_path)}
    with Program("simulator.demo", "--port", "0", environment=environment) as demo:
        demo.wait_for_output("The station is at")
        assert len(processes_with(mark)) >= 5
    wait_for(lambda: not processes_with(mark))


@pytest.mark.parametrize(
    ("end", "status"),
    [("quit", 0), ("dance", 1), ("start redis", 1), ("stop redis\nstart redis", 0), ("stop redis\nadd gate", 0)],
)
def test_however_a_script_ends_none_of_its_processes_outlives_it(end: str, status: int, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    script = tmp_path / "script.txt"
    script.write_text(end)
    with Program("simulator.demo", "--script", str(script), environment={"MARK": mark}) as demo:
        assert demo.end(DAY_S) == status
        assert processes_with(mark) == []


@pytest.mark.skipif(not shutil.which("setpriv"), reason="the kernel ends what a program has started that has ended")
@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_demo_that_is_ended_while_it_starts_leaves_no_process_behind(count: int) -> None:
    mark = uuid.uuid4().hex
    with Program("simulator.demo", "--port", "0", environment={"MARK": mark}) as demo:
        wait_for(lambda: len(processes_with(mark)) >= count)
        assert demo.stop() == 130
    wait_for(lambda: not processes_with(mark))


def test_a_long_path_for_temporary_files(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    with Program("simulator.demo", "--script", os.devnull, environment={"TMPDIR": str(folder)}) as demo:
        assert (demo.end(DAY_S), demo.errors) == (0, [])


def test_nowhere_for_temporary_files_is_one_line(tmp_path: Path) -> None:
    """As on a full disk: nothing can be written."""
    limit = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    start = tmp_path / "demo_on_a_full_disk.py"
    start.write_text(f"{limit}; runpy.run_module('simulator.demo', run_name='__main__')")
    with Program(start.stem, environment={"PYTHONPATH": str(tmp_path)}) as demo:
        assert demo.end(DAY_S) == 1
        (error,) = demo.errors
    assert error.startswith("scripts/demo: ")


@pytest.mark.parametrize(
    ("variables", "is_colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_are_for_terminals_that_have_them(variables: dict[str, str], is_colored: bool, tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text("expect gate connected")
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal, os.fdopen(theirs, "wb") as output:
        subprocess.run(
            [sys.executable, "-m", "simulator.demo", "--script", script],
            cwd=REPOSITORY,
            env={**os.environ, "TERM": "xterm", **variables},
            stdout=output,
            check=True,
        )
        assert (b"\x1b[" in terminal.read(4096)) == is_colored
