"""How a program starts and stops, in this process."""

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common import daemon
from common.settings import PREFIX, SETTINGS, Settings
from tests.processes import REPOSITORY

Run = Callable[..., int | str | None]
RUN = "runpy.run_module('{}', run_name='__main__', alter_sys=True)"


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Put back what a program sets for its whole process."""
    before = {each: signal.getsignal(each) for each in daemon.ENDING}
    handlers = logging.root.handlers[:]
    yield
    logging.root.handlers[:] = handlers
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a program with arguments; return what it exits with."""

    def run(work: Callable[[Settings], None], *arguments: str) -> int | str | None:
        monkeypatch.setattr(sys, "argv", ["program", *arguments])
        with pytest.raises(SystemExit) as end:
            daemon.run("entry-gate", "Lets riders in.", work)
        return end.value.code

    return run


def nothing(_settings: Settings) -> None:
    pytest.fail("no work was expected")


@pytest.mark.parametrize(
    "name",
    [
        *["SIGHUP", "SIGINT", "SIGQUIT", "SIGTRAP", "SIGABRT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTERM", "SIGSTKFLT"],
        *["SIGXCPU", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR", "SIGSYS", "SIGRTMIN", "SIGRTMAX"],
    ],
)
def test_a_signal_ends_the_work_once(run: Run, name: str) -> None:
    number = signal.Signals[name]
    steps: list[object] = []

    def work(settings: Settings) -> None:
        try:
            steps.append(settings.redis_port)
            os.kill(os.getpid(), number)
            for _ in range(1000):  # signal.pause() may sleep on if another thread got the signal
                time.sleep(0.01)
        finally:
            os.kill(os.getpid(), number)  # a second one does not interrupt the cleanup
            steps.append("lamps out")

    assert run(work) == 0
    assert steps == [6379, "lamps out"]


def test_a_signal_that_the_caller_has_ignored_stays_ignored(run: Run) -> None:
    """As nohup(1) does."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def work(_settings: Settings) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        sys.exit(7)

    assert run(work) == 7


def test_a_bad_setting(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(f"{PREFIX}REDIS_PORT", "http")
    assert run(nothing) == 2
    assert capsys.readouterr().err == f"{PREFIX}REDIS_PORT takes a port from 1 to 65535, not 'http'\n"


def test_help_has_every_setting(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(nothing, "--help") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: python -m entry_gate ")
    assert [setting.name for setting in SETTINGS if PREFIX + setting.name not in shown] == []


def test_version(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(nothing, "--version") == 0
    assert re.fullmatch(r"entry-gate \d+\.\d+\.\d+(\.dev\d+)?\n", capsys.readouterr().out)
    assert f'version = "{daemon.version()}"' in (REPOSITORY / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ImportError("No module named 'spidev'"), "No module named 'spidev': it needs the packages"),
        (FileNotFoundError(2, "No such file or directory", "/dev/spidev0.0"), "[Errno 2] No such file or directory: "),
    ],
)
def test_missing_hardware_is_reported_in_one_line(run: Run, error: Exception, message: str) -> None:
    def work(_settings: Settings) -> None:
        raise error

    said = run(work)
    assert isinstance(said, str)
    assert said.startswith(f"entry-gate: {message}")
    assert said.isprintable()


@pytest.mark.process
@pytest.mark.parametrize("program", ["entry_gate", "sales_terminal", "system_monitor"])
def test_without_the_packages_it_says_in_one_line_how_to_start_it(program: str) -> None:
    """With the system's Python, whose own packages are left out here."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import runpy, sys; sys.path.insert(0, '.'); {RUN.format(program)}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.endswith(
        f": it needs the packages of requirements.txt: run {REPOSITORY}/.venv/bin/python -m {program}\n"
    )
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("folders", "prefix", "remedy"),
    [
        ([], "/usr", "run scripts/environment simulator/requirements.txt, then {}/.venv/bin/python -m system_monitor"),
        ([".venv"], "/usr", "run {}/.venv/bin/python -m system_monitor"),
        ([".venv"], "{}/.venv", "run scripts/install again"),
    ],
)
def test_how_to_get_the_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folders: list[str], prefix: str, remedy: str
) -> None:
    """There is no environment; it is not in use; it is empty, as it is after an upgrade of the system's Python."""
    for folder in folders:
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(daemon, "__file__", f"{tmp_path}/common/daemon.py")
    monkeypatch.setattr(sys, "prefix", prefix.format(tmp_path))
    with pytest.raises(SystemExit) as end:
        daemon.exit_without_package("system-monitor", ImportError("No module named 'redis'"))
    reason = "No module named 'redis': it needs the packages of requirements.txt"
    assert end.value.code == f"system-monitor: {reason}: {remedy.format(tmp_path)}"
