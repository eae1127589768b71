"""The errors of the GPIO packages, as they raise them."""


class LgpioError(Exception):  # it stands for lgpio.error
    """What lgpio 0.2 raises: no OSError, and its text in quotes."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __str__(self) -> str:
        return repr(self.value)


BUSY = LgpioError("GPIO busy")
NO_CHIP = LgpioError("can not open gpiochip")
NO_MEMORY_ACCESS = RuntimeError("No access to /dev/mem.  Try running as root!")
UNKNOWN_PI = RuntimeError("Cannot determine SOC peripheral base address")
NO_PI = RuntimeError("This module can only be run on a Raspberry Pi!")
NOT_ON_A_PI = RuntimeError("Not running on a RPi!")
OLD_PI = NotImplementedError("This module does not understand old-style revision codes")
NO_PIPE = FileNotFoundError(2, "No such file or directory", ".lgd-nfy-3")
