"""How the devices are wired. Programs, doctor and simulator use this module; a test compares the drawings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wire:
    """A wire from a contact, by the name printed beside it, to a pin of the Pi's header, 1 to 40."""

    contact: str
    header_pin: int


@dataclass(frozen=True)
class GpioWire(Wire):
    """A wire that carries a signal, to the GPIO of this BCM number."""

    bcm: int


RESET = GpioWire("RST", 22, 25)  # not 15, which the mfrc522 package would take: that is the serial port's RXD
READER = (
    GpioWire("SDA", 24, 8),
    GpioWire("SCK", 23, 11),
    GpioWire("MOSI", 19, 10),
    GpioWire("MISO", 21, 9),
    Wire("GND", 20),
    RESET,
    Wire("3.3V", 17),
)
"""The card reader, on SPI bus 0, device 0."""

COLOURS = RED, YELLOW, GREEN = GpioWire("red", 35, 19), GpioWire("yellow", 33, 13), GpioWire("green", 37, 26)
"""The gate's lamps, high when lit unless a setting says otherwise, and the terminal's buttons, low when pressed."""

GROUND = Wire("ground", 39)
"""The other side of the lamps and of the buttons."""
