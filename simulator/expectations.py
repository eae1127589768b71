"""What a script expects of the system: the commands `expect` and `within`."""

import re

from simulator.demo_cards import describe, serial_number
from simulator.history import ExpectationError, History
from simulator.server import Server
from simulator.words import UsageError, Words, seconds

EXPECTATION_S = 10.0
SILENCE_S = 1.0

EXPECT = "expect SOURCE TEXT"
WITHIN = "within SECONDS expect ..."


class Expectations:
    """Checks what is expected against what has happened, and against what Redis holds for a card."""

    def __init__(self, history: History, server: Server, words: Words) -> None:
        self._history = history
        self._server = server
        self._words = words

    def expect(self, *words: str, limit_s: float | None = None) -> None:
        """Wait for what these words describe.

        Raises:
            UsageError: they describe nothing.
            ExpectationError: it did not happen in time.
        """
        match words:
            case ["card", card, *text] if text:
                held = describe(self._server, self._words.card(card))
                if " ".join(text) not in held:
                    raise ExpectationError(f"it is {held}")
            case [source, "nothing"]:
                self._history.expect_nothing(self._words.source(source), limit_s or SILENCE_S)
            case [source, *text] if text:
                wanted = _with_numbers(" ".join(text))
                self._history.expect(self._words.source(source), wanted, limit_s or EXPECTATION_S)
            case _:
                raise UsageError(f"usage: {EXPECT}")

    def within(self, limit: str, expect: str, *words: str) -> None:
        """Do the same with a time limit of so many seconds."""
        if expect.lower() != "expect":
            raise UsageError(f"usage: {WITHIN}")
        self.expect(*words, limit_s=seconds(limit))


def _with_numbers(text: str) -> str:
    """Replace a card's short number by its serial number, the only one that the monitor prints."""
    return re.sub(r"\bcard (\d)\b", lambda match: f"card {serial_number(match[1])}", text)
