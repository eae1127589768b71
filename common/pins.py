"""The Pi's pins, by RPi.GPIO or rpi-lgpio: one program has them, and what either package raises is told in one line."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType

from common.text import printable

_REMEDIES = {  # by what the error's text contains; the texts are those of RPi.GPIO 0.7, rpi-lgpio 0.6 and lgpio 0.2
    "GPIO busy": "another program or an overlay has it: 'python -m doctor' names it",
    "gpiochip": "check that there is a /dev/gpiochip0, and that this user is in the group gpio",
    "/dev/mem": "add this user to the group gpio",
    "SOC peripheral": "RPi.GPIO does not work on this Pi: 'sudo apt install python3-rpi-lgpio'",
    "old-style revision": "rpi-lgpio does not work on this Pi: 'sudo apt install python3-rpi.gpio'",
    "Raspberry Pi!": "run it on a Raspberry Pi",
    "RPi!": "run it on a Raspberry Pi",
    ".lgd-nfy": "set LG_WD to a folder in which this user may make files",
}


class PinError(OSError):
    """The pins cannot be used; the message says which, why, and what to do."""


@contextmanager
def pin_errors(what: str) -> Iterator[None]:
    """Raise as a `PinError` what the GPIO package raises: RuntimeError, or `lgpio.error`, which is just an Exception.

    Args:
        what: what is being used, for the message.
    """
    try:
        yield
    except (ImportError, PinError):
        raise
    except Exception as error:
        text = printable(error.args[0] if len(error.args) == 1 else error)  # lgpio.error puts quotes around its text
        remedy = next((remedy for part, remedy in _REMEDIES.items() if part in text), "'python -m doctor' tells more")
        raise PinError(f"{what} cannot be used ({text}): {remedy}") from error


def open_gpio() -> ModuleType:
    """Return the GPIO package, which numbers the pins as BCM does.

    Raises:
        ImportError: there is none.
        PinError: it does not work here.
    """
    with pin_errors("GPIO"):
        gpio = import_module("RPi.GPIO")
        gpio.setwarnings(False)  # that a killed program has left a pin set up
        gpio.setmode(gpio.BCM)
    return gpio


@contextmanager
def only_user() -> Iterator[None]:
    """Be the only program that uses this Pi's reader and pins: RPi.GPIO lets any number of programs drive a pin.

    The lock is on the reader's SPI device, which a gate and a terminal both need; it ends with the process, however
    that ends. Without an SPI bus there is no lock, and no card either.

    Raises:
        ImportError: there is no spidev package.
        PinError: another program is the user; the message names it.
    """
    with closing(import_module("spidev").SpiDev()) as spi:
        try:
            spi.open(0, 0)
            fcntl.flock(spi.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            user = _lock_holder(spi.fileno())
            raise PinError(f"{user} has this Pi's reader and pins: stop it first, since a Pi is one device") from error
        except OSError:
            pass  # the reader's own problem is reported later, by the gate's light too
        yield


def _lock_holder(descriptor: int) -> str:
    """Return who has the lock on a file: the process, and its command if this user may see it (proc_locks(5))."""
    inode = str(os.fstat(descriptor).st_ino)
    for line in Path("/proc/locks").read_text().splitlines():
        _, kind, _, _, process, file, *_ = line.split()
        if kind == "FLOCK" and file.rpartition(":")[2] == inode:
            with suppress(OSError):
                command = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                return f"process {process} ({printable(command.strip(), 120)})"
            return f"process {process}"
    return "another program"
