"""The whole system on one machine, and what a rider's hands and an operator's can do to it."""

import os
import time
from contextlib import ExitStack
from pathlib import Path

from redis.exceptions import RedisError

from common.cards import Card as ReadCard
from common.settings import PREFIX
from simulator.device import Device, Happening, Process, Report, Sense
from simulator.server import Server, find_server
from simulator.virtual_pi.cards import AnyCard, Card, Phone

RACK: dict[str, AnyCard] = {
    **{str(number): Card(bytes.fromhex(f"{number}a1b2c3d")) for number in range(1, 6)},
    "6": Card(bytes.fromhex("04a1b2c3d4e5f6")),
    "phone": Phone(),
}
BUTTONS = {"single": 19, "ten": 13, "two": 26}
HOLD_S = 0.5  # as a hand holds a card to a reader
REST_S = 0.5  # longer than the 300 ms that end a presentation
PRESS_S = 0.15


class NotPossibleError(ValueError):
    """A hand cannot do this; the message says why."""


def serial_number(card: str) -> str | None:
    """Return the number that the system knows a card of the rack by; a phone has a new one at every tap."""
    known = RACK[card]
    return ReadCard(known.uid).serial_number if isinstance(known, Card) else None


class System:
    """A terminal, a gate and the monitor around one Redis, and the hands of a rider.

    Args:
        folder: an empty folder for the server's data.
        colored: whether the monitor is to write in colour.
        report: called with everything that happens, from several threads.

    Raises:
        ServerError: there is no server to start, or it does not come up.
        TimeoutError: a device does not come up.
    """

    def __init__(self, folder: Path, colored: bool, report: Report) -> None:
        self._places: dict[str, str] = {}
        with ExitStack() as cleanup:
            self.server = cleanup.enter_context(Server(find_server(), folder, "--appendonly", "yes"))
            self.devices = {
                name: Device(name, module, self.server.port, report)
                for name, module in {"terminal": "sales_terminal", "gate": "entry_gate"}.items()
            }
            for device in self.devices.values():
                cleanup.callback(device.close)
            self._monitor = Process(
                ["system_monitor", "--color", "always" if colored else "never"],
                os.environ | {PREFIX + "REDIS_PORT": str(self.server.port)},
                lambda line: report(Happening("monitor", Sense.EVENT, line, time.monotonic())),
            )
            cleanup.callback(self._monitor.close)
            for device in self.devices.values():
                device.wait_until_ready()
            self._cleanup = cleanup.pop_all()

    def __enter__(self) -> "System":
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def lay(self, device: str, *cards: str) -> None:
        """Lay cards on a reader, all at the same moment.

        Raises:
            NotPossibleError: one of them lies somewhere already.
        """
        for card in cards:
            if card in self._places:
                raise NotPossibleError(f"card {card} lies on the {self._places[card]}: lift it first")
        self._places |= dict.fromkeys(cards, device)
        self.devices[device].pi.lay(*(RACK[card] for card in cards))

    def lift(self, card: str) -> None:
        """Take a card away from where it lies.

        Raises:
            NotPossibleError: it lies nowhere.
        """
        if card not in self._places:
            raise NotPossibleError(f"card {card} lies on no reader")
        self.devices[self._places.pop(card)].pi.lift(RACK[card])

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

    def pass_of(self, card: str) -> str:
        """Tell what Redis holds for a card."""
        key = serial_number(card)
        if key is None:
            return "a new number at every tap"
        try:
            with self.server.client() as redis:
                fields = redis.hgetall(key)
                left_s = redis.ttl(key)
        except RedisError:
            return f"{key}  (Redis does not run)"
        held = " ".join(f"{name}={value}" for name, value in fields.items()) or "no pass"
        return f"{key}  {held}{f'  expires in {left_s} s' if left_s >= 0 else ''}"
