"""What is wired to the Pi: the bus, the reader, the buttons and the lamps, and who may use them."""

import grp
import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from common import wiring
from common.clock import Clock
from common.doctor.finding import Finding, ok, untold, wrong

if TYPE_CHECKING:
    from common.mfrc522_driver import Driver

LIT_S = 1.0

_GROUPS = ("gpio", "spi", "audio")
_CHIPS = {
    0x88: "an FM17522, a clone that works",
    0x90: "an MFRC522 of version 0",
    0x91: "an MFRC522 of version 1",
    0x92: "an MFRC522 of version 2",
    0x12: "a counterfeit of the MFRC522; many work",
}
_MEND_FIRST = "mend that first"
_LOOKS = 20
_SETTLING_S = 0.005
_BUTTON_LOOKS_S = (0.01,) * 5
_READER_WIRES = ", ".join(f"{wire.contact} to pin {wire.header_pin}" for wire in wiring.READER)


class _ReaderOutOfReachError(Exception):
    """The reader cannot be looked at because of something that another check finds."""


def check_spi(name: str) -> Finding:
    """Tell whether this user can open the reader's bus."""
    try:
        import spidev

        bus = spidev.SpiDev()
        bus.open(0, 0)
        bus.close()
    except ImportError as error:
        return wrong(name, str(error), "sudo apt install python3-spidev")
    except FileNotFoundError:
        return wrong(name, "there is no /dev/spidev0.0", "sudo raspi-config nonint do_spi 0")
    except PermissionError:
        return wrong(
            name, f"{_user()} may not open /dev/spidev0.0", f"sudo usermod -aG spi {_user()}, and log in again"
        )
    return ok(name, "/dev/spidev0.0 can be opened")


def check_groups(name: str) -> Finding:
    """Tell whether this user is in the groups that may use pins, bus and sound, as far as this machine has them."""
    if os.geteuid() == 0:
        return ok(name, "root needs none; the unit of a device names those of its own")
    ids = {group.gr_name: group.gr_gid for group in grp.getgrall() if group.gr_name in _GROUPS}
    if not ids:
        return untold(name, "this machine has none of gpio, spi and audio")
    missing = [group for group in _GROUPS if group in ids and ids[group] not in {*os.getgroups(), os.getegid()}]
    if not missing:
        return ok(name, f"{_user()} is in {', '.join(sorted(ids))}")
    remedy = f"sudo usermod -aG {','.join(missing)} {_user()}, and log in again"
    return wrong(name, f"{_user()} is not in {', '.join(missing)}", remedy)


def check_reader(name: str) -> Finding:
    """Tell which chip answers, and whether it always does."""
    try:
        with _driver() as driver:
            versions = {driver.Read_MFRC522(driver.VersionReg) for _ in range(_LOOKS)}
    except ModuleNotFoundError as error:
        return wrong(name, str(error), ".venv/bin/pip install --no-deps mfrc522==0.0.7")
    except _ReaderOutOfReachError as error:
        return untold(name, str(error), _MEND_FIRST)
    seen = ", ".join(f"0x{version:02X}" for version in sorted(versions))
    if versions <= {0x00, 0xFF}:
        return wrong(name, f"it does not answer: its version reads {seen}", f"check its wires: {_READER_WIRES}")
    if len(versions) > 1:
        return wrong(name, f"a wire is loose or too long: its version reads {seen}", f"check them: {_READER_WIRES}")
    return ok(name, f"{_CHIPS.get(versions.pop(), 'a chip that is not known here')} answers ({seen})")


def check_reset(name: str) -> Finding:
    """Tell whether the pin that is to reset the reader does: it falls silent while the pin is low."""
    wire = wiring.RESET
    try:
        with _driver() as driver:
            version, held, released = _versions_around_a_reset(driver)
    except (ModuleNotFoundError, _ReaderOutOfReachError) as error:
        return untold(name, str(error), _MEND_FIRST)
    if version in {0x00, 0xFF}:
        return untold(name, "the reader does not answer", _MEND_FIRST)
    if held == version:
        return wrong(
            name,
            f"the reader goes on answering while GPIO {wire.bcm} is low",
            f"connect {wire.contact} to pin {wire.header_pin} (GPIO {wire.bcm})",
        )
    if released != version:
        return wrong(name, f"the reader does not come back: its version reads 0x{released:02X}", "check its supply")
    return ok(name, f"{wire.contact} is on pin {wire.header_pin} (GPIO {wire.bcm})")


def check_buttons(name: str) -> Finding:
    """Tell whether a button of the terminal is pressed, which nobody does now."""
    import RPi.GPIO as GPIO

    buttons = wiring.COLOURS
    GPIO.setmode(GPIO.BCM)
    try:
        for button in buttons:
            GPIO.setup(button.bcm, GPIO.IN, pull_up_down=GPIO.PUD_UP)
        low = set(buttons)
        for pause_s in _BUTTON_LOOKS_S:
            time.sleep(pause_s)
            low = {button for button in low if not GPIO.input(button.bcm)}
    finally:
        for button in buttons:
            GPIO.cleanup(button.bcm)
    if not low:
        return ok(name, "none is pressed")
    stuck = " and ".join(_place(button) for button in buttons if button in low)
    return wrong(name, f"pressed without a hand: {stuck}", f"part it from ground (pin {wiring.GROUND.header_pin})")


def check_lights(name: str) -> Finding:
    """Light the gate's lamps, one after another; all are off at the end, however it comes."""
    import RPi.GPIO as GPIO

    lamps = wiring.COLOURS
    GPIO.setmode(GPIO.BCM)
    try:
        for lamp in lamps:
            GPIO.setup(lamp.bcm, GPIO.OUT, initial=GPIO.LOW)
        for lamp in lamps:
            GPIO.output(lamp.bcm, True)
            time.sleep(LIT_S)
            GPIO.output(lamp.bcm, False)
    finally:
        for lamp in lamps:
            GPIO.setup(lamp.bcm, GPIO.OUT, initial=GPIO.LOW)
            GPIO.cleanup(lamp.bcm)
    shown = ", ".join(_place(lamp) for lamp in lamps)
    return untold(name, f"lit for {LIT_S:.0f} s each: {shown}", "whether they shone, only an eye can tell")


@contextmanager
def _driver() -> "Iterator[Driver]":
    """Open the reader; let go of it at the end.

    Raises:
        ModuleNotFoundError: the package mfrc522 is not installed.
        _ReaderOutOfReachError: the reader cannot be reached, for a reason that the other checks find.
    """
    try:
        from common.mfrc522_driver import Driver

        driver = Driver(Clock())
    except ImportError as error:
        if error.name == "mfrc522":
            raise
        raise _ReaderOutOfReachError("the libraries do not load") from error
    except OSError as error:
        raise _ReaderOutOfReachError("the SPI bus cannot be opened") from error
    try:
        yield driver
    finally:
        driver.close()


def _versions_around_a_reset(driver: "Driver") -> tuple[int, int, int]:
    """Return the version as it reads before the reset, while the pin is held low, and after it."""
    import RPi.GPIO as GPIO

    version = driver.Read_MFRC522(driver.VersionReg)
    try:
        GPIO.output(wiring.RESET.bcm, False)
        time.sleep(_SETTLING_S)
        held = driver.Read_MFRC522(driver.VersionReg)
    finally:
        driver.restart()
    return version, held, driver.Read_MFRC522(driver.VersionReg)


def _place(wire: wiring.GpioWire) -> str:
    return f"{wire.contact} on pin {wire.header_pin} (GPIO {wire.bcm})"


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
