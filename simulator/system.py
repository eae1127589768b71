"""The whole system on one machine, and what a rider's hands and an operator's can do to it."""

import os
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from redis.exceptions import RedisError

from common import wiring
from common.cards import Card as ReadCard
from common.settings import PREFIX
from simulator.device import Device, Happening, Process, Report, Sense
from simulator.fault_proxy import FaultProxy
from simulator.server import Server, find_server
from simulator.virtual_pi.cards import AnyCard, Card, Phone

RACK: dict[str, AnyCard] = {
    **{str(number): Card(bytes.fromhex(f"{number}a1b2c3d")) for number in range(1, 6)},
    "6": Card(bytes.fromhex("04a1b2c3d4e5f6")),
    "copy": Card(bytes.fromhex("1a1b2c3d")),  # a forged card 1
    "phone": Phone(),
}
GATES = ("gate", "gate2")
MONITOR = "monitor"
BUTTONS = {"single": wiring.RED.bcm, "ten": wiring.YELLOW.bcm, "two": wiring.GREEN.bcm}
SURVIVING_RESTARTS = ("--appendonly", "yes", "--appendfsync", "no")  # of the server, not of the machine
HOLD_S = 0.5  # as a hand holds a card to a reader
REST_S = 0.5  # longer than the 300 ms that end a presentation
PRESS_S = 0.15


class NotPossibleError(ValueError):
    """A hand cannot do this; the message says why."""


@dataclass(frozen=True)
class Held:
    """A pass, as Redis holds it.

    Args:
        fields: the hash.
        seconds_left: until Redis lets it expire; None if it does not.
    """

    fields: dict[str, str]
    seconds_left: int | None

    def __str__(self) -> str:
        fields = " ".join(f"{name}={value}" for name, value in self.fields.items())
        return fields if self.seconds_left is None else f"{fields}  expires in {self.seconds_left} s"


def serial_number(card: str) -> str | None:
    """Return the number that the system knows a card of the rack by; a phone has a new one at every tap."""
    known = RACK[card]
    return ReadCard(known.uid).serial_number if isinstance(known, Card) else None


class System:
    """A terminal, one gate or two, and the monitor around one Redis, and the hands of a rider. Any thread may use it.

    Args:
        folder: an empty folder for the server's data.
        colored: whether the monitor is to write in colour.
        report: called with everything that happens, from several threads.

    Raises:
        ServerError: there is no server to start, or it does not come up.
        TimeoutError: a device does not come up.
    """

    def __init__(self, folder: Path, colored: bool, report: Report) -> None:
        self._report = report
        self._hands = threading.RLock()
        self._places: dict[str, str] = {}
        self._cables: dict[str, FaultProxy] = {}
        self._pulled: set[str] = set()
        self.devices: dict[str, Device] = {}
        self._cleanup = ExitStack()
        with self._cleanup:
            self.server = self._cleanup.enter_context(Server(find_server(), folder, *SURVIVING_RESTARTS))
            self._add_device("terminal", "sales_terminal")
            self._add_device(GATES[0], "entry_gate")
            monitor = Process(
                ["system_monitor", "--color", "always" if colored else "never"],
                os.environ | {PREFIX + "REDIS_PORT": str(self._lay_cable(MONITOR))},
                lambda line: report(Happening(MONITOR, Sense.EVENT, line, time.monotonic())),
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
        """Lay cards on a reader, all at the same moment.

        Raises:
            NotPossibleError: one of them lies somewhere already.
        """
        with self._hands:
            for card in cards:
                if card in self._places:
                    raise NotPossibleError(f"card {card} lies on the {self._places[card]}: lift it first")
                if any(RACK[other] == RACK[card] for other in (*self.cards_on(device), *cards) if other != card):
                    raise NotPossibleError("card 1 and its copy answer as one: lay them on two readers")
            self._places |= dict.fromkeys(cards, device)
            self.devices[device].pi.lay(*(RACK[card] for card in cards))

    def lift(self, card: str) -> None:
        """Take a card away from where it lies.

        Raises:
            NotPossibleError: it lies nowhere.
        """
        with self._hands:
            if card not in self._places:
                raise NotPossibleError(f"card {card} lies on no reader")
            self.devices[self._places.pop(card)].pi.lift(RACK[card])

    def cards_on(self, device: str) -> list[str]:
        """Return the cards that lie on a device's reader."""
        with self._hands:
            return [card for card, place in self._places.items() if place == device]

    def tap(self, device: str, card: str) -> None:
        """Hold a card to a reader and take it away for long enough to end the presentation."""
        self.lay(device, card)
        time.sleep(HOLD_S)
        self.lift(card)
        time.sleep(REST_S)

    def press(self, button: str) -> None:
        """Press a button of the terminal and let go."""
        self.hold(button)
        time.sleep(PRESS_S)
        self.release(button)

    def hold(self, button: str) -> None:
        """Press a button and keep it down."""
        self.devices["terminal"].pi.press(BUTTONS[button])

    def release(self, button: str) -> None:
        """Let go of a button."""
        self.devices["terminal"].pi.release(BUTTONS[button])

    def unplug(self, device: str) -> None:
        """Pull the wires of a device's reader."""
        self.devices[device].pi.unplug_reader()

    def plug_in(self, device: str) -> None:
        """Put them on again."""
        self.devices[device].pi.plug_in_reader()

    @property
    def cables(self) -> dict[str, bool]:
        """Whether each device's network cable, and the monitor's, is plugged in."""
        with self._hands:
            return {name: name not in self._pulled for name in self._cables}

    def pull_cable(self, name: str) -> None:
        """Pull the network cable of a device or of the monitor: what was sent stays unanswered, and nothing says so."""
        with self._hands:
            self._pulled.add(name)
            self._cables[name].black_hole()

    def plug_in_cable(self, name: str) -> None:
        """Plug it in again."""
        with self._hands:
            self._pulled.discard(name)
            self._cables[name].pass_on()

    def add_gate(self) -> str:
        """Set up a second gate and return its name.

        Raises:
            NotPossibleError: there are two already.
            TimeoutError: it does not come up.
        """
        with self._hands:
            name = next((name for name in GATES if name not in self.devices), None)
            if name is None:
                raise NotPossibleError(f"there are {len(GATES)} gates already")
            gate = self._add_device(name, "entry_gate")
        gate.wait_until_ready()
        return name

    def _add_device(self, name: str, module: str) -> Device:
        device = Device(name, module, self._lay_cable(name), self._report)
        self._cleanup.callback(device.close)
        self.devices = self.devices | {name: device}
        return device

    def _lay_cable(self, name: str) -> int:
        """Return the port at which Redis is to be found from now on by whoever has this name."""
        self._cables[name] = self._cleanup.enter_context(FaultProxy(self.server.port))
        return self._cables[name].port

    def let_pass(self, seconds: int) -> None:
        """Let time pass for Redis: what would have expired meanwhile is gone.

        Raises:
            NotPossibleError: Redis does not run.
        """
        try:
            with self.server.client() as redis:
                for key in redis.scan_iter():
                    left_ms = redis.pttl(key)
                    if left_ms >= 0:
                        redis.pexpire(key, left_ms - seconds * 1000)  # one that is not positive deletes the key
        except RedisError as error:
            raise NotPossibleError("Redis does not run") from error

    def held(self) -> dict[str, Held] | None:
        """Return what Redis holds for the cards of the rack that have a pass; None if it does not run."""
        numbers = {card: number for card in RACK if (number := serial_number(card))}
        try:
            with self.server.client() as redis, redis.pipeline() as pipeline:
                for number in numbers.values():
                    pipeline.hgetall(number)
                    pipeline.ttl(number)
                answers = pipeline.execute(raise_on_error=False)
        except RedisError:
            return None
        passes = zip(numbers, answers[::2], answers[1::2], strict=True)
        return {
            card: Held(fields, left_s if left_s >= 0 else None)
            for card, fields, left_s in passes
            if isinstance(fields, dict) and fields
        }

    def pass_of(self, card: str) -> str:
        """Tell what Redis holds for a card."""
        number = serial_number(card)
        if number is None:
            return "a new number at every tap"
        held = self.held()
        if held is None:
            return f"{number}  (Redis does not run)"
        return f"{number}  {held.get(card, 'no pass')}"
