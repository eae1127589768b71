"""The two wiring drawings join what `common/wiring.py` joins."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from common import wiring

PICTURES = Path(__file__).resolve().parents[2] / "pictures"


@pytest.mark.parametrize(("drawing", "part"), [("gate-wiring.svg", "lamps"), ("terminal-wiring.svg", "buttons")])
def test_each_wire_in_a_drawing_goes_to_the_pin_that_the_code_uses(drawing: str, part: str) -> None:
    expected = {
        (place, wire.contact, str(wire.header_pin), str(wire.bcm) if isinstance(wire, wiring.GpioWire) else None)
        for place, wires in (("reader", wiring.READER), (part, (*wiring.COLOURS, wiring.GROUND)))
        for wire in wires
    }
    shapes = list(ElementTree.parse(PICTURES / drawing).iter())
    drawn = [shape for shape in shapes if shape.get("class") == "wire"]
    assert {tuple(map(wire.get, ("data-part", "data-contact", "data-pin", "data-bcm"))) for wire in drawn} == expected
    pins = {shape.get("data-header-pin"): (shape.get("cx"), shape.get("cy")) for shape in shapes}
    for wire in drawn:
        start = wire.attrib["d"].removeprefix("M").partition("H")[0]
        assert start == " ".join(str(at) for at in pins[wire.get("data-pin")]), wire.attrib
