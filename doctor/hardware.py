"""The Pi and what is connected to it: the GPIO library, the bus, the reader, the pins."""

import grp
import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType

from common import wiring
from common.clock import Clock
from doctor.finding import Finding
from doctor.pins import pins_held, pins_refused, read, running_unit

ROOT = Path("/")
MODEL = "proc/device-tree/model"

_WITHOUT_RPI_GPIO = r"Raspberry Pi (5|Compute Module 5)"  # and the 500: it does not know the chip that has their pins
_VERSIONS = {0x88: "an FM17522, a clone that works", 0x12: "a counterfeit of the MFRC522; many work"}
_VERSIONS |= {0x90 + number: f"an MFRC522 of version {number}" for number in range(3)}
_READER_WIRES = ", ".join(f"{wire.contact} to pin {wire.header_pin}" for wire in wiring.READER)
_PINS = [wire.bcm for wire in wiring.COLOURS]


def hardware_findings(
    device: str | None, with_lights: bool, clock: Clock, lamps_active_low: bool = False
) -> Iterator[Finding]:
    """Yield the findings about the Pi, for one device or for what both share; SKIP, if this is no Pi."""
    yield (library := check_gpio_library())
    if library.status == "SKIP":
        return
    yield (bus := check_spi())
    yield check_groups()
    if running := running_unit(ROOT):
        yield Finding("reader", "SKIP", f"{running} is using it", "stop that", [f"sudo systemctl stop {running}"])
    elif taken := pins_held(ROOT):
        yield taken
    elif "FAIL" in {library.status, bus.status}:
        yield Finding("reader", "SKIP", "not checked until the above is fixed")
    else:
        try:
            yield from _connected(device, with_lights, clock, lamps_active_low)
        except ImportError:
            raise
        except Exception as error:  # lgpio raises errors of its own
            yield pins_refused(error, ROOT)


def _connected(device: str | None, with_lights: bool, clock: Clock, lamps_active_low: bool) -> Iterator[Finding]:
    gpio = import_module("RPi.GPIO")
    gpio.setmode(gpio.BCM)
    gpio.setwarnings(False)  # about pins that a killed program left set up
    yield from check_reader(gpio, clock)
    if device == "terminal":
        yield check_buttons(gpio, clock)
    if device == "gate":
        skipped = Finding("lights", "SKIP", "not lit without --lights")
        yield check_lights(gpio, clock, lamps_active_low) if with_lights else skipped


def check_gpio_library() -> Finding:
    """Check which library loads as RPi.GPIO, and whether it works on this Pi."""
    model = read(ROOT / MODEL).strip("\0\n")
    candidates = (each for each in distributions() if each.name in {"RPi.GPIO", "rpi-lgpio"})
    first = next(candidates, None)  # on the path, and so the one that loads
    which = f"{first.name} {first.version}" if first else "a library in place of RPi.GPIO"
    install = "sudo apt install python3-rpi-lgpio"
    if which.startswith("RPi.GPIO") and re.match(_WITHOUT_RPI_GPIO, model):
        commands = [f"sudo {sys.prefix}/bin/pip uninstall RPi.GPIO", install]
        return Finding("gpio library", "FAIL", f"RPi.GPIO does not work on a {model}", "use rpi-lgpio", commands)
    try:
        import_module("RPi.GPIO")
    except Exception as error:  # RuntimeError on other machines; lgpio raises errors of its own
        if "Raspberry Pi" not in model:
            return Finding("hardware", "SKIP", "this machine is not a Raspberry Pi: there is no hardware to check")
        if isinstance(error, NotImplementedError):  # rpi-lgpio, on a Pi whose revision is of before 2012
            install = "sudo apt install python3-rpi.gpio"
        return Finding("gpio library", "FAIL", f"it does not load: {error}", "install it", [install])
    return Finding("gpio library", "OK", f"{which} on a {model}" if model else which)


def check_spi() -> Finding:
    """Check whether this user can open the reader's bus."""
    import spidev

    try:
        spidev.SpiDev(0, 0).close()
    except PermissionError:
        return Finding("spi", "FAIL", "no access to /dev/spidev0.0", "join its group", ["sudo usermod -aG spi $USER"])
    except FileNotFoundError:
        return _no_spi(read(ROOT / "sys/bus/spi/devices/spi0.0/modalias").strip())
    except OSError as error:
        return Finding("spi", "FAIL", f"/dev/spidev0.0 cannot be opened: {error}", "reboot, and look into dmesg")
    return Finding("spi", "OK", "/dev/spidev0.0 can be opened")


def _no_spi(owner: str) -> Finding:
    """Say why there is no /dev/spidev0.0, given what the kernel has at chip select 0, such as `spi:mcp2515`."""
    text = "no /dev/spidev0.0: SPI is"
    if owner == "spi:spidev":
        return Finding("spi", "FAIL", f"{text} on, its driver is not loaded", "load it", ["sudo modprobe spidev"])
    if owner or (ROOT / "sys/class/spi_master/spi0").exists():
        text += f" on, but an overlay took chip select 0 for {owner[4:] or 'another device'}"
        remedy = "remove its dtoverlay line, or have it use chip select 1, then reboot:"
        return Finding("spi", "FAIL", text, remedy, ["sudo nano /boot/firmware/config.txt"])
    return Finding("spi", "FAIL", f"{text} off", "switch it on, then reboot", ["sudo raspi-config nonint do_spi 0"])


def check_groups() -> Finding:
    """Check whether this user, unless it is root, is in the groups of pins, bus and sound that this machine has."""
    groups = [group for group in grp.getgrall() if group.gr_name in {"gpio", "spi", "audio"}]
    missing = [group.gr_name for group in groups if group.gr_gid not in {*os.getgroups(), os.getegid()}]
    if missing and os.geteuid() != 0:
        join = f"sudo usermod -aG {','.join(missing)} $USER"
        return Finding("groups", "FAIL", f"this user is not in {', '.join(missing)}", "join, then log in again", [join])
    return Finding("groups", "OK", "this user needs no other groups")


def check_reader(gpio: ModuleType, clock: Clock) -> Iterator[Finding]:
    """Check which chip answers, whether reliably, and whether it is silent while its reset pin is low."""
    from common.mfrc522_driver import Driver

    with closing(Driver(clock)) as driver:
        versions = {driver.version() for _ in range(20)}
        gpio.output(wiring.RESET.bcm, False)
        clock.sleep(0.005)
        held = driver.version()
        driver.restart()
        released = driver.version()
    seen = ", ".join(f"0x{version:02X}" for version in sorted(versions))
    if len(versions) > 1 or versions <= {0x00, 0xFF}:
        problem = "a wire is loose or too long" if versions - {0x00, 0xFF} else "it does not answer"
        yield Finding("reader", "FAIL", f"{problem}: its version reads {seen}", f"check its wires: {_READER_WIRES}")
        yield Finding("reset", "SKIP", "not checked until the reader answers")
        return
    yield Finding("reader", "OK", f"{_VERSIONS.get(min(versions), 'an unknown chip')} answers ({seen})")
    if held in versions:
        text = f"the reader still answers while GPIO {wiring.RESET.bcm} is low"
        yield Finding("reset", "FAIL", text, f"connect {_place(wiring.RESET)}")
    elif released not in versions:
        yield Finding("reset", "FAIL", f"after a reset, the version reads 0x{released:02X}", "check the power supply")
    else:
        yield Finding("reset", "OK", _place(wiring.RESET))


def check_buttons(gpio: ModuleType, clock: Clock) -> Finding:
    """Check that no button of the terminal reads as pressed."""
    gpio.setup(_PINS, gpio.IN, pull_up_down=gpio.PUD_UP)
    pressed = list(wiring.COLOURS)
    for _ in range(5):
        clock.sleep(0.01)
        pressed = [button for button in pressed if not gpio.input(button.bcm)]
    gpio.cleanup(_PINS)
    if not pressed:
        return Finding("buttons", "OK", "none is pressed")
    remedy = f"release it, or check its wires for a short to ground (pin {wiring.GROUND.header_pin})"
    return Finding("buttons", "FAIL", f"read as pressed: {', '.join(map(_place, pressed))}", remedy)


def check_lights(gpio: ModuleType, clock: Clock, active_low: bool) -> Finding:
    """Light the gate's lamps, one after another; all are off at the end, even after a signal."""
    try:
        gpio.setup(_PINS, gpio.OUT, initial=active_low)
        for pin in _PINS:
            gpio.output(pin, not active_low)
            clock.sleep(1.0)
            gpio.output(pin, active_low)
    finally:
        gpio.setup(_PINS, gpio.OUT, initial=active_low)
        gpio.setup(_PINS, gpio.IN, pull_up_down=gpio.PUD_UP if active_low else gpio.PUD_DOWN)
    lit = ", ".join(map(_place, wiring.COLOURS))
    return Finding("lights", "SKIP", f"lit for a second each: {lit}", "check that you saw each of them")


def _place(wire: wiring.GpioWire) -> str:
    return f"{wire.contact} to pin {wire.header_pin} (GPIO {wire.bcm})"
