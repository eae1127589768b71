"""The demo's conversation: commands that a rider gives, and what a script expects to come of them."""

import inspect
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from simulator.memory import ExpectationError, Memory
from simulator.system import BUTTONS, MONITOR, RACK, System, serial_number

EXPECTATION_S = 10.0
SILENCE_S = 1.0

_UNITS_S = {"s": 1, "m": 60, "h": 3600}


class UsageError(ValueError):
    """A line that is no command; the message says what is understood."""


class Command(NamedTuple):
    """A word that is understood."""

    usage: str
    meaning: str
    run: Callable[..., None]


class Conversation:
    """Understands one line after the other and does what it says.

    Args:
        system: what it is done to.
        memory: is told everything that happens in the system.
        say: prints a line.
    """

    def __init__(self, system: System, memory: Memory, say: Callable[[str], None]) -> None:
        self._system = system
        self._memory = memory
        self._say = say
        self.commands = {
            "tap": Command("tap DEVICE CARD", "hold a card to a reader for half a second", self._tap),
            "lay": Command("lay DEVICE CARD...", "lay cards on a reader and leave them there", self._lay),
            "lift": Command("lift CARD", "take a card away", self._lift),
            "press": Command("press BUTTON", "press a button of the terminal and let go", self._press),
            "hold": Command("hold BUTTON", "keep it down", self._hold),
            "release": Command("release BUTTON", "let go of it", self._release),
            "cards": Command("cards", "show the cards and what Redis holds for them", self._cards),
            "later": Command("later 2h", "let time pass for Redis (s, m, h)", self._later),
            "unplug": Command("unplug DEVICE", "pull the wires of its card reader", self._unplug),
            "plug": Command("plug DEVICE", "put them on again", self._plug),
            "cut": Command("cut DEVICE", "pull its network cable, or the monitor's", self._cut),
            "mend": Command("mend DEVICE", "plug it in again", self._mend),
            "stop": Command("stop redis", "stop the server", self._stop),
            "start": Command("start redis", "start it again", self._start),
            "add": Command("add gate", "set up a second gate: gate2", self._add),
            "wait": Command("wait SECONDS", "wait", self._wait),
            "expect": Command(
                "expect SOURCE TEXT",
                f"wait up to {EXPECTATION_S:g} s for it; SOURCE is a device, monitor or card N; "
                f"'nothing' is {SILENCE_S:g} s of silence",
                self._expect,
            ),
            "within": Command("within SECONDS expect ...", "the same with another limit", self._within),
            "help": Command("help", "this list", self._help),
            "quit": Command("quit", "end the demo", self._quit),
        }

    def obey(self, line: str) -> None:
        """Do what a line says; an empty one and one that begins with # say nothing.

        Raises:
            UsageError: the line is no command.
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
            raise UsageError(f"no command {word!r}: try help")
        try:
            inspect.signature(command.run).bind(*arguments)
        except TypeError as error:
            raise UsageError(f"usage: {command.usage}") from error
        command.run(*arguments)

    def words(self) -> Iterator[str]:
        """Yield every word that lines are made of."""
        yield from self.commands
        yield from (*self._system.devices, *RACK, *BUTTONS, MONITOR, "redis", "nothing")

    # ------------------------------------------------------------------ hands

    def _tap(self, device: str, card: str) -> None:
        self._attend(device)
        self._system.tap(self._device(device), _card(card))

    def _lay(self, device: str, *cards: str) -> None:
        self._attend(device)
        self._system.lay(self._device(device), *map(_card, cards))

    def _lift(self, card: str) -> None:
        self._system.lift(_card(card))

    def _press(self, button: str) -> None:
        self._attend("terminal")
        self._system.press(_button(button))

    def _hold(self, button: str) -> None:
        self._attend("terminal")
        self._system.hold(_button(button))

    def _release(self, button: str) -> None:
        self._system.release(_button(button))

    # ------------------------------------------------------------------ trouble

    def _later(self, duration: str) -> None:
        match = re.fullmatch(r"(\d{1,6})([smh])", duration, re.ASCII)
        if not match:
            raise UsageError("usage: later 90s, later 30m or later 2h")
        self._system.let_pass(int(match[1]) * _UNITS_S[match[2]])

    def _unplug(self, device: str) -> None:
        self._attend(device)
        self._system.unplug(self._device(device))

    def _plug(self, device: str) -> None:
        self._attend(device)
        self._system.plug_in(self._device(device))

    def _cut(self, name: str) -> None:
        self._attend(self._source(name))
        self._system.pull_cable(name)

    def _mend(self, name: str) -> None:
        self._attend(self._source(name))
        self._system.plug_in_cable(name)

    def _add(self, what: str) -> None:
        if what != "gate":
            raise UsageError(f"usage: {self.commands['add'].usage}")
        self._system.add_gate()

    def _stop(self, what: str) -> None:
        _redis(what)
        self._attend(*self._system.devices)
        self._system.server.stop()

    def _start(self, what: str) -> None:
        _redis(what)
        self._attend(*self._system.devices)
        self._system.server.start()

    # ------------------------------------------------------------------ looking and waiting

    def _cards(self) -> None:
        for card in RACK:
            self._say(f"  {card:<6} {self._system.pass_of(card)}")

    def _wait(self, seconds: str) -> None:
        time.sleep(_seconds(seconds))

    def _expect(self, *words: str, limit_s: float | None = None) -> None:
        match words:
            case ["card", card, *text] if text:
                held = self._system.pass_of(_card(card))
                if " ".join(text) not in held:
                    raise ExpectationError(f"it is {held}")
            case [source, "nothing"]:
                self._memory.meet_nothing(self._source(source), limit_s or SILENCE_S)
            case [source, *text] if text:
                self._memory.meet(self._source(source), _with_numbers(" ".join(text)), limit_s or EXPECTATION_S)
            case _:
                raise UsageError(f"usage: {self.commands['expect'].usage}")

    def _within(self, seconds: str, expect: str, *words: str) -> None:
        if expect != "expect":
            raise UsageError(f"usage: {self.commands['within'].usage}")
        self._expect(*words, limit_s=_seconds(seconds))

    def _help(self) -> None:
        for command in self.commands.values():
            self._say(f"  {command.usage:<26} {command.meaning}")
        self._say(f"  DEVICE is {_either(self._system.devices)}; CARD {_either(RACK)}; BUTTON {_either(BUTTONS)}")
        self._say("  6 is a card with a 7-byte UID, copy is a forged card 1.")
        self._say("  The same card within 2 s is the same tap to a gate.")

    def _quit(self) -> None:
        raise EOFError

    def _attend(self, *devices: str) -> None:
        self._memory.forget(MONITOR, *devices)

    def _device(self, name: str) -> str:
        return _one_of(self._system.devices, "device", name)

    def _source(self, name: str) -> str:
        return _one_of([*self._system.devices, MONITOR], "source", name)


def _card(name: str) -> str:
    return _one_of(RACK, "card", name)


def _button(name: str) -> str:
    return _one_of(BUTTONS, "button", name)


def _redis(name: str) -> str:
    return _one_of(["redis"], "server", name)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,3})?", text, re.ASCII):
        raise UsageError(f"{text!r} is no number of seconds")
    return float(text)


def _one_of(known: Iterable[str], kind: str, name: str) -> str:
    if name not in known:
        raise UsageError(f"no {kind} {name!r}: there is {_either(known)}")
    return name


def _either(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _with_numbers(text: str) -> str:
    """Put its serial number in place of a card's number on the rack: the monitor knows no other."""
    return re.sub(r"\bcard (\d)\b", lambda match: f"card {serial_number(match[1])}", text)
