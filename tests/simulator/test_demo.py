"""The demo as a process: its commands, and what it leaves behind."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import REPOSITORY, Program

pytestmark = pytest.mark.process

DAY_S = 240


def run_script(script: str, folder: Path) -> tuple[int, Program]:
    file = folder / "script.txt"
    file.write_text(script)
    with Program("simulator.demo", "--script", str(file)) as demo:
        return demo.end(DAY_S), demo


@pytest.mark.long
def test_a_riders_day() -> None:
    with Program("simulator.demo", "--script", "simulator/riders_day.txt") as demo:
        assert demo.end(DAY_S) == 0, demo.errors + demo.output


def test_a_line_that_fails_ends_the_script(tmp_path: Path) -> None:
    status, demo = run_script("cards\n\n# a comment\ntap door 1\nquit\n", tmp_path)
    assert (status, demo.errors) == (1, ["line 4: tap door 1: no device 'door': choose terminal or gate"])


def test_an_unexpected_event(tmp_path: Path) -> None:
    status, demo = run_script("expect gate connected\ntap gate 1\nexpect gate nothing\n", tmp_path)
    assert status == 1
    assert "the gate did: " in demo.errors[0]


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
