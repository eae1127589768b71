"""The demo in a terminal of its own, as somebody sees it who types."""

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import uuid
from collections.abc import Mapping

from simulator.child import ending_with_parent
from tests.processes import DEADLINE_S, REPOSITORY, processes_with, wait_for

INTERRUPT = "\x03"
_WHERE_IS_THE_CURSOR = b"\x1b[6n"
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A demo whose controlling terminal this is.

    Attributes:
        mark: what all processes of the demo have in their environment.
    """

    def __init__(self, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self.mark = uuid.uuid4().hex
        self._output = b""
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, 120))
        with os.fdopen(theirs) as terminal:
            self.process = subprocess.Popen(
                ending_with_parent("setsid", "--ctty", sys.executable, "-m", "simulator.demo", *options),
                cwd=REPOSITORY,
                env={**os.environ, "TERM": "xterm", "MARK": self.mark, **(environment or {})},
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self.close()

    @property
    def text(self) -> str:
        """All that was printed, without colours and moves of the cursor."""
        return _SEQUENCE.sub("", self._output.decode(errors="replace"))

    @property
    def is_at_the_prompt(self) -> bool:
        """Whether keys are read one by one."""
        return not termios.tcgetattr(self._ours)[3] & termios.ICANON

    def wait_for(self, text: str, count: int = 1) -> None:
        """Wait until this has been printed so many times."""
        try:
            wait_for(lambda: self.text.count(text) >= count)
        except TimeoutError:
            raise TimeoutError(f"no {text!r} in {self.text!r}") from None

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def close(self) -> None:
        """Close the terminal, as its window is closed."""
        if self._ours >= 0:
            ours, self._ours = self._ours, -1
            os.close(ours)

    def end(self, with_signal: signal.Signals | None = None) -> int:
        """Return the exit status, after the signal."""
        if with_signal:
            self.process.send_signal(with_signal)
        return self.process.wait(DEADLINE_S)

    def processes(self) -> list[str]:
        """Return the ids of the demo's processes."""
        return processes_with(self.mark)

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._ours, 65536)
                self._output += chunk
                if _WHERE_IS_THE_CURSOR in chunk:
                    os.write(self._ours, b"\x1b[1;1R")
            except OSError:
                return
