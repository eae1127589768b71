"""Every command that the documents show is run; one marked `norun` is checked for its syntax and for its files."""

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from common.settings import PREFIX
from simulator.child import ending_with_parent
from simulator.server import Server
from simulator.virtual_pi.station import VirtualPi
from tests.docs.documents import documents
from tests.processes import REPOSITORY

ENDED_BY_CTRL_C = {"scripts/demo\n": ("scripts/demo --no-browser --port 0", "The station is at http://127.0.0.1:")}
LIMIT_S = 120.0

FENCES = {f"{document}:{fence.line}": fence for document in documents() for fence in document.fences}


def fences(*languages: str, run: bool) -> list[str]:
    return [name for name, fence in FENCES.items() if fence.language in languages and fence.is_run is run]


@pytest.fixture
def server(server_program: Path, tmp_path: Path) -> Iterator[Server]:
    """A server that keeps what it acknowledged, as the documents advise."""
    with Server(server_program, tmp_path, "--appendonly", "yes", "--appendfsync", "always") as server:
        yield server


@pytest.fixture
def environment(pi: VirtualPi, server: Server) -> dict[str, str]:
    """A virtual Pi on which `python` is that of .venv."""
    environment = pi.environment()
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    return environment | {PREFIX + "REDIS_PORT": str(server.port), "PYTHONUNBUFFERED": "1"}


class Shell:
    """A command under way, in the repository."""

    def __init__(self, command: str, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ending_with_parent("bash", "-euo", "pipefail", "-c", command),
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._limit = threading.Timer(LIMIT_S, self.interrupt, [signal.SIGKILL])

    def __enter__(self) -> "Shell":
        self._limit.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._limit.cancel()
        self.interrupt(signal.SIGKILL)
        self._process.communicate()

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Send a signal to the command and all that it started, as a terminal's Ctrl-C does."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def wait_for(self, expected: str) -> None:
        """Wait for a line that has this shape in it."""
        lines: list[str] = []
        for line in self._process.stdout or ():
            lines.append(line)
            if expected in shape(line):
                return
        raise EOFError(f"no {expected} in {lines}")

    def end(self) -> tuple[int, list[str]]:
        """Wait for the end; return the exit status and the lines that are left."""
        output, _ = self._process.communicate()
        return self._process.returncode, output.splitlines()


def shape(line: str) -> str:
    """Return the line with what differs from run to run, its numbers, as 0, and with any server as redis."""
    return re.sub(r"\d+(\.\d+)*", "0", line.strip()).replace("valkey", "redis")


@pytest.mark.process
@pytest.mark.parametrize("name", fences("sh", run=True))
def test_command_runs(name: str, environment: dict[str, str]) -> None:
    text = FENCES[name].text
    command, readiness = ENDED_BY_CTRL_C.get(text, (text, ""))
    with Shell(command, environment | FENCES[name].environment) as shell:
        if readiness:
            shell.wait_for(shape(readiness))
            shell.interrupt()
        status, output = shell.end()
    assert status == (130 if readiness else 0), output


@pytest.mark.process
@pytest.mark.parametrize("name", fences("console", run=True))
def test_command_prints_what_is_shown(name: str, environment: dict[str, str]) -> None:
    if "root" in FENCES[name].words and os.geteuid() != 0:
        pytest.skip("the document shows what root sees")
    first, *shown = FENCES[name].text.splitlines()
    with Shell(first.removeprefix("$ "), environment | FENCES[name].environment) as shell:
        _, output = shell.end()
    assert list(map(shape, output)) == list(map(shape, shown))


@pytest.mark.parametrize("name", fences("sh", "console", run=False))
def test_command_that_is_not_run_is_valid(name: str) -> None:
    text = FENCES[name].text
    checked = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert [file for file in repository_files(text) if not (REPOSITORY / file).exists()] == []


def repository_files(text: str) -> Iterator[str]:
    """Yield what commands name of this repository: scripts, files, and modules; pytest is not one of them."""
    for line in text.splitlines():
        words = [word.removeprefix(".venv/bin/") for word in shlex.split(line, comments=True)]
        yield from (word for word in words if word.startswith(("scripts/", "deploy/", "tests/", "audio/", ".ci/")))
        pairs = zip(words, words[1:], words[2:], strict=False)
        yield from (
            name.replace(".", "/")
            for python, option, name in pairs
            if (python, option) == ("python", "-m") and name != "pytest"
        )


def test_every_fence_has_a_known_language() -> None:
    known = {"sh", "console", "text", "ini", "python", "lua"}
    assert [name for name, fence in FENCES.items() if fence.language not in known] == []
