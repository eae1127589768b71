"""Stands in for RPi.GPIO 0.7 on a virtual Pi: what it and rpi-lgpio both offer, with their errors.

Edge detection fails to start, as it does with RPi.GPIO on kernels from 6.6 on. PWM is not offered.
"""
# ruff: noqa: N999, PLW0603  # the real module's name, and its state

import warnings
from collections.abc import Sequence

from simulator.virtual_pi.board import PINS, Pull, emulated, the_board

VERSION = "0.7.1"
RPI_INFO = {"P1_REVISION": 3, "TYPE": "Virtual Pi", "MANUFACTURER": "Unknown", "RAM": "Unknown"}

BOARD, BCM = 10, 11
LOW, HIGH = 0, 1
OUT, IN = 0, 1
PUD_OFF, PUD_DOWN, PUD_UP = 20, 21, 22
RISING, FALLING, BOTH = 31, 32, 33

_PULLS = {PUD_OFF: Pull.NONE, PUD_DOWN: Pull.DOWN, PUD_UP: Pull.UP}
_BOARD_PINS = {
    3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9, 22: 25, 23: 11,
    24: 8, 26: 7, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16, 37: 26, 38: 20, 40: 21,
}  # fmt: skip

Channels = int | Sequence[int]

_mode: int | None = None
_warnings = True
_directions: dict[int, int] = {}


def setwarnings(flag: bool) -> None:
    """Turn warnings on or off."""
    global _warnings
    _warnings = bool(flag)


def setmode(mode: int) -> None:
    """Choose how channels are numbered: BOARD or BCM."""
    global _mode
    if _mode is not None and mode != _mode:
        raise ValueError("A different mode has already been set!")
    if mode not in (BOARD, BCM):
        raise ValueError("An invalid mode was passed to setmode()")
    _mode = mode


def getmode() -> int | None:
    """Return the numbering mode, or None."""
    return _mode


@emulated
def setup(channel: Channels, direction: int, pull_up_down: int = PUD_OFF, initial: int | None = None) -> None:
    """Make channels inputs or outputs."""
    if direction not in (IN, OUT):
        raise ValueError("An invalid direction was passed to setup()")
    if direction == OUT and pull_up_down != PUD_OFF:
        raise ValueError("pull_up_down parameter is not valid for outputs")
    if direction == IN and initial is not None:
        raise ValueError("initial parameter is not valid for inputs")
    if pull_up_down not in _PULLS:
        raise ValueError("Invalid value for pull_up_down - should be either PUD_OFF, PUD_UP or PUD_DOWN")
    for pin in _pins(channel):
        if _warnings and pin not in _directions and the_board().is_output(pin):
            warnings.warn(
                "This channel is already in use, continuing anyway.  Use GPIO.setwarnings(False) to disable warnings.",
                RuntimeWarning,
                stacklevel=2,
            )
        if direction == OUT:
            the_board().drive(pin, the_board().level(pin) if initial is None else bool(initial))
        else:
            the_board().release(pin, _PULLS[pull_up_down])
        _directions[pin] = direction


@emulated
def output(channel: Channels, value: int | Sequence[int]) -> None:
    """Drive output channels, each by its own value or all by one."""
    pins = _pins(channel)
    values = [value] * len(pins) if isinstance(value, int) else list(value)
    if len(values) != len(pins):
        raise RuntimeError("Number of channels != number of values")
    for pin, level in zip(pins, values, strict=True):
        if _directions.get(pin) != OUT:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        the_board().drive(pin, bool(level))


@emulated
def input(channel: int) -> int:  # noqa: A001  # its name
    """Return the level of a channel."""
    pin = _pin(channel)
    if pin not in _directions:
        raise RuntimeError("You must setup() the GPIO channel first")
    return HIGH if the_board().level(pin) else LOW


def gpio_function(channel: int) -> int:
    """Return the function of a channel: IN or OUT."""
    pin = _pin(channel)
    return OUT if the_board().is_output(pin) else IN


def cleanup(channel: Channels | None = None) -> None:
    """Make the given channels inputs again; without any, all that were set up, and forget the numbering mode."""
    global _mode
    if not _directions:
        if _warnings:
            warnings.warn(
                "No channels have been set up yet - nothing to clean up!  "
                "Try cleaning up at the end of your program instead!",
                RuntimeWarning,
                stacklevel=2,
            )
        return
    for pin in list(_directions) if channel is None else _pins(channel):
        if _directions.pop(pin, None) is not None:
            the_board().release(pin)
    if channel is None:
        _mode = None


def add_event_detect(
    channel: int, edge: int, callback: object = None, bouncetime: int | None = None, polltime: float | None = None
) -> None:
    """Fail, as on a current kernel."""
    _refuse_edge_detection(channel)


def wait_for_edge(channel: int, edge: int, bouncetime: int | None = None, timeout: int | None = None) -> int | None:
    """Fail, as on a current kernel."""
    _refuse_edge_detection(channel)
    return None


def _refuse_edge_detection(channel: int) -> None:
    pin = _pin(channel)
    if _directions.get(pin) != IN:
        raise RuntimeError("You must setup() the GPIO channel as an input first")
    raise RuntimeError("Failed to add edge detection")


def _pins(channels: Channels) -> list[int]:
    """Translate channels to BCM numbers."""
    return [_pin(each) for each in (channels if isinstance(channels, list | tuple) else [channels])]


def _pin(channel: object) -> int:
    """Translate a channel to its BCM number."""
    if not isinstance(channel, int):
        raise ValueError("Channel must be an integer or list/tuple of integers")  # noqa: TRY004  # as the real one
    if _mode is None:
        raise RuntimeError("Please set pin numbering mode using GPIO.setmode(GPIO.BOARD) or GPIO.setmode(GPIO.BCM)")
    pin = _BOARD_PINS.get(channel, -1) if _mode == BOARD else channel
    if pin not in PINS:
        raise ValueError("The channel sent is invalid on a Raspberry Pi")
    return pin


the_board()  # connects to the station on import
