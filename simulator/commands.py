"""The demo's commands: what a rider or an operator does, and what a script expects of the system."""

import inspect
import re
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from simulator import expectations, office
from simulator.demo_cards import CARDS, describe
from simulator.expectations import EXPECTATION_S, SILENCE_S, Expectations
from simulator.history import ExpectationError, History
from simulator.server import ServerError
from simulator.system import MONITOR, NotPossibleError, System
from simulator.words import SERVER, UsageError, Words, either, nearest, one_of, quoted, seconds

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
        expects = Expectations(history, system.server, self._words)
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
            "kill": Command("kill DEVICE", "kill its program", self._kill),
            "start": Command("start PROGRAM", "start redis, or the program of a device, again", self._start),
            "add": Command("add gate", "set up a second gate: gate2", self._add),
            "office": Command("office TASK CARD...", f"do it in the back office: {either(office.TASKS)}", self._office),
            "wait": Command("wait SECONDS", "wait", self._wait),
            "expect": Command(
                expectations.EXPECT,
                f"fail unless it happens within {EXPECTATION_S:g} s; SOURCE is a device, monitor or card N; "
                f"TEXT nothing: fail if anything happens within {SILENCE_S:g} s",
                expects.expect,
            ),
            "within": Command(expectations.WITHIN, "the same with another time limit", expects.within),
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

    def _kill(self, device: str) -> None:
        self._system.kill(self._at(device))

    def _start(self, program: str) -> None:
        if one_of([SERVER, *self._system.devices], "program", program) == SERVER:
            self._at_server(program)
            self._system.start_server()
        else:
            self._system.start(self._at(program))

    def _add(self, what: str) -> None:
        one_of(["gate"], "device to add", what)
        self._system.add_gate()

    # ------------------------------------------------------------------ the operator

    def _office(self, task: str, *cards: str) -> None:
        self._forget()
        task = one_of(office.TASKS, "task of the office", task)
        count = office.TASKS[task].cards
        if len(cards) != count:
            raise UsageError(f"usage: {' '.join(['office', task, *['CARD'] * count])}")
        for line in office.run(self._system.server, task, [self._words.number(card) for card in cards]):
            self._print(f"  {line}")

    def _cards(self) -> None:
        for card in CARDS:
            self._print(f"  {card:<6} {describe(self._system.server, card)}")

    def _wait(self, duration: str) -> None:
        time.sleep(seconds(duration))

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
        one_of([SERVER], "server", server)
        self._forget(*self._system.devices)

    def _forget(self, *devices: str) -> None:
        self._history.clear(MONITOR, *devices)
