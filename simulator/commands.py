"""The demo's commands: what a rider or an operator does, and what a script expects of the system."""

import inspect
import re
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from simulator.demo_cards import CARDS, describe, serial_number
from simulator.history import ExpectationError, History
from simulator.server import ServerError
from simulator.system import MONITOR, NotPossibleError, System
from simulator.words import UsageError, Words, nearest, one_of, quoted, seconds

EXPECTATION_S = 10.0
SILENCE_S = 1.0

REFUSALS = (UsageError, NotPossibleError, ExpectationError, ServerError, TimeoutError)
"""What a command can fail with; the message is for whoever gave it."""

_UNITS_S = {"s": 1, "m": 60, "h": 3600}
_ALIASES = {"exit": "quit", "?": "help"}


class Command(NamedTuple):
    """A command: how it is typed, what it does, and the function that does it."""

    usage: str
    meaning: str
    run: Callable[..., None]


class CommandLine:
    """Runs commands, a line each.

    Args:
        system: what they act on.
        history: what has happened in it, which expectations are checked against.
        print_line: prints an answer.
    """

    def __init__(self, system: System, history: History, print_line: Callable[[str], None]) -> None:
        self._system = system
        self._history = history
        self._print = print_line
        self._words = Words(system)
        self.commands = {
            "tap": Command("tap DEVICE CARD", "hold a card to a reader for half a second", self._tap),
            "lay": Command("lay DEVICE CARD...", "lay cards on a reader and leave them there", self._lay),
            "lift": Command("lift CARD", "take a card away", self._lift),
            "press": Command("press BUTTON", "press a button of the terminal and release it", self._press),
            "hold": Command("hold BUTTON", "press a button and keep it down", self._hold),
            "release": Command("release BUTTON", "release it", self._release),
            "cards": Command("cards", "list the cards and what Redis holds for them", self._cards),
            "later": Command("later 2h", "advance the time for Redis (s, m or h)", self._later),
            "unplug": Command("unplug DEVICE", "disconnect its card reader", self._unplug),
            "plug": Command("plug DEVICE", "connect it again", self._plug),
            "cut": Command("cut CABLE", "pull the network cable of a device or of the monitor", self._cut),
            "restore": Command("restore CABLE", "plug it in again", self._restore),
            "stop": Command("stop redis", "stop the Redis server", self._stop),
            "start": Command("start redis", "start it again", self._start),
            "add": Command("add gate", "set up a second gate: gate2", self._add),
            "wait": Command("wait SECONDS", "wait", self._wait),
            "expect": Command(
                "expect SOURCE TEXT",
                f"fail unless it happens within {EXPECTATION_S:g} s; SOURCE is a device, monitor or card N; "
                f"TEXT nothing: fail if anything happens within {SILENCE_S:g} s",
                self._expect,
            ),
            "within": Command("within SECONDS expect ...", "the same with another time limit", self._within),
            "help": Command("help", "this list", self._help),
            "quit": Command("quit", "end the demo", self._quit),
        }

    def run(self, line: str) -> None:
        """Run a line; an empty one and a comment, which begins with #, do nothing.

        Raises:
            UsageError: the line is not a command.
            NotPossibleError: it cannot be done now.
            ExpectationError: something expected did not happen.
            EOFError: it was the last line.
        """
        words = line.partition("#")[0].split()
        if not words:
            return
        word, *arguments = words
        command = self._command(word)
        if not command:
            question = nearest([*self.commands, *_ALIASES], word)
            raise UsageError(f"no command {quoted(word)}: {question or 'help lists them'}")
        try:
            inspect.signature(command.run).bind(*arguments)
        except TypeError as error:
            raise UsageError(f"usage: {command.usage}") from error
        command.run(*arguments)

    def completions(self, line: str) -> list[str]:
        """Return what the last word of a line that is being typed can become; a new word is due after a blank."""
        *words, begun = re.split(r"\s+", line.lstrip())
        fitting: Iterable[str] = self.commands
        if words:
            command = self._command(words[0])
            places = command.usage.split() if command else []
            if command and places[-1].endswith("..."):
                places += places[-1:] * len(words)
            fitting = self._words.that_fit(places[0], places[len(words)]) if len(words) < len(places) else []
        return [word for word in fitting if word.startswith(begun.lower()) and word not in words[1:]]

    def _command(self, word: str) -> Command | None:
        return self.commands.get(_ALIASES.get(word.lower(), word.lower()))

    # ------------------------------------------------------------------ the rider

    def _tap(self, device: str, card: str) -> None:
        self._system.tap(self._at(device), self._words.card(card))

    def _lay(self, device: str, card: str, *more: str) -> None:
        self._system.lay(self._at(device), *map(self._words.card, (card, *more)))

    def _lift(self, card: str) -> None:
        self._system.lift(self._words.card(card))

    def _press(self, button: str) -> None:
        self._forget("terminal")
        self._system.press(self._words.button(button))

    def _hold(self, button: str) -> None:
        self._forget("terminal")
        self._system.hold(self._words.button(button))

    def _release(self, button: str) -> None:
        self._system.release(self._words.button(button))

    # ------------------------------------------------------------------ faults, and time

    def _later(self, duration: str) -> None:
        match = re.fullmatch(r"(\d{1,6})([smh])", duration.lower(), re.ASCII)
        if not match:
            raise UsageError("usage: later 90s, later 30m or later 2h")
        self._system.advance_time(int(match[1]) * _UNITS_S[match[2]])

    def _unplug(self, device: str) -> None:
        self._system.unplug(self._at(device))

    def _plug(self, device: str) -> None:
        self._system.plug_in(self._at(device))

    def _cut(self, cable: str) -> None:
        self._system.cut_network(self._at_cable(cable))

    def _restore(self, cable: str) -> None:
        self._system.restore_network(self._at_cable(cable))

    def _stop(self, what: str) -> None:
        self._at_server(what)
        self._system.stop_server()

    def _start(self, what: str) -> None:
        self._at_server(what)
        self._system.start_server()

    def _add(self, what: str) -> None:
        one_of(["gate"], "device to add", what)
        self._system.add_gate()

    # ------------------------------------------------------------------ questions and expectations

    def _cards(self) -> None:
        for card in CARDS:
            self._print(f"  {card:<6} {describe(self._system.server, card)}")

    def _wait(self, duration: str) -> None:
        time.sleep(seconds(duration))

    def _expect(self, *words: str, limit_s: float | None = None) -> None:
        match words:
            case ["card", card, *text] if text:
                held = describe(self._system.server, self._words.card(card))
                if " ".join(text) not in held:
                    raise ExpectationError(f"it is {held}")
            case [source, "nothing"]:
                self._history.expect_nothing(self._words.source(source), limit_s or SILENCE_S)
            case [source, *text] if text:
                wanted = _with_numbers(" ".join(text))
                self._history.expect(self._words.source(source), wanted, limit_s or EXPECTATION_S)
            case _:
                raise UsageError(f"usage: {self.commands['expect'].usage}")

    def _within(self, limit: str, expect: str, *words: str) -> None:
        if expect.lower() != "expect":
            raise UsageError(f"usage: {self.commands['within'].usage}")
        self._expect(*words, limit_s=seconds(limit))

    def _help(self) -> None:
        for command in self.commands.values():
            self._print(f"  {command.usage:<26} {command.meaning}")
        self._print(f"  {self._words.summary()}")
        self._print("  6 has a 7-byte UID; copy is a forged copy of card 1.")
        self._print("  For a gate, the same card within 2 s is the same tap.")

    def _quit(self) -> None:
        raise EOFError

    # ------------------------------------------------------------------ where something is about to happen

    def _at(self, device: str) -> str:
        name = self._words.device(device)
        self._forget(name)
        return name

    def _at_cable(self, cable: str) -> str:
        name = self._words.source(cable)
        self._forget(name)
        return name

    def _at_server(self, server: str) -> None:
        one_of(["redis"], "server", server)
        self._forget(*self._system.devices)

    def _forget(self, *devices: str) -> None:
        self._history.clear(MONITOR, *devices)


def _with_numbers(text: str) -> str:
    """Replace a card's short number by its serial number, the only one that the monitor prints."""
    return re.sub(r"\bcard (\d)\b", lambda match: f"card {serial_number(match[1])}", text)
