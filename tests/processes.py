"""Programs under test, run as processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TypeVar

from simulator.child import ending_with_parent

REPOSITORY = Path(__file__).resolve().parent.parent
DEADLINE_S = 30.0
_Value = TypeVar("_Value")


def wait_for(probe: Callable[[], _Value | None], seconds: float = DEADLINE_S, interval_s: float = 0.005) -> _Value:
    """Call the probe until it returns a true value, and return that.

    Raises:
        TimeoutError: it did not in time.
    """
    end = time.monotonic() + seconds
    while not (value := probe()):
        if time.monotonic() > end:
            raise TimeoutError(f"it did not happen within {seconds:g} s")
        time.sleep(interval_s)
    return value


def processes_with(mark: str) -> list[str]:
    """Return the ids of the processes that have the mark in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


class Program:
    """A program in a process of its own, whose output is read as it arrives."""

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        folder: Path = REPOSITORY,
        wrapper: Sequence[str] = (),
    ) -> None:
        self.process = subprocess.Popen(
            ending_with_parent(*wrapper, sys.executable, "-m", *arguments),
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.output: list[str] = []
        self.errors: list[str] = []
        assert self.process.stdout
        assert self.process.stderr
        self._readers = [
            self._read(self.process.stdout, self.output),
            self._read(self.process.stderr, self.errors),
        ]

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.end()

    def _read(self, stream: IO[bytes], lines: list[str]) -> threading.Thread:
        def read() -> None:
            with stream:
                lines.extend(line.decode().removesuffix("\n") for line in stream)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def wait_for_output(self, text: str, seconds: float = DEADLINE_S) -> str:
        return self._wait_for(self.output, text, seconds)

    def wait_for_error(self, text: str, seconds: float = DEADLINE_S) -> str:
        return self._wait_for(self.errors, text, seconds)

    def wait_for_more_errors(self, text: str, than: int) -> None:
        """Wait until more than that many lines contain the text."""
        wait_for(lambda: sum(text in line for line in list(self.errors)) > than)

    def _wait_for(self, lines: list[str], text: str, seconds: float) -> str:
        try:
            return wait_for(lambda: next((line for line in list(lines) if text in line), None), seconds)
        except TimeoutError:
            raise TimeoutError(f"no {text!r} within {seconds:g} s in {self.output} / {self.errors}") from None

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and return the exit status."""
        self.process.send_signal(with_signal)
        return self.end()

    def end(self, seconds: float = DEADLINE_S) -> int:
        """Wait for the end of the process and of its output."""
        status = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(seconds)
        return status
