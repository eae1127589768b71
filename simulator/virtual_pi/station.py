"""The physical world around one virtual Pi: what is done to it, and what can be seen and heard of it."""

import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Mapping

from simulator.virtual_pi import environment
from simulator.virtual_pi.cards import AnyCard
from simulator.virtual_pi.connections import Connections, Message, send
from simulator.virtual_pi.observations import Kind, Observation

__all__ = ["Kind", "Observation", "VirtualPi"]


class VirtualPi:
    """One Raspberry Pi's surroundings: cards, buttons, lamps, sounds. Any thread may use it.

    Cards, held buttons and lit lamps keep their state when a program ends or is killed, and when the next one starts.

    Args:
        listener: called with every observation, in order; it must not block.
    """

    def __init__(self, listener: Callable[[Observation], None] | None = None) -> None:
        self._listener = listener
        self._changed = threading.Condition(threading.RLock())
        self._cards: list[AnyCard] = []
        self._pressed: set[int] = set()
        self._floating_miso: int | None = None
        self._boards: dict[socket.socket, int] = {}
        self._lit: set[int] = set()
        self._sounding: dict[socket.socket, Observation] = {}
        self._figures: list[float] = []
        self._observations: list[Observation] = []
        self._connections = Connections(self._receive, self._on_close)
        self._runtime_folder = tempfile.TemporaryDirectory(prefix="virtual-pi-")

    def __enter__(self) -> "VirtualPi":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect; connected programs keep running alone, without a runtime folder."""
        self._connections.close()
        self._runtime_folder.cleanup()

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment, by default this process's own, with all that makes a program run on this Pi."""
        base = environment(self._connections.address, os.environ if base is None else base)
        return {**base, "RUNTIME_DIRECTORY": self._runtime_folder.name}

    # ------------------------------------------------------------------ actions

    def lay(self, *cards: AnyCard) -> None:
        """Lay cards or phones on the reader, all at the same moment."""
        with self._changed:
            self._cards += [card for card in cards if card not in self._cards]
            self._send_state()

    def lift(self, card: AnyCard) -> None:
        """Take a card or phone off the reader.

        Raises:
            ValueError: it is not there.
        """
        with self._changed:
            self._cards.remove(card)
            self._send_state()

    def press(self, pin: int) -> None:
        """Press the button at this BCM pin, and keep it down."""
        with self._changed:
            self._pressed.add(pin)
            self._send_state()

    def release(self, pin: int) -> None:
        """Release the button."""
        with self._changed:
            self._pressed.discard(pin)
            self._send_state()

    def unplug_reader(self, floating_miso: int = 0x00) -> None:
        """Disconnect the reader's wires; the program then reads only this byte, 0x00 or 0xFF."""
        with self._changed:
            self._floating_miso = floating_miso
            self._send_state()

    def plug_in_reader(self) -> None:
        """Reconnect the reader's wires; it starts as after power-on."""
        with self._changed:
            self._floating_miso = None
            self._send_state()

    # ------------------------------------------------------------------ observations

    @property
    def pressed(self) -> frozenset[int]:
        """The BCM numbers of the pins whose buttons are held down."""
        with self._changed:
            return frozenset(self._pressed)

    @property
    def reader_is_plugged_in(self) -> bool:
        """Whether the reader's wires are connected."""
        return self._floating_miso is None

    @property
    def lit(self) -> frozenset[int]:
        """The BCM numbers of the output pins that are high, the reader's reset line aside."""
        with self._changed:
            return frozenset(self._lit)

    @property
    def sounding(self) -> tuple[Observation, ...]:
        """The starts of the clips that are playing, the newest last."""
        with self._changed:
            return tuple(sorted(self._sounding.values(), key=lambda sound: sound.at))

    @property
    def running(self) -> bool:
        """Whether a program is connected."""
        with self._changed:
            return bool(self._boards)

    @property
    def observations(self) -> tuple[Observation, ...]:
        """All observations so far, in order."""
        with self._changed:
            return tuple(self._observations)

    def wait_for(self, predicate: Callable[["VirtualPi"], bool], seconds: float) -> None:
        """Wait until the predicate holds; it is tried at every observation.

        Raises:
            TimeoutError: it did not hold in time; the message has the state and the last observations.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: predicate(self), seconds):
                raise TimeoutError(f"not within {seconds:g} s: {self!r}")

    def spi_transfers(self, deadline_s: float = 1.0) -> int:
        """Return how many SPI transfers the running program has made.

        Raises:
            TimeoutError: no program is running, or it does not answer in time.
        """
        return int(self._ask("transfers", deadline_s))

    def emulated_s(self, deadline_s: float = 1.0) -> float:
        """Return the processor time, in seconds, that the hardware's emulation has taken in the running program.

        Raises:
            TimeoutError: no program is running, or it does not answer in time.
        """
        return self._ask("emulated", deadline_s)

    def _ask(self, figure: str, deadline_s: float) -> float:
        with self._changed:
            self._figures.clear()
            for board in self._boards:
                send(board, {"request": figure})
            if not self._changed.wait_for(lambda: bool(self._figures), deadline_s):
                raise TimeoutError(f"no answer within {deadline_s:g} s: {self!r}")
            return self._figures[0]

    def __repr__(self) -> str:
        with self._changed:
            last = "; ".join(
                f"{each.kind} {each.what} {time.monotonic() - each.at:.3f} s ago" for each in self._observations[-8:]
            )
            return (
                f"<VirtualPi running={self.running} lit={sorted(self.lit)}"
                f" sounding={[sound.what for sound in self.sounding]}"
                f" cards={[str(card) for card in self._cards]} pressed={sorted(self._pressed)}"
                f" reader={'plugged in' if self._floating_miso is None else 'unplugged'} last: {last or 'nothing'}>"
            )

    # ------------------------------------------------------------------ programs

    def _receive(self, connection: socket.socket, message: Message) -> None:
        kind = message.pop("kind")
        with self._changed:
            if kind in {"transfers", "emulated"}:
                self._figures.append(message["what"])
            else:
                self._record(connection, Observation(Kind(kind), **message))
            self._changed.notify_all()

    def _record(self, connection: socket.socket, observation: Observation) -> None:
        match observation.kind, observation.what:
            case Kind.STARTED, int(process):
                self._boards[connection] = process
                send(connection, self._state())
            case Kind.LIT, int(pin) if pin not in self._lit:
                self._lit.add(pin)
            case Kind.DARK, int(pin) if pin in self._lit:
                self._lit.discard(pin)
            case Kind.SOUND_BEGAN, _:
                self._sounding[connection] = observation
            case _:
                return  # the level has not changed
        self._observe(observation)

    def _on_close(self, connection: socket.socket) -> None:
        """Note that a process is gone, and its sound with it; the lamps keep what it last drove them to."""
        with self._changed:
            now = time.monotonic()
            if sound := self._sounding.pop(connection, None):
                self._observe(Observation(Kind.SOUND_ENDED, sound.what, now))
            if process := self._boards.pop(connection, None):
                self._observe(Observation(Kind.GONE, process, now))
            self._changed.notify_all()

    def _observe(self, observation: Observation) -> None:
        self._observations.append(observation)
        if self._listener:
            self._listener(observation)

    def _state(self) -> Message:
        return {
            "cards": [str(card) for card in self._cards],
            "pressed": sorted(self._pressed),
            "floating_miso": self._floating_miso,
            "lit": sorted(self._lit),
        }

    def _send_state(self) -> None:
        for board in self._boards:
            send(board, self._state())
