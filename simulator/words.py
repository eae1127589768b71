"""The words of the demo's commands: what each can be, what is meant by one, and which make sense now."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from common.text import printable
from simulator.demo_cards import CARDS, serial_number
from simulator.office import TASKS
from simulator.system import BUTTONS, GATES, MONITOR, System

SERVER = "redis"
_LONGEST_SHOWN = 40
_BUTTONS = {"red": "single", "yellow": "ten", "green": "two", "single": "single", "ten": "ten", "two-hour": "two"}


class UsageError(ValueError):
    """A line that is not a command; the message says what to type."""


class Words:
    """The names of a system's devices, cards and buttons, in any case; a method raises `UsageError` for any other."""

    def __init__(self, system: System) -> None:
        self._system = system

    def device(self, word: str) -> str:
        """Return a device's name."""
        if word.lower() in set(GATES) - self._system.devices.keys():
            raise UsageError(f"there is no {word.lower()} yet: add gate sets it up")
        return one_of(self._system.devices, "device", word)

    def source(self, word: str) -> str:
        """Return the name of a device or of the monitor."""
        return one_of(self._system.cables, "source", word)

    def card(self, word: str) -> str:
        """Return a card's name."""
        return one_of(CARDS, "card", word)

    def number(self, word: str) -> str:
        """Return a card's serial number."""
        card = self.card(word)
        number = serial_number(card)
        if number is None:
            raise UsageError(f"the {card} has a new number at every tap: the office cannot look it up")
        return number

    def button(self, word: str) -> str:
        """Return the name that the system has for a button, which has a colour, too."""
        return word.lower() if word.lower() in BUTTONS else _BUTTONS[one_of(_BUTTONS, "button", word)]

    def that_fit(self, command: str, place: str) -> Iterable[str]:
        """Return the words that make sense now.

        Args:
            command: the command.
            place: what its usage has where the word is due, such as DEVICE, or the word itself.
        """
        system = self._system
        match place, command:
            case "DEVICE", "plug" | "unplug":
                readers = {name: device.pi.reader_is_plugged_in for name, device in system.devices.items()}
                return [name for name, is_connected in readers.items() if is_connected is (command == "unplug")]
            case "DEVICE", "kill":
                return [name for name, device in system.devices.items() if device.is_running]
            case "DEVICE", _:
                return system.devices
            case "PROGRAM", _:
                running = {SERVER: system.server.is_running}
                running |= {name: device.is_running for name, device in system.devices.items()}
                return [name for name, is_running in running.items() if not is_running]
            case "TASK", _:
                return TASKS
            case "CARD...", "office":
                return CARDS
            case "CABLE", _:
                return [name for name, is_plugged_in in system.cables.items() if is_plugged_in is (command == "cut")]
            case "CARD" | "CARD...", _:
                lying = {card for device in system.devices for card in system.cards_on(device)}
                return [card for card in CARDS if (card in lying) is (command == "lift")]
            case "BUTTON", _:
                return [word for word, name in _BUTTONS.items() if (name in system.held) is (command == "release")]
            case "redis", _:
                return [SERVER] if system.server.is_running else []
            case "gate", _:
                return ["gate"] if set(GATES) - system.devices.keys() else []
            case "SOURCE", _:
                return [*system.cables, "card"]
        return [place] if place.islower() else []

    def summary(self) -> str:
        """Return what the words of the commands' descriptions stand for."""
        devices = either(self._system.devices)
        return f"DEVICE is {devices}; CABLE also {MONITOR}; CARD {either(CARDS)}; BUTTON {either(_BUTTONS)}"


def one_of(known: Iterable[str], kind: str, word: str) -> str:
    """Return the one that is meant.

    Raises:
        UsageError: none is; the message has the nearest, or all.
    """
    known = list(known)
    if word.lower() in known:
        return word.lower()
    raise UsageError(f"no {kind} {quoted(word)}: {nearest(known, word) or f'choose {either(known)}'}")


def nearest(known: Iterable[str], word: str) -> str:
    """Return the question whether the nearest word is meant; empty if none is near."""
    near = get_close_matches(word.lower()[:_LONGEST_SHOWN], list(known), 1)
    return f"did you mean {near[0]}?" if near else ""


def quoted(word: str) -> str:
    """Return what was typed, safe to print."""
    return f"'{printable(word, _LONGEST_SHOWN)}'"


def seconds(word: str) -> float:
    """Return a number of seconds.

    Raises:
        UsageError: it is none.
    """
    if not re.fullmatch(r"\d{1,4}(\.\d{1,3})?", word, re.ASCII):
        raise UsageError(f"{quoted(word)} is not a number of seconds")
    return float(word)


def either(names: Iterable[str]) -> str:
    """Return the names as a choice: `1, 2 or 3`."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
