"""The gate's traffic light, which shows each signal for its time without blocking."""

from collections.abc import Callable
from enum import Enum, IntEnum

from common import wiring
from common.clock import Clock
from common.pins import PinError, open_gpio, pin_errors


class Lamp(IntEnum):
    """The lamps, by their BCM pins, in the order in which they are lit, and darkened the other way round.

    Red alone would say "in service", and green never stays lit beside another.
    """

    YELLOW = wiring.YELLOW.bcm
    RED = wiring.RED.bcm
    GREEN = wiring.GREEN.bcm


CLOSED = frozenset({Lamp.RED})
OPEN = frozenset({Lamp.GREEN})
OUT_OF_SERVICE = frozenset({Lamp.RED, Lamp.YELLOW})
DARK: frozenset[Lamp] = frozenset()

FLASH_S = 0.5
GAP_S = 0.15


class Signal(Enum):
    """What the light shows to the rider who tapped last."""

    GRANTED = "granted"
    DENIED = "denied"
    UNANSWERED = "unanswered"
    UNREADABLE = "unreadable"

    def lamps(self, age_s: float) -> frozenset[Lamp]:
        """Return the lamps that are lit when the signal is this old."""
        match self:
            case Signal.GRANTED:
                return OPEN
            case Signal.DENIED:
                return CLOSED if age_s % (2 * FLASH_S) < FLASH_S else DARK
            case Signal.UNANSWERED:
                return OUT_OF_SERVICE
            case Signal.UNREADABLE:
                return DARK


DURATION_S = {
    Signal.GRANTED: 5.0,
    Signal.DENIED: 4 * 2 * FLASH_S,
    Signal.UNANSWERED: 2.0,
    Signal.UNREADABLE: FLASH_S,  # of red, which is lit before and after
}


class TrafficLight:
    """Three lamps: the signal for the last rider while it lasts, then closed, or out of service.

    Every method raises `PinError` if a pin cannot be used.

    Args:
        clock: the time.
        active_low: whether a lamp is lit while its pin is low, and not while it is high.
    """

    def __init__(self, clock: Clock, active_low: bool = False) -> None:
        """Darken what a killed program may have left lit, green first; `refresh` lights."""
        self._clock = clock
        self._active_low = active_low
        self._signal: Signal | None = None
        self._since = 0.0
        self._gap_s = 0.0
        self._lit = DARK
        self._gpio = open_gpio()
        self._for_each_lamp(lambda lamp: self._gpio.setup(lamp, self._gpio.OUT, initial=self._level(is_lit=False)))

    def __repr__(self) -> str:
        return f"<TrafficLight: {', '.join(sorted(lamp.name.lower() for lamp in self._lit)) or 'dark'}>"

    def show(self, signal: Signal) -> None:
        """Show the signal at once. Green that is lit goes out for a moment, so that each rider sees his own."""
        is_repeated = signal is self._signal is Signal.GRANTED and self._lit <= OPEN
        self._gap_s = GAP_S if is_repeated else 0.0
        self._signal, self._since = signal, self._clock.now()
        self.refresh(in_service=True)  # which counts only when the signal is over

    def refresh(self, in_service: bool) -> None:
        """Show what is due now; call this often."""
        age_s = self._clock.now() - self._since
        if not self._signal or age_s >= DURATION_S[self._signal]:
            self._light(CLOSED if in_service else OUT_OF_SERVICE)
        else:
            self._light(DARK if age_s < self._gap_s else self._signal.lamps(age_s))

    def close(self) -> None:
        """Turn all lamps off and release their pins, pulled to the level that is dark."""
        self._for_each_lamp(self._release)
        self._lit = DARK

    def _light(self, lit: frozenset[Lamp]) -> None:
        if lit == self._lit:
            return
        dark = [lamp for lamp in reversed(Lamp) if lamp not in lit]
        for lamp in [*dark, *(lamp for lamp in Lamp if lamp in lit)]:
            with pin_errors(_name(lamp)):
                self._gpio.output(lamp, self._level(lamp in lit))
        self._lit = lit

    def _release(self, lamp: Lamp) -> None:
        try:
            self._gpio.output(lamp, self._level(is_lit=False))
        finally:
            pull = self._gpio.PUD_UP if self._active_low else self._gpio.PUD_DOWN
            self._gpio.setup(lamp, self._gpio.IN, pull_up_down=pull)

    def _for_each_lamp(self, act: Callable[[Lamp], None]) -> None:
        """Act on every lamp, green first, even if one fails; then raise the first error."""
        errors = []
        for lamp in reversed(Lamp):
            try:
                with pin_errors(_name(lamp)):
                    act(lamp)
            except PinError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _level(self, is_lit: bool) -> bool:
        return is_lit != self._active_low


def _name(lamp: Lamp) -> str:
    return f"the {lamp.name.lower()} lamp on GPIO {lamp}"
