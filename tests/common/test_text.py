"""Text made safe to print."""

from hypothesis import given

from common.text import printable
from tests.any_text import ANY_TEXT


@given(ANY_TEXT)
def test_is_always_one_printable_line(text: str) -> None:
    assert printable(text).isprintable()


@given(ANY_TEXT)
def test_leaves_what_is_printable(text: str) -> None:
    shown = "".join(filter(str.isprintable, text))[:200]
    assert printable(shown) == shown


def test_shows_what_it_escapes() -> None:
    assert printable("\x1b[2J\u202e\n") == r"\x1b[2J\u202e\n"


def test_cuts_what_is_long() -> None:
    assert printable("x" * 50, limit=10) == "x" * 10 + "…"
