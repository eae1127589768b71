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
LOOK_INTERVAL_S = 0.0073  # in step with no mains (50 or 60 Hz, or twice that), and with no multiple of 1 ms
PRESS_LOOKS = 7  # after the first, in 51 ms
RELEASE_LOOKS = 1

Choices = frozenset[PassType]


class Buttons:
    """The choice of a pass. Polled: edge detection fails on kernels from 6.6 on.

    A pin that is low is looked at again at an interval of its own, whatever the caller's is: a long wire picks up the
    mains, and looks 20 ms apart could meet a pulse of it each time.
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

        A press is a button that is down at every look for 50 ms, for which this waits.
        """
        down = self._down()
        self._held -= self._last(self._held - down, is_down=False, looks=RELEASE_LOOKS)
        pressed = self._last(down - self._held, is_down=True, looks=PRESS_LOOKS)
        self._held |= pressed
        return next(iter(pressed)) if len(pressed) == 1 else None

    def close(self) -> None:
        """Release the pins."""
        with pin_errors("the buttons"):
            for pin in PINS.values():
                self._gpio.cleanup(pin)

    def _last(self, choices: Choices, is_down: bool, looks: int) -> Choices:
        """Return those of the choices whose buttons stay down, or up, at so many more looks."""
        for _ in range(looks):
            if not choices:
                break
            self._clock.sleep(LOOK_INTERVAL_S)
            down = self._down()
            choices = choices & down if is_down else choices - down
        return choices

    def _down(self) -> Choices:
        with pin_errors("the buttons"):
            return frozenset(choice for choice, pin in PINS.items() if not self._gpio.input(pin))
