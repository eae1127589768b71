"""The gate's traffic light, which shows each signal for its time without blocking."""

from enum import Enum, IntEnum

import RPi.GPIO as GPIO

from common import wiring
from common.clock import Clock


class Lamp(IntEnum):
    """The lamps, by their BCM pins; high is lit. They are lit in this order: red alone would say "in service"."""

    YELLOW = wiring.YELLOW.bcm
    RED = wiring.RED.bcm
    GREEN = wiring.GREEN.bcm


CLOSED = frozenset({Lamp.RED})
OPEN = frozenset({Lamp.GREEN})
OUT_OF_SERVICE = frozenset({Lamp.RED, Lamp.YELLOW})
DARK: frozenset[Lamp] = frozenset()

FLASH_S = 0.5


class Signal(Enum):
    """What the light shows to the rider who tapped last."""

    GRANTED = "granted"
    DENIED = "denied"
    UNANSWERED = "unanswered"

    def lamps(self, age_s: float) -> frozenset[Lamp]:
        """Return the lamps that are lit when the signal is this old."""
        match self:
            case Signal.GRANTED:
                return OPEN
            case Signal.DENIED:
                return CLOSED if age_s % (2 * FLASH_S) < FLASH_S else DARK
            case Signal.UNANSWERED:
                return OUT_OF_SERVICE


DURATION_S = {Signal.GRANTED: 5.0, Signal.DENIED: 4 * 2 * FLASH_S, Signal.UNANSWERED: 2.0}


class TrafficLight:
    """Three lamps: the signal for the last rider while it lasts, then closed, or out of service."""

    def __init__(self, clock: Clock) -> None:
        """Show that the gate is not in service yet, whatever a killed program may have left lit."""
        self._clock = clock
        self._signal: Signal | None = None
        self._since = 0.0
        self._lit = DARK
        GPIO.setmode(GPIO.BCM)
        for lamp in Lamp:
            GPIO.setup(lamp, GPIO.OUT)
        self.refresh(in_service=False)

    def __repr__(self) -> str:
        return f"<TrafficLight: {', '.join(sorted(lamp.name.lower() for lamp in self._lit)) or 'dark'}>"

    def show(self, signal: Signal) -> None:
        """Show the signal at once."""
        self._signal, self._since = signal, self._clock.now()
        self._light(signal.lamps(0.0))

    def refresh(self, in_service: bool) -> None:
        """Show what is due now; call this often."""
        age_s = self._clock.now() - self._since
        if self._signal and age_s < DURATION_S[self._signal]:
            self._light(self._signal.lamps(age_s))
        else:
            self._light(CLOSED if in_service else OUT_OF_SERVICE)

    def close(self) -> None:
        """Turn all lamps off and release their pins."""
        self._light(DARK)
        for lamp in Lamp:
            GPIO.cleanup(lamp)

    def _light(self, lit: frozenset[Lamp]) -> None:
        if lit == self._lit:
            return
        for lamp in sorted(Lamp, key=lit.__contains__):  # those that go out first: never red and green together
            GPIO.output(lamp, lamp in lit)
        self._lit = lit
