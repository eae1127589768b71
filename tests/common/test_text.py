"""Text made safe to print."""

from hypothesis import given
from hypothesis import strategies as st

from common.text import printable


@given(st.text())
def test_is_always_one_printable_line(text: str) -> None:
    assert printable(text).isprintable()


@given(st.text(st.characters(categories=["L", "N", "P"]), max_size=200))
def test_leaves_what_is_printable(text: str) -> None:
    assert printable(text) == text


def test_shows_what_it_escapes() -> None:
    assert printable("\x1b[2J\u202e\n") == r"\x1b[2J\u202e\n"


def test_cuts_what_is_long() -> None:
    assert printable("x" * 50, limit=10) == "x" * 10 + "…"
