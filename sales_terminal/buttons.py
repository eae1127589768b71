"""The terminal's three arcade buttons, one for each type of pass."""

import RPi.GPIO as GPIO

from common import wiring
from common.clock import Clock
from common.passes import PassType

PINS = {
    PassType.SINGLE_USE: wiring.RED.bcm,
    PassType.TEN_TRIP: wiring.YELLOW.bcm,
    PassType.TWO_HOUR: wiring.GREEN.bcm,
}
DEBOUNCE_S = 0.02


class _Contact:
    """One button's contact, debounced."""

    def __init__(self, pin: int, clock: Clock) -> None:
        GPIO.setup(pin, GPIO.IN, pull_up_down=GPIO.PUD_UP)
        self._pin = pin
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Count a button that is down now as held from before."""
        self._was_low = self._is_down = self._is_low()
        self._since = self._clock.now()

    def is_pressed_now(self) -> bool:
        """Sample the pin; return whether a press has just been confirmed."""
        is_low, now = self._is_low(), self._clock.now()
        if is_low != self._was_low:
            self._was_low, self._since = is_low, now
        if is_low == self._is_down or now - self._since < DEBOUNCE_S:
            return False
        self._is_down = is_low
        return is_low

    def _is_low(self) -> bool:
        return not GPIO.input(self._pin)


class Buttons:
    """The choice of a pass. Polled: edge detection fails on kernels from 6.6 on."""

    def __init__(self, clock: Clock) -> None:
        GPIO.setmode(GPIO.BCM)
        self._contacts = {pass_type: _Contact(pin, clock) for pass_type, pin in PINS.items()}

    def reset(self) -> None:
        """Forget all presses: a button that is down already does not count until it has been released."""
        for contact in self._contacts.values():
            contact.reset()

    def pressed(self) -> PassType | None:
        """Sample the buttons, every 10 ms or so; return the choice if just one has been pressed."""
        pressed = [pass_type for pass_type, contact in self._contacts.items() if contact.is_pressed_now()]
        return pressed[0] if len(pressed) == 1 else None

    def close(self) -> None:
        """Release the pins."""
        for pin in PINS.values():
            GPIO.cleanup(pin)
