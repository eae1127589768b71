"""However the demo ends, none of its processes lives on."""

import os
import shutil
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.processes import Program, processes_with, wait_for
from tests.simulator.conftest import Demo, run_in_thread
from tests.simulator.terminal import INTERRUPT, Terminal

pytestmark = pytest.mark.process

DAY_S = 180
LEAST = 5  # the demo, a server, a terminal, a gate and a monitor
END_OF_INPUT = "\x04"

needs_setpriv = pytest.mark.skipif(
    not shutil.which("setpriv"), reason="the kernel ends what a program has started that is killed"
)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """The demo in a terminal, with a clip that plays."""
    with Terminal("--no-page") as terminal:
        terminal.wait_for("connected to Redis", 2)
        terminal.type("lay terminal 1\r")
        terminal.wait_for("select-a-pass")
        assert len(terminal.processes()) >= LEAST
        yield terminal


@pytest.mark.parametrize(("keys", "status"), [("quit\r", 0), (END_OF_INPUT, 0), (INTERRUPT, 130)])
def test_ended_at_the_prompt(terminal: Terminal, keys: str, status: int) -> None:
    terminal.type(keys)
    assert terminal.end() == status
    assert terminal.processes() == []
    assert "Traceback" not in terminal.text


def test_interrupted_in_a_command(terminal: Terminal) -> None:
    terminal.type("wait 99\r")
    wait_for(lambda: not terminal.is_at_the_prompt)
    terminal.type(INTERRUPT)
    assert terminal.end() == 130
    assert terminal.processes() == []
    assert "Traceback" not in terminal.text


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ended_at_the_prompt_by_a_signal(terminal: Terminal, with_signal: signal.Signals) -> None:
    terminal.type("lay t\t\x15" * 1000)  # Tab completes, Ctrl-U erases: it is in its event loop, busy
    assert terminal.end(with_signal) == 130
    assert terminal.processes() == []
    assert "Traceback" not in terminal.text


def test_a_terminal_that_is_closed(terminal: Terminal) -> None:
    terminal.close()
    terminal.end()
    wait_for(lambda: not terminal.processes())


@needs_setpriv
def test_killed_at_the_prompt(terminal: Terminal) -> None:
    terminal.end(signal.SIGKILL)
    wait_for(lambda: not terminal.processes())


@needs_setpriv
@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGKILL])
def test_what_the_page_has_started_lives_as_long_as_the_demo(demo: Demo, with_signal: signal.Signals) -> None:
    """The kernel kills a process when the thread that has started it ends: the page's threads must not end before."""
    address = demo.address
    before = set(processes_with(demo.mark))
    run_in_thread(send(address, "stop redis", "start redis", "start redis", "add gate", "add gate"))
    wait_for(lambda: len(processes_with(demo.mark)) == len(before) + 1)
    started = set(processes_with(demo.mark)) - before
    assert len(started) == 2  # a server and a gate: neither is there twice
    time.sleep(1)
    assert started <= set(processes_with(demo.mark))
    demo.program.stop(with_signal)
    wait_for(lambda: not processes_with(demo.mark))


async def send(address: str, *commands: str) -> None:
    """Send the page's commands, each when the one before has been answered, all over one connection."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(address + "system", origin=address.rstrip("/")) as system,
    ):
        for command in [*commands, "end"]:
            await system.send_str(command)
        async for message in system:
            if message.json().get("text") == "a page cannot send this command":
                return


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


@needs_setpriv
@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_demo_that_is_ended_while_it_starts_leaves_no_process_behind(count: int) -> None:
    mark = uuid.uuid4().hex
    with Program("simulator.demo", "--port", "0", environment={"MARK": mark}) as demo:
        wait_for(lambda: len(processes_with(mark)) >= count)
        assert demo.stop() == 130
    wait_for(lambda: not processes_with(mark))
