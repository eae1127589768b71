"""The end by a signal, which waits until what has begun is done."""

import signal
from types import FrameType
from typing import NoReturn


class Stopping:
    """Raises `KeyboardInterrupt` on SIGINT and SIGTERM: at once, or at the end of a `with` block of this.

    A second signal does not wait, and a third kills: the output may be stuck.
    """

    def __init__(self) -> None:
        self._is_held = False
        self._is_due = False

    def listen(self) -> None:
        """Take over the signals."""
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._stop)

    def __enter__(self) -> None:
        self._is_held = True

    def __exit__(self, *_: object) -> None:
        self._is_held = False
        if self._is_due:
            self._end()

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        if self._is_held and not self._is_due:
            self._is_due = True
        else:
            self._end()

    def _end(self) -> NoReturn:
        self._is_due = False
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_DFL)
        raise KeyboardInterrupt
