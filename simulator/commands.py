"""The demo's commands: what a rider or an operator does, and what a script expects of the system."""

import inspect
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from simulator.demo_cards import CARDS, describe, serial_number
from simulator.history import ExpectationError, History
from simulator.system import BUTTONS, MONITOR, System

EXPECTATION_S = 10.0
SILENCE_S = 1.0

_UNITS_S = {"s": 1, "m": 60, "h": 3600}


class UsageError(ValueError):
    """A line that is not a command; the message says what to type."""


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
            "cut": Command("cut DEVICE", "cut its network, or the monitor's", self._cut),
            "restore": Command("restore DEVICE", "restore its network", self._restore),
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
        command = self.commands.get(word)
        if not command:
            raise UsageError(f"unknown command {word!r}: try help")
        try:
            inspect.signature(command.run).bind(*arguments)
        except TypeError as error:
            raise UsageError(f"usage: {command.usage}") from error
        command.run(*arguments)

    def completions(self) -> Iterator[str]:
        """Yield every word that a line can have."""
        yield from self.commands
        yield from (*self._system.devices, *CARDS, *BUTTONS, MONITOR, "redis", "nothing")

    # ------------------------------------------------------------------ the rider

    def _tap(self, device: str, card: str) -> None:
        self._forget(device)
        self._system.tap(self._device(device), _card(card))

    def _lay(self, device: str, *cards: str) -> None:
        self._forget(device)
        self._system.lay(self._device(device), *map(_card, cards))

    def _lift(self, card: str) -> None:
        self._system.lift(_card(card))

    def _press(self, button: str) -> None:
        self._forget("terminal")
        self._system.press(_button(button))

    def _hold(self, button: str) -> None:
        self._forget("terminal")
        self._system.hold(_button(button))

    def _release(self, button: str) -> None:
        self._system.release(_button(button))

    # ------------------------------------------------------------------ faults, and time

    def _later(self, duration: str) -> None:
        match = re.fullmatch(r"(\d{1,6})([smh])", duration, re.ASCII)
        if not match:
            raise UsageError("usage: later 90s, later 30m or later 2h")
        self._system.advance_time(int(match[1]) * _UNITS_S[match[2]])

    def _unplug(self, device: str) -> None:
        self._forget(device)
        self._system.unplug(self._device(device))

    def _plug(self, device: str) -> None:
        self._forget(device)
        self._system.plug_in(self._device(device))

    def _cut(self, name: str) -> None:
        self._forget(self._source(name))
        self._system.cut_network(name)

    def _restore(self, name: str) -> None:
        self._forget(self._source(name))
        self._system.restore_network(name)

    def _add(self, what: str) -> None:
        if what != "gate":
            raise UsageError(f"usage: {self.commands['add'].usage}")
        self._system.add_gate()

    def _stop(self, what: str) -> None:
        _redis(what)
        self._forget(*self._system.devices)
        self._system.stop_server()

    def _start(self, what: str) -> None:
        _redis(what)
        self._forget(*self._system.devices)
        self._system.start_server()

    # ------------------------------------------------------------------ questions and expectations

    def _cards(self) -> None:
        for card in CARDS:
            self._print(f"  {card:<6} {describe(self._system.server, card)}")

    def _wait(self, seconds: str) -> None:
        time.sleep(_seconds(seconds))

    def _expect(self, *words: str, limit_s: float | None = None) -> None:
        match words:
            case ["card", card, *text] if text:
                held = describe(self._system.server, _card(card))
                if " ".join(text) not in held:
                    raise ExpectationError(f"it is {held}")
            case [source, "nothing"]:
                self._history.expect_nothing(self._source(source), limit_s or SILENCE_S)
            case [source, *text] if text:
                self._history.expect(self._source(source), _with_numbers(" ".join(text)), limit_s or EXPECTATION_S)
            case _:
                raise UsageError(f"usage: {self.commands['expect'].usage}")

    def _within(self, seconds: str, expect: str, *words: str) -> None:
        if expect != "expect":
            raise UsageError(f"usage: {self.commands['within'].usage}")
        self._expect(*words, limit_s=_seconds(seconds))

    def _help(self) -> None:
        for command in self.commands.values():
            self._print(f"  {command.usage:<26} {command.meaning}")
        self._print(f"  DEVICE is {_either(self._system.devices)}; CARD {_either(CARDS)}; BUTTON {_either(BUTTONS)}")
        self._print("  6 has a 7-byte UID; copy is a forged copy of card 1.")
        self._print("  For a gate, the same card within 2 s is the same tap.")

    def _quit(self) -> None:
        raise EOFError

    def _forget(self, *devices: str) -> None:
        self._history.clear(MONITOR, *devices)

    def _device(self, name: str) -> str:
        return _one_of(self._system.devices, "device", name)

    def _source(self, name: str) -> str:
        return _one_of([*self._system.devices, MONITOR], "source", name)


def _card(name: str) -> str:
    return _one_of(CARDS, "card", name)


def _button(name: str) -> str:
    return _one_of(BUTTONS, "button", name)


def _redis(name: str) -> str:
    return _one_of(["redis"], "server", name)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,3})?", text, re.ASCII):
        raise UsageError(f"{text!r} is not a number of seconds")
    return float(text)


def _one_of(known: Iterable[str], kind: str, name: str) -> str:
    if name not in known:
        raise UsageError(f"unknown {kind} {name!r}: expected {_either(known)}")
    return name


def _either(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _with_numbers(text: str) -> str:
    """Replace a card's short number by its serial number, the only one that the monitor prints."""
    return re.sub(r"\bcard (\d)\b", lambda match: f"card {serial_number(match[1])}", text)
