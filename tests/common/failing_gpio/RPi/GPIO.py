"""Stands in for RPi.GPIO, or rpi-lgpio, where it does not work: GPIO_FAILS names the error, in `tests.gpio_errors`."""
# ruff: noqa: N999  # the real module's name

import os

from tests import gpio_errors

_NAME = os.environ["GPIO_FAILS"]
_ERROR: Exception = getattr(gpio_errors, _NAME)

BCM, OUT, IN, PUD_DOWN, PUD_UP = 11, 0, 1, 21, 22

if _NAME in {"NO_PI", "OLD_PI", "NO_PIPE"}:
    raise _ERROR


def setwarnings(_flag: bool) -> None:
    """Do nothing."""


def setmode(_mode: int) -> None:
    if _NAME == "NO_CHIP":
        raise _ERROR


def setup(_channel: int, _direction: int, pull_up_down: int = 20, initial: int | None = None) -> None:
    raise _ERROR
