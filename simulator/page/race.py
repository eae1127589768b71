"""The race: card 1 and its forged copy at two gates at the same moment, with one trip between them."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from redis.exceptions import RedisError

from simulator.demo_cards import StoredPass, read_passes, serial_number
from simulator.page.answers import Answers
from simulator.server import ServerError
from simulator.system import GATES, HOLD_S, REST_S, NotPossibleError, System

SERVICE_LIMIT_S = 30.0
SALE_LIMIT_S = 30.0
ANSWER_S = 2.0
RACE_S = 1.2
SAME_TAP_S = 2.2  # a little longer than the time within which a card is the same tap to a gate
POLL_S = 0.02

CARD = "1"
RUNNERS = {GATES[0]: (CARD, "Card 1", "the first gate"), GATES[1]: ("copy", "The forged copy", "the second gate")}
_ONE_TRIP = StoredPass({"passType": "SINGLE_USE"}, None)


class RaceError(RuntimeError):
    """The race cannot go on; the message says why."""


class Race:
    """Runs races, one at a time; `text` says how it goes, and then who got in.

    Args:
        answers: what the devices have last said.
        why: returns why a gate denied a card.
    """

    def __init__(self, answers: Answers, why: Callable[[System, str], str]) -> None:
        self.text = ""
        self._answers = answers
        self._why = why
        self._running = threading.Lock()
        self._stopping = threading.Event()

    @property
    def is_running(self) -> bool:
        """Whether a race is under way."""
        return self._running.locked()

    def stop(self) -> None:
        """End a race under way, soon."""
        self._stopping.set()

    def run(self, system: System) -> None:
        """Run a race from any state: repair, clear the readers, sell card 1 a single trip, and start.

        It must run in a thread that lives on: programs that a thread has started end with it.
        """
        if not self._running.acquire(blocking=False):
            return
        try:
            self.text = "Getting ready: two gates, all in service, nothing on the readers …"
            self._prepare(system)
            prepared = time.monotonic()
            self.text = "Card 1 buys a single trip …"
            self._buy(system)
            self._stopping.wait(max(0.0, prepared + SAME_TAP_S - time.monotonic()))
            self.text = "Card 1 and its copy, at both gates at once …"
            self.text = self._start(system)
        except (NotPossibleError, ServerError, RedisError, TimeoutError, RaceError) as error:
            self.text = f"The race was stopped: {error}."
        finally:
            self._running.release()

    def _prepare(self, system: System) -> None:
        if not system.server.is_running:
            system.start_server()
        for name, is_whole in system.cables.items():
            if not is_whole:
                system.restore_network(name)
        with suppress(NotPossibleError):  # there are two
            system.add_gate()
        for button in system.held:
            system.release(button)
        for name, device in system.devices.items():
            for card in system.cards_on(name):
                _lift(system, card)
            if not device.pi.reader_is_plugged_in:
                system.plug_in(name)
            if not device.is_running:
                system.start(name)
        devices = system.devices.values()
        if not self._wait(lambda: not any(device.problem for device in devices), SERVICE_LIMIT_S):
            raise RaceError("a device does not come into service")
        self._stopping.wait(REST_S)

    def _buy(self, system: System) -> None:
        """Buy at the terminal. A sale that somebody has begun there ends at the tap of another card."""
        if _passes(system).get(CARD, _ONE_TRIP) != _ONE_TRIP:
            with system.server.client() as redis:
                redis.delete(str(serial_number(CARD)))  # a pass with more than one entry, or with none
        end = time.monotonic() + SALE_LIMIT_S
        while CARD not in _passes(system):
            if time.monotonic() > end:
                raise RaceError("the terminal sells nothing")
            clip = self._clip_after(lambda: system.lay("terminal", CARD), "terminal")
            self._stopping.wait(HOLD_S)
            _lift(system, CARD)
            self._stopping.wait(REST_S)
            if clip in {"", "select-a-pass"}:
                self._clip_after(lambda: system.press("single"), "terminal")

    def _start(self, system: System) -> str:
        """Lay both cards, and return who got in and why the other did not."""
        began = time.monotonic()
        for gate, (card, _, _) in RUNNERS.items():
            system.lay(gate, card)
        self._wait(lambda: all(self._said(gate, began) for gate in RUNNERS), ANSWER_S)
        clips = {gate: self._said(gate, began) for gate in RUNNERS}
        denied = [gate for gate, clip in clips.items() if clip == "access-denied"]
        self._wait(lambda: all(self._why(system, gate) for gate in denied), ANSWER_S)
        winner_first = sorted(RUNNERS, key=lambda gate: clips[gate] != "access-granted")
        text = " ".join(self._ending(system, gate, clips[gate]) for gate in winner_first)
        self._stopping.wait(max(0.0, began + RACE_S - time.monotonic()))
        for card, _, _ in RUNNERS.values():
            _lift(system, card)
        return text

    def _ending(self, system: System, gate: str, clip: str) -> str:
        _, runner, place = RUNNERS[gate]
        match clip:
            case "access-granted":
                return f"{runner} got in at {place}."
            case "access-denied":
                return f"{runner} was denied at {place}: {self._why(system, gate)}."
        return f"{runner} had no answer at {place}."

    def _clip_after(self, act: Callable[[], None], device: str) -> str:
        """Return the clip that a device plays after this was done to it; empty if none."""
        began = time.monotonic()
        act()
        self._wait(lambda: bool(self._said(device, began)), ANSWER_S)
        return self._said(device, began)

    def _said(self, device: str, since: float) -> str:
        answer = self._answers.last.get(device)
        return answer.clip if answer and answer.at > since else ""

    def _wait(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Wait until it holds, and return whether it does in time.

        Raises:
            RaceError: the demo ends.
        """
        end = time.monotonic() + limit_s
        while not condition():
            if self._stopping.wait(POLL_S):
                raise RaceError("the demo ends")
            if time.monotonic() > end:
                return False
        return True


def _passes(system: System) -> dict[str, StoredPass]:
    with system.server.client() as redis:
        return read_passes(redis) or {}


def _lift(system: System, card: str) -> None:
    with suppress(NotPossibleError):  # somebody has taken it away
        system.lift(card)
