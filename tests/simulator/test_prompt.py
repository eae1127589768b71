"""The prompt of the demo's terminal, as somebody sees it who types."""

from collections.abc import Iterator

import pytest

from tests.simulator.terminal import Terminal

pytestmark = pytest.mark.process

TAB, END_OF_LINE = "\t", "\r"


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    with Terminal("--no-page", environment={"NO_COLOR": "1"}) as terminal:
        terminal.wait_for("connected to Redis", 2)
        yield terminal


def lines_of(terminal: Terminal, source: str, since: int) -> list[str]:
    """Return what a source has done since then, without the times."""
    lines = terminal.text[since:].replace("\r", "\n").split("\n")
    return [words[2] for line in lines if len(words := line.split(maxsplit=2)) == 3 and words[1] == source]


def test_tab_completes_each_word_and_a_denial_has_one_line_of_flashes(terminal: Terminal) -> None:
    since = len(terminal.text)
    terminal.type(f"ta{TAB}G{TAB}3{END_OF_LINE}")
    terminal.wait_for("card 249563987248: no-pass")
    terminal.type(f"wait 4{END_OF_LINE}cut monitor{END_OF_LINE}CUT monitor{END_OF_LINE}")
    terminal.wait_for("the network cable of monitor is pulled already")  # after all flashes
    said = lines_of(terminal, "gate", since)
    assert sum("flashes" in line for line in said) == 1
    assert len(said) <= 2  # a busy machine may tell of the light a moment after the sound


def test_tab_lists_what_fits_if_it_is_more_than_one(terminal: Terminal) -> None:
    terminal.type(f"press {TAB}")
    for button in ("red", "yellow", "green", "single", "ten", "two-hour"):
        terminal.wait_for(button)
    terminal.type(f"T{TAB}w{TAB}{END_OF_LINE}")  # `ten` and `two-hour` begin alike
    terminal.wait_for("tap-card-first")
