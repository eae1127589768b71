"""A finding as people see it."""

import pytest

from doctor.finding import Finding

RESET = Finding(
    "reset", "FAIL", "the reader still answers", "connect RST to pin 22", ["sudo systemctl stop entry-gate"]
)


def test_remedy_and_commands_stand_on_lines_of_their_own() -> None:
    assert RESET.as_text(coloured=False).split("\n") == [
        "FAIL  reset: the reader still answers",
        "      connect RST to pin 22",
        "      $ sudo systemctl stop entry-gate",
    ]


def test_without_a_remedy_it_is_one_line() -> None:
    assert Finding("spi", "OK", "it can be opened").as_text(coloured=False) == "OK    spi: it can be opened"


@pytest.mark.parametrize(("status", "colour"), [("OK", 32), ("WARN", 33), ("FAIL", 31), ("SKIP", 36)])
def test_on_a_terminal_the_status_has_a_colour(status: str, colour: int) -> None:
    finding = Finding("spi", status, "text")  # type: ignore[arg-type]
    assert finding.as_text(coloured=True) == f"\x1b[{colour}m{status:<4}\x1b[0m  spi: text"


def test_control_characters_are_escaped() -> None:
    text = Finding("redis", "FAIL", "a\x1b[2J\nb", "c\x07", ["d\x9b"]).as_text(coloured=False)
    assert text.split("\n") == ["FAIL  redis: a\\x1b[2J\\nb", "      c\\x07", "      $ d\\x9b"]
