"""One run of the tests on a copy of the repository that holds a defect."""

import os
import resource
import shutil
import signal
import sys
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

import hypothesis  # noqa: F401  # is loaded once, for all processes that are forked from this one
import pytest
import redis  # noqa: F401

_ROOT = Path(__file__).parents[2]
_OPTIONS = [
    "-x",
    "-q",
    "-m",
    "not process",
    "-o",
    "addopts=",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-p",
    "no:cov",
]
_LEFT_OUT = shutil.ignore_patterns(".*", "docs", "pictures")
_WAITING = 20  # times the limit in real time: tests wait, and others use the processor
_forked = get_context("fork")


class BrokenTestsError(Exception):
    """The tests fail also without a defect, or none is found."""


class Copy:
    """A copy of the repository's programs and tests, which is changed in place of the repository."""

    def __init__(self, folder: Path, origin: Path = _ROOT) -> None:
        """Copy everything, with its times: so what is compiled stays valid."""
        self._folder = folder / "copy"
        self._scratch = folder / "scratch"
        self._tried = 0
        shutil.copytree(origin, self._folder, ignore=_LEFT_OUT)

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._folder

    def warm_up(self, tests: tuple[str, ...]) -> float:
        """Run the tests without a defect, compile what they import, and return the processor's seconds that they took.

        Raises:
            BrokenTestsError: one fails.
        """
        before = _used_s()
        if exit_code := self._run(tests, compiles=True, limit_s=600):
            raise BrokenTestsError(f"{' '.join(tests)} without a defect: exit code {exit_code}")
        return _used_s() - before

    def lets_through(self, path: str, text: str, tests: tuple[str, ...], limit_s: float) -> bool:
        """Return whether all tests pass although a file has this text.

        Args:
            path: the file.
            text: what it holds meanwhile.
            tests: what is run.
            limit_s: how much of a processor's time that may take: a test that never ends has not passed.
        """
        file = self._folder / path
        sound, status = file.read_text(), file.stat()
        self._tried += 1
        try:
            file.write_text(text)
            os.utime(file, (0, self._tried))  # nothing compiled has this time
            return self._run(tests, compiles=False, limit_s=limit_s) == 0
        finally:
            file.write_text(sound)
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _run(self, tests: tuple[str, ...], compiles: bool, limit_s: float) -> int:
        process = _forked.Process(target=self._test, args=(tests, compiles, limit_s))
        process.start()
        process.join(_WAITING * limit_s)
        if process.pid:
            with suppress(ProcessLookupError):  # nobody is left
                os.killpg(process.pid, signal.SIGKILL)
        process.join()
        return process.exitcode or 0

    def _test(self, tests: tuple[str, ...], compiles: bool, limit_s: float) -> None:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit_s), int(limit_s)))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.chdir(self._folder)
        sys.dont_write_bytecode = not compiles
        sys.path[:] = [str(self._folder), *(each for each in sys.path if each not in {"", str(_ROOT)})]
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]  # those of the copy take their place
        os._exit(pytest.main([*_OPTIONS, "--basetemp", str(self._scratch), *tests]))


def _used_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
