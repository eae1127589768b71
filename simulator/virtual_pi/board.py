"""The Raspberry Pi's board: its pins, the reader wired to it, and the connection to the station."""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from enum import Enum, auto
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

from common.clock import Clock
from simulator.virtual_pi.cards import parse_card
from simulator.virtual_pi.faulty_chip import FaultyMfrc522

RESET_PIN = 25
PINS = range(28)  # BCM numbers on the 40-pin header
_SLEEP_OVERHEAD_S = 100e-6  # how late a sleep may end; the rest is a busy wait
_MEASURED_CALLS = 7  # one of so many: in step with no program's loop

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class Pull(Enum):
    """The resistor of an input."""

    NONE = auto()
    DOWN = auto()
    UP = auto()


class Board:
    """Pins by their BCM number, and an MFRC522 on SPI bus 0, device 0, its NRSTPD on GPIO 25 or `reset_pin`.

    A pressed button connects its pin to ground. The module pulls NRSTPD up where the Pi does not drive it.
    """

    def __init__(self, station: str | None = None, spi_transfer_s: float = 0.0, reset_pin: int = RESET_PIN) -> None:
        """Connect to the station at this Unix socket and adopt its state."""
        self.clock = Clock()  # a test may replace it
        self.reader = FaultyMfrc522(self._now)
        self.bus_error = 0  # a test may set an errno
        self.calls = 0
        self.emulated_s = 0.0
        """Processor time that the program's calls of the hardware took, which is the emulation's; an estimate."""
        self._spi_transfer_s = spi_transfer_s
        self._reset_pin = reset_pin
        self._lock = threading.RLock()
        self.trace: list[tuple[float, frozenset[int]]] = []
        """The pins that were lit from each time on; kept only where no station keeps it."""
        self._outputs: dict[int, bool] = {}
        self._pulls = dict.fromkeys(PINS, Pull.NONE)
        self._pressed: frozenset[int] = frozenset()
        self._socket: socket.socket | None = None
        if station:
            with contextlib.suppress(OSError):
                self._connect(station)

    def _now(self) -> float:
        return self.clock.now()

    def transfer(self, mosi: list[int]) -> list[int]:
        """Carry out an SPI transfer, in no less time than the one set."""
        if not self._spi_transfer_s:
            return self.reader.exchange(mosi)
        done_at = self.clock.now() + self._spi_transfer_s
        miso = self.reader.exchange(mosi)
        while (left := done_at - self.clock.now()) > 0:
            self.clock.sleep(max(0.0, left - _SLEEP_OVERHEAD_S))
        return miso

    def is_output(self, pin: int) -> bool:
        """Return whether the Pi drives this pin."""
        return pin in self._outputs

    @property
    def lit(self) -> frozenset[int]:
        """The pins that the Pi drives high, the reader's reset line aside."""
        return frozenset(pin for pin, level in self._outputs.items() if level and pin != self._reset_pin)

    def level(self, pin: int) -> bool:
        """Return the level of a pin; one that nothing drives reads low."""
        driven = self._outputs.get(pin)
        if driven is not None:
            return driven
        return pin not in self._pressed and self._pulls[pin] is Pull.UP

    def drive(self, pin: int, level: bool) -> None:
        """Make a pin an output of this level."""
        with self._lock:
            self._outputs[pin] = level
            self._output_changed(pin)

    def release(self, pin: int, pull: Pull = Pull.NONE) -> None:
        """Make a pin an input."""
        with self._lock:
            self._outputs.pop(pin, None)
            self._pulls[pin] = pull
            self._output_changed(pin)

    def hold_down(self, buttons: Iterable[int]) -> None:
        """Make these the pins whose buttons are held down."""
        self._pressed = frozenset(buttons)

    def _output_changed(self, pin: int) -> None:
        if pin == self._reset_pin:
            self.reader.set_nrstpd(self._outputs.get(pin, True))
        elif self._socket:
            self._report("lit" if pin in self.lit else "dark", pin)
        elif self.lit != (self.trace[-1][1] if self.trace else frozenset()):
            self.trace.append((self.clock.now(), self.lit))

    def _connect(self, station: str) -> None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(station)
        except OSError:
            connection.close()
            raise
        self._socket = connection
        self._report("started", os.getpid())
        lines = self._socket.makefile("r", encoding="utf-8")
        state = json.loads(lines.readline())
        self._outputs = dict.fromkeys(state["lit"], True)  # the program before may have been killed
        self._handle(state)
        threading.Thread(target=self._listen, args=(lines,), name="virtual Pi", daemon=True).start()

    def _listen(self, lines: Iterable[str]) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in lines:
                self._handle(json.loads(line))

    def _handle(self, message: dict[str, Any]) -> None:
        """Adopt the station's state, or answer a request for a figure."""
        if "cards" in message:
            self.hold_down(message["pressed"])
            if message["floating_miso"] is None:
                self.reader.plug_in()
            else:
                self.reader.unplug(message["floating_miso"])
            self.reader.place(map(parse_card, message["cards"]))
        else:
            figures = {"transfers": self.reader.transfers, "emulated": self.emulated_s}
            self._report(message["request"], figures[message["request"]])

    def _report(self, kind: str, what: float) -> None:
        line = json.dumps({"kind": kind, "what": what, "at": self.clock.now()}) + "\n"
        if self._socket:
            with contextlib.suppress(OSError):  # the station is gone
                self._socket.send(line.encode(), socket.MSG_DONTWAIT)


@cache
def the_board() -> Board:
    """Return this process's board, created from the environment on first use."""
    microseconds = float(os.environ.get("VIRTUAL_PI_SPI_MICROSECONDS") or 0)
    reset_pin = int(os.environ.get("VIRTUAL_PI_RESET_PIN") or RESET_PIN)
    return Board(os.environ.get("VIRTUAL_PI_SOCKET"), microseconds / 1e6, reset_pin)


def emulated(call: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Count the processor time of a stand-in's function as the emulation's, by one call in so many.

    Asking for the time of each call would take a fifth of what the program itself needs.
    """

    @wraps(call)
    def counted(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        board = the_board()
        board.calls += 1
        if board.calls % _MEASURED_CALLS:
            return call(*arguments, **named)
        began_s = time.thread_time()
        try:
            return call(*arguments, **named)
        finally:
            board.emulated_s += _MEASURED_CALLS * (time.thread_time() - began_s - _asking_s())

    return counted


@cache
def _asking_s() -> float:
    """Return what asking for the time takes, of which half comes before and half after what is returned."""
    began_s = time.thread_time()
    for _ in range(100):
        time.thread_time()
    return (time.thread_time() - began_s) / 100
