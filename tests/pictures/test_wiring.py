"""What tells how the devices are wired tells the same: the code, the diagrams, the README, and the Pi's own header."""

import re
import subprocess
import sys
from functools import cache
from itertools import combinations, pairwise, product
from pathlib import Path
from xml.etree import ElementTree

import pytest

from common import wiring

PROJECT = Path(__file__).resolve().parents[2]
PICTURES = PROJECT / "pictures"
SVG = "{http://www.w3.org/2000/svg}"

DIAGRAMS = {"gate-wiring.svg": "lamps", "terminal-wiring.svg": "buttons"}
LIGHTS = (wiring.RED, wiring.YELLOW, wiring.GREEN)

# The 40-pin header in the Raspberry Pi documentation, two pins a row; a number is a GPIO's.
HEADER = """
    3V3 5V
      2 5V
      3 GND
      4 14
    GND 15
     17 18
     27 GND
     22 23
    3V3 24
     10 GND
      9 25
     11 8
    GND 7
      0 1
      5 GND
      6 12
     13 GND
     19 16
     26 20
    GND 21
"""
AT_PIN = dict(enumerate(HEADER.split(), start=1))
SPI0 = {"SDA": "8", "SCK": "11", "MOSI": "10", "MISO": "9"}  # CE0, SCLK, MOSI, MISO
NOTHING = "\N{EN DASH}"
POWER = {"GND": "GND", "ground": "GND", "3.3V": "3V3"}

Point = tuple[int, int]

each_diagram = pytest.mark.parametrize("name", DIAGRAMS)
each_wire = pytest.mark.parametrize("wire", [*wiring.READER, *LIGHTS, wiring.GROUND], ids=lambda wire: wire.contact)


@cache
def diagram(name: str) -> ElementTree.Element:
    return ElementTree.parse(PICTURES / name).getroot()


def elements(name: str, tag: str, **attributes: str) -> list[ElementTree.Element]:
    wanted = {key.replace("_", "-").rstrip("-"): value for key, value in attributes.items()}
    return [each for each in diagram(name).iterfind(f".//{SVG}{tag}") if wanted.items() <= each.attrib.items()]


def wires(name: str) -> list[ElementTree.Element]:
    return elements(name, "path", class_="wire")


def lines(wire: ElementTree.Element) -> list[list[Point]]:
    """Return the points of each line that a wire is drawn with."""
    drawn: list[list[Point]] = []
    for step, first, second in re.findall(r"([A-Z])(\d+)(?: (\d+))?", wire.attrib["d"]):
        if step == "M":
            drawn.append([(int(first), int(second))])
        else:
            x, y = drawn[-1][-1]
            drawn[-1].append({"H": (int(first), y), "V": (x, int(first))}[step])
    return drawn


def place(shape: ElementTree.Element) -> Point:
    """Return the centre of a circle, or of a square: the first pin is one."""
    if shape.tag == f"{SVG}circle":
        return int(shape.attrib["cx"]), int(shape.attrib["cy"])
    x, y, side = (int(shape.attrib[name]) for name in ("x", "y", "width"))
    return x + side // 2, y + side // 2


def wired(wire: wiring.Wire) -> tuple[str, str | None, str]:
    return wire.contact, str(wire.bcm) if isinstance(wire, wiring.GpioWire) else None, str(wire.header_pin)


def is_on(point: Point, piece: tuple[Point, Point]) -> bool:
    """Tell whether a point is on a straight line, which is level or upright."""
    return all(min(start, end) <= at <= max(start, end) for at, start, end in zip(point, *piece, strict=True))


def pieces(wire: ElementTree.Element) -> list[tuple[Point, Point]]:
    return [piece for line in lines(wire) for piece in pairwise(line)]


def readme_tables() -> dict[str, list[dict[str, str]]]:
    """Return the rows of each table under Wiring, by the heading of its first column."""
    section = (PROJECT / "README.md").read_text(encoding="utf-8").split("\n### Wiring\n")[1].split("\n## ")[0]
    tables: dict[str, list[dict[str, str]]] = {}
    for table in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE):
        heading, _, *rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]
        tables[heading[0]] = [dict(zip(heading, row, strict=True)) for row in rows]
    return tables


@each_wire
def test_a_wire_goes_to_the_pin_that_carries_it(wire: wiring.Wire) -> None:
    _, bcm, _ = wired(wire)
    assert AT_PIN[wire.header_pin] == (bcm or POWER[wire.contact])


def test_the_readers_bus_is_spi_0_with_its_first_chip_select() -> None:
    assert {wire.contact: AT_PIN[wire.header_pin] for wire in wiring.READER if wire.contact in SPI0} == SPI0


def test_no_two_wires_share_a_pin() -> None:
    pins = [wire.header_pin for wire in (*wiring.READER, *LIGHTS, wiring.GROUND)]
    assert len(set(pins)) == len(pins)


def test_the_diagrams_are_what_the_script_draws_now(tmp_path: Path) -> None:
    subprocess.run([sys.executable, PICTURES / "build", tmp_path], check=True, cwd=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(DIAGRAMS)
    for name in DIAGRAMS:
        assert (tmp_path / name).read_bytes() == (PICTURES / name).read_bytes(), f"run pictures/build: {name} is old"


@each_diagram
def test_a_diagram_has_every_wire_and_no_other(name: str) -> None:
    drawn = [tuple(map(wire.get, ("data-part", "data-contact", "data-bcm", "data-pin"))) for wire in wires(name)]
    expected = [("reader", *wired(wire)) for wire in wiring.READER]
    expected += [(DIAGRAMS[name], *wired(wire)) for wire in (*LIGHTS, wiring.GROUND)]
    assert sorted(drawn, key=str) == sorted(expected, key=str)


@each_diagram
def test_a_wire_begins_at_its_pin_and_ends_at_its_contacts(name: str) -> None:
    for wire in wires(name):
        (pin,) = elements(name, "*", data_header_pin=wire.attrib["data-pin"])
        ends = {key.replace("-", "_"): wire.attrib[key] for key in ("data-part", "data-contact")}
        contacts = elements(name, "circle", class_="contact", **ends)
        assert lines(wire)[0][0] == place(pin)
        assert sorted(line[-1] for line in lines(wire)) == sorted(map(place, contacts))
        trunk, *branches = lines(wire)
        assert all(any(is_on(branch[0], piece) for piece in pairwise(trunk)) for branch in branches)


@each_diagram
def test_wires_cross_but_never_touch(name: str) -> None:
    for one, other in combinations(wires(name), 2):
        for first, second in product(pieces(one), pieces(other)):
            # Lines that run along each other, or meet, have an end of one on the other.
            assert not any(is_on(end, first) and is_on(end, second) for end in (*first, *second)), (
                one.attrib["data-contact"],
                other.attrib["data-contact"],
            )


@each_diagram
def test_a_diagram_shows_all_pins_of_the_header_and_names_those_in_use(name: str) -> None:
    pins = [each.attrib["data-header-pin"] for each in diagram(name).iter() if "data-header-pin" in each.attrib]
    assert pins == [str(pin) for pin in AT_PIN]
    words = [each.text or "" for each in elements(name, "text")]
    for _, bcm, pin in map(wired, (*wiring.READER, *LIGHTS)):
        assert not bcm or any(re.match(rf"GPIO {bcm}\b", each) for each in words)
        assert any(re.search(rf"pin {pin}\b", each) for each in words)
    assert words.count("5 V: never") == list(AT_PIN.values()).count("5V") == 2


@each_diagram
def test_the_readers_contacts_stand_as_on_the_module(name: str) -> None:
    contacts = elements(name, "circle", class_="contact", data_part="reader")
    in_order = [each.attrib["data-contact"] for each in sorted(contacts, key=place)]
    assert in_order == ["SDA", "SCK", "MOSI", "MISO", "IRQ", "GND", "RST", "3.3V"]


@each_diagram
def test_a_diagram_can_be_heard(name: str) -> None:
    labels = diagram(name).attrib["aria-labelledby"].split()
    title, description = (diagram(name).find(f"{SVG}{tag}") for tag in ("title", "desc"))
    assert title is not None
    assert description is not None
    assert [title.get("id"), description.get("id")] == labels
    for wire in (*wiring.READER, *LIGHTS, wiring.GROUND):
        assert f"{wire.contact} to pin {wire.header_pin}" in (description.text or "")


def test_the_readme_wires_the_reader_alike() -> None:
    told = [(row["on the reader"].split()[0], row["BCM"], row["pin"]) for row in readme_tables()["on the reader"]]
    expected = {(contact, f"GPIO {bcm}" if bcm else NOTHING, pin) for contact, bcm, pin in map(wired, wiring.READER)}
    assert set(told) == expected | {("IRQ", NOTHING, NOTHING)}


@pytest.mark.parametrize(("light", "other_side"), [("lamp", "other side"), ("button", "other contact")])
def test_the_readme_wires_lamps_and_buttons_alike(light: str, other_side: str) -> None:
    rows = readme_tables()[light]
    ground = f"ground, pin {wiring.GROUND.header_pin}"
    assert [(row[light], row["BCM"], row["pin"], row[other_side]) for row in rows] == [
        (wire.contact, f"GPIO {wire.bcm}", str(wire.header_pin), ground) for wire in LIGHTS
    ]


def test_the_readme_and_the_diagram_sell_the_same() -> None:
    words = [each.text for each in elements("terminal-wiring.svg", "text")]
    sold = [row["sells"] for row in readme_tables()["button"]]
    assert [each for each in words if each in sold] == sold


@each_diagram
def test_the_readme_shows_the_diagram(name: str) -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^!\[\w.*\w\]\(pictures/{re.escape(name)}\)$", text, re.MULTILINE)
