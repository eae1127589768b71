"""The whole system on one machine, and what a rider and an operator can do to it."""

import os
import threading
import time
from contextlib import ExitStack
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
PRESS_S = 0.25


class NotPossibleError(ValueError):
    """This cannot be done now; the message says why."""


class System:
    """A terminal, one gate or two, the monitor and their Redis. Any thread may use it.

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
        self.devices: dict[str, Device] = {}
        self._cleanup = ExitStack()
        with self._cleanup:
            self.server = self._cleanup.enter_context(Server(find_server(), folder, *SURVIVING_RESTARTS))
            self._add_device("terminal", "sales_terminal")
            self._add_device(GATES[0], "entry_gate")
            monitor = Process(
                ["system_monitor", "--color", "always" if colored else "never"],
                os.environ | {PREFIX + "REDIS_PORT": str(self._connect(MONITOR))},
                lambda line: report(Output(MONITOR, OutputKind.EVENT, line, time.monotonic())),
            )
            self._cleanup.callback(monitor.close)
            for device in self.devices.values():
                device.wait_until_ready()
            self._cleanup = self._cleanup.pop_all()

    def __enter__(self) -> "System":
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def lay(self, device: str, *cards: str) -> None:
        """Lay cards on a reader, all at the same time.

        Raises:
            NotPossibleError: one of them is on a reader already.
        """
        with self._lock:
            for card in cards:
                if card in self._places:
                    raise NotPossibleError(f"card {card} is on the reader of {self._places[card]}: lift it first")
                if any(CARDS[other] == CARDS[card] for other in (*self.cards_on(device), *cards) if other != card):
                    raise NotPossibleError("card 1 and its copy have the same UID: lay them on two readers")
            self._places |= dict.fromkeys(cards, device)
            self.devices[device].pi.lay(*(CARDS[card] for card in cards))

    def lift(self, card: str) -> None:
        """Take a card off its reader.

        Raises:
            NotPossibleError: it is on no reader.
        """
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
        time.sleep(PRESS_S)
        self.release(button)

    def hold(self, button: str) -> None:
        """Press a button and keep it down."""
        self.devices["terminal"].pi.press(BUTTONS[button])

    def release(self, button: str) -> None:
        """Release a button."""
        self.devices["terminal"].pi.release(BUTTONS[button])

    def unplug(self, device: str) -> None:
        """Disconnect a device's reader."""
        self.devices[device].pi.unplug_reader()

    def plug_in(self, device: str) -> None:
        """Connect it again."""
        self.devices[device].pi.plug_in_reader()

    @property
    def cables(self) -> dict[str, bool]:
        """Whether each device's network cable, and the monitor's, is plugged in."""
        with self._lock:
            return {name: name not in self._cut for name in self._cables}

    def cut_network(self, name: str) -> None:
        """Cut the network of a device or of the monitor: nothing arrives, and no error is reported."""
        with self._lock:
            self._cut.add(name)
            self._cables[name].black_hole()

    def restore_network(self, name: str) -> None:
        """Restore the network; what was held back arrives, too."""
        with self._lock:
            self._cut.discard(name)
            self._cables[name].pass_on()

    def add_gate(self) -> str:
        """Set up a second gate and return its name.

        Raises:
            NotPossibleError: there are two already.
            TimeoutError: it does not start.
        """
        with self._lock:
            name = next((name for name in GATES if name not in self.devices), None)
            if name is None:
                raise NotPossibleError(f"there are {len(GATES)} gates already")
            gate = self._add_device(name, "entry_gate")
        gate.wait_until_ready()
        return name

    def _add_device(self, name: str, module: str) -> Device:
        device = Device(name, module, self._connect(name), self._report)
        self._cleanup.callback(device.close)
        self.devices = self.devices | {name: device}
        return device

    def _connect(self, name: str) -> int:
        """Return the port of Redis for the program of this name, on a network of its own."""
        self._cables[name] = self._cleanup.enter_context(FaultProxy(self.server.port))
        return self._cables[name].port

    def stop_server(self) -> None:
        """Stop Redis.

        Raises:
            NotPossibleError: it is stopped already.
        """
        with self._lock:
            if not self.server.is_running:
                raise NotPossibleError("Redis is stopped already")
            self.server.stop()

    def start_server(self) -> None:
        """Start Redis again.

        Raises:
            NotPossibleError: it is running already.
            ServerError: it does not start.
        """
        with self._lock:
            if self.server.is_running:
                raise NotPossibleError("Redis is running already")
            self.server.start()

    def advance_time(self, seconds: int) -> None:
        """Advance the time for Redis: what would have expired is deleted.

        Raises:
            NotPossibleError: Redis is not running.
        """
        try:
            with self.server.client() as redis:
                for key in redis.scan_iter():
                    left_ms = redis.pttl(key)
                    if left_ms >= 0:
                        redis.pexpire(key, left_ms - seconds * 1000)  # one that is not positive deletes the key
        except RedisError as error:
            raise NotPossibleError("Redis is not running") from error
