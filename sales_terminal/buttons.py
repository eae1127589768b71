"""The terminal's three arcade buttons, one for each type of pass."""

from common import wiring
from common.clock import Clock
from common.passes import PassType
from common.pins import open_gpio, pin_errors

PINS = {
    PassType.SINGLE_USE: wiring.RED.bcm,
    PassType.TEN_TRIP: wiring.YELLOW.bcm,
    PassType.TWO_HOUR: wiring.GREEN.bcm,
}
LOOK_INTERVAL_S = 0.0023  # in step with no mains (50 or 60 Hz, or twice that), and with no multiple of 1 ms
PRESS_LOOKS = 9  # after the first, in 21 ms: a period of the mains, and more than a contact bounces
RELEASE_S = 0.0073  # after which a button that is up is looked at again, once

Choices = frozenset[PassType]


class Buttons:
    """The choice of a pass. Polled: edge detection fails on kernels from 6.6 on.

    A pin that is low is looked at again at an interval of its own, whatever the caller's is: a long wire picks up the
    mains, and looks 20 ms apart could meet a pulse of it each time. So what is pressed at once does not depend on the
    caller's interval either.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gpio = open_gpio()
        with pin_errors("the buttons"):
            for pin in PINS.values():
                self._gpio.setup(pin, self._gpio.IN, pull_up_down=self._gpio.PUD_UP)
        self.reset()

    def reset(self) -> None:
        """Forget all presses: a button that is down already does not count until it has been released."""
        self._held = self._down()

    def pressed(self) -> PassType | None:
        """Return the choice if just one button has been pressed; call this often.

        A press is a button that is down at every look for 21 ms, for which this waits; another that goes down in that
        time is pressed at once with it.
        """
        down = self._down()
        if down == self._held:
            return None
        self._held -= self._released(self._held - down)
        if pressed := self._new():
            pressed |= self._new()
        return next(iter(pressed)) if len(pressed) == 1 else None

    def close(self) -> None:
        """Release the pins."""
        with pin_errors("the buttons"):
            for pin in PINS.values():
                self._gpio.cleanup(pin)

    def _new(self) -> Choices:
        """Return the buttons that are pressed now and were not yet; they are held from now on."""
        new = self._down() - self._held
        for _ in range(PRESS_LOOKS):
            if not new:
                break
            self._clock.sleep(LOOK_INTERVAL_S)
            new &= self._down()
        self._held |= new
        return new

    def _released(self, up: Choices) -> Choices:
        """Return those of the buttons that are still up a little later."""
        if up:
            self._clock.sleep(RELEASE_S)
            up -= self._down()
        return up

    def _down(self) -> Choices:
        with pin_errors("the buttons"):
            return frozenset(choice for choice, pin in PINS.items() if not self._gpio.input(pin))
