"""The whole system on one machine, and what a rider and an operator can do to it."""

import os
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from redis.exceptions import RedisError

from common import wiring
from common.settings import PREFIX
from simulator.demo_cards import CARDS
from simulator.device import Device, Output, OutputKind, Process, Report
from simulator.fault_proxy import FaultProxy
from simulator.server import Server, find_server

GATES = ("gate", "gate2")
MONITOR = "monitor"
BUTTONS = {"single": wiring.RED.bcm, "ten": wiring.YELLOW.bcm, "two": wiring.GREEN.bcm}
SURVIVING_RESTARTS = ("--appendonly", "yes", "--appendfsync", "no")  # of the server, not of the machine
HOLD_S = 0.5  # a rider's tap
REST_S = 0.5  # longer than the 300 ms that end a presentation
PRESS_S = 0.25  # the shortest press of a person


class NotPossibleError(ValueError):
    """This cannot be done now; the message says why."""


class System:
    """A terminal, one gate or two, the monitor and their Redis. Any thread may use it.

    What cannot be done now, or is so already, raises `NotPossibleError` and changes nothing.

    Args:
        folder: an empty folder for the server's data.
        colored: whether the monitor writes in colour.
        report: called with everything that happens, from several threads.

    Raises:
        ServerError: there is no server to start, or it does not start.
        TimeoutError: a device does not start.
    """

    def __init__(self, folder: Path, colored: bool, report: Report) -> None:
        self._report = report
        self._lock = threading.RLock()
        self._places: dict[str, str] = {}
        self._cables: dict[str, FaultProxy] = {}
        self._cut: set[str] = set()
        self._down_since: dict[str, float] = {}
        self._is_closed = False
        self.devices: dict[str, Device] = {}
        self._cleanup = ExitStack()
        with self._cleanup:
            self.server = self._cleanup.enter_context(Server(find_server(), folder, *SURVIVING_RESTARTS))
            self._add_device("terminal", "sales_terminal")
            self._add_device(GATES[0], "entry_gate")
            monitor = Process(
                ["system_monitor", "--color", "always" if colored else "never"],
                os.environ | {PREFIX + "REDIS_PORT": str(self._connect(MONITOR)), PREFIX + "DEVICE": MONITOR},
                lambda line: report(Output(MONITOR, OutputKind.EVENT, line, time.monotonic())),
            )
            self._cleanup.callback(monitor.close)
            for device in self.devices.values():
                device.wait_until_ready()
            self._cleanup = self._cleanup.pop_all()

    def __enter__(self) -> "System":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._is_closed = True  # another thread starts nothing more, which would outlive this
        self._cleanup.close()

    def lay(self, device: str, *cards: str) -> None:
        """Lay cards on a reader, all at the same time."""
        with self._lock:
            for card in cards:
                if card in self._places:
                    raise NotPossibleError(f"card {card} is on the reader of {self._places[card]}: lift it first")
                if any(CARDS[other] == CARDS[card] for other in (*self.cards_on(device), *cards) if other != card):
                    raise NotPossibleError("card 1 and its copy have the same UID: lay them on two readers")
            self._places |= dict.fromkeys(cards, device)
            self.devices[device].pi.lay(*(CARDS[card] for card in cards))

    def lift(self, card: str) -> None:
        """Take a card off its reader."""
        with self._lock:
            if card not in self._places:
                raise NotPossibleError(f"card {card} is on no reader")
            self.devices[self._places.pop(card)].pi.lift(CARDS[card])

    def cards_on(self, device: str) -> list[str]:
        """Return the cards on a device's reader."""
        with self._lock:
            return [card for card, place in self._places.items() if place == device]

    def tap(self, device: str, card: str) -> None:
        """Hold a card to a reader, and wait until the presentation has ended."""
        self.lay(device, card)
        time.sleep(HOLD_S)
        self.lift(card)
        time.sleep(REST_S)

    def press(self, button: str) -> None:
        """Press a button of the terminal and release it."""
        self.hold(button)
        with suppress(NotPossibleError):  # somebody else has released it
            self.release(button)

    @property
    def held(self) -> list[str]:
        """The buttons of the terminal that are held down."""
        pressed = self.devices["terminal"].pi.pressed
        return [button for button, pin in BUTTONS.items() if pin in pressed]

    def hold(self, button: str) -> None:
        """Press a button and keep it down."""
        with self._lock:
            _require(button not in self.held, f"the button {button} is held down already: release it first")
            self._down_since[button] = time.monotonic()
            self.devices["terminal"].pi.press(BUTTONS[button])

    def release(self, button: str) -> None:
        """Release a button that has been down for `PRESS_S`: a page's press and its end may arrive together."""
        time.sleep(max(0.0, self._down_since.get(button, 0.0) + PRESS_S - time.monotonic()))
        with self._lock:
            _require(button in self.held, f"the button {button} is not held down")
            self.devices["terminal"].pi.release(BUTTONS[button])

    def unplug(self, device: str) -> None:
        """Disconnect a device's reader."""
        with self._lock:
            pi = self.devices[device].pi
            _require(pi.reader_is_plugged_in, f"the reader of {device} is disconnected already")
            pi.unplug_reader()

    def plug_in(self, device: str) -> None:
        """Connect it again."""
        with self._lock:
            pi = self.devices[device].pi
            _require(not pi.reader_is_plugged_in, f"the reader of {device} is connected already")
            pi.plug_in_reader()

    @property
    def cables(self) -> dict[str, bool]:
        """Whether each device's network cable, and the monitor's, is plugged in."""
        with self._lock:
            return {name: name not in self._cut for name in self._cables}

    def cut_network(self, name: str) -> None:
        """Cut the network of a device or of the monitor: nothing arrives, and no error is reported."""
        with self._lock:
            _require(name not in self._cut, f"the network cable of {name} is pulled already")
            self._cut.add(name)
            self._cables[name].black_hole()

    def restore_network(self, name: str) -> None:
        """Restore the network; what was held back arrives, too."""
        with self._lock:
            _require(name in self._cut, f"the network cable of {name} is plugged in already")
            self._cut.discard(name)
            self._cables[name].pass_on()

    def add_gate(self) -> str:
        """Set up a second gate and return its name.

        Raises:
            TimeoutError: it does not start.
        """
        with self._lock:
            self._require_open()
            name = next((name for name in GATES if name not in self.devices), None)
            if name is None:
                raise NotPossibleError(f"there are {len(GATES)} gates already")
            gate = self._add_device(name, "entry_gate")
        gate.wait_until_ready()
        return name

    def kill(self, name: str) -> None:
        """Kill a device's program."""
        with self._lock:
            device = self.devices[name]
            _require(device.is_running, f"the program of {name} is not running")
            device.kill()

    def start(self, name: str) -> None:
        """Start a device's program again, and wait until it polls its reader.

        Raises:
            TimeoutError: it does not start.
        """
        with self._lock:
            self._require_open()
            device = self.devices[name]
            _require(not device.is_running, f"the program of {name} is running already")
            device.start()
        device.wait_until_ready()

    def _add_device(self, name: str, module: str) -> Device:
        device = Device(name, module, self._connect(name), self._report)
        self._cleanup.callback(device.close)
        self.devices = self.devices | {name: device}
        return device

    def _require_open(self) -> None:
        _require(not self._is_closed, "the demo ends")

    def _connect(self, name: str) -> int:
        """Return the port of Redis for the program of this name, on a network of its own."""
        self._cables[name] = self._cleanup.enter_context(FaultProxy(self.server.port))
        return self._cables[name].port

    def stop_server(self) -> None:
        """Stop Redis."""
        with self._lock:
            _require(self.server.is_running, "Redis is stopped already")
            self.server.stop()

    def start_server(self) -> None:
        """Start Redis again.

        Raises:
            ServerError: it does not start.
        """
        with self._lock:
            self._require_open()
            _require(not self.server.is_running, "Redis is running already")
            self.server.start()

    def advance_time(self, seconds: int) -> None:
        """Advance the time for Redis: what would have expired is deleted."""
        try:
            with self.server.client() as redis:
                for key in redis.scan_iter():
                    left_ms = redis.pttl(key)
                    if left_ms >= 0:
                        redis.pexpire(key, left_ms - seconds * 1000)  # one that is not positive deletes the key
        except RedisError as error:
            raise NotPossibleError("Redis is not running") from error


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise NotPossibleError(otherwise)
