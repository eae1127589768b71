"""The entry gate, which also prints when each look began that found a presentation, by `time.monotonic()`.

What it prints comes with the next look, so that no tap waits for it.
"""

import runpy
import time

from common.card_reader import CardReader
from common.presentations import Presentation

_poll = CardReader.poll
_to_print: list[float] = []


def _timed_poll(self: CardReader) -> Presentation | None:
    while _to_print:
        print(_to_print.pop(), flush=True)
    began_at = time.monotonic()
    presentation = _poll(self)
    if presentation:
        _to_print.append(began_at)
    return presentation


if __name__ == "__main__":
    CardReader.poll = _timed_poll  # type: ignore[method-assign]
    runpy.run_module("entry_gate", run_name="__main__")
