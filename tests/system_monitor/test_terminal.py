"""What is written where."""

import io

import pytest

from common.events import Event
from common.rendering import PLAIN, Renderer
from system_monitor.terminal import Terminal

ISSUED = Event.parse("pass-issued:TEN_TRIP", '{"cardSerialNumber":"7"}')


@pytest.mark.parametrize(
    ("channels", "summary"),
    [
        ([], "0 events shown"),
        (["pass-denied"], "1 event shown: 1 denied"),
        (
            ["pass-used:TEN_TRIP", "pass-issued:TEN_TRIP", "pass-used:TWO_HOUR", "pass-activated:TWO_HOUR"],
            "4 events shown: 1 activated, 1 issued, 2 used",
        ),
        (["pass-\x1b[2J", "pass-repainted"], "2 events shown: 2 other"),
    ],
)
def test_summary(channels: list[str], summary: str) -> None:
    terminal = Terminal(Renderer(PLAIN), False, io.StringIO(), errors := io.StringIO())
    for channel in channels:
        terminal.show(Event.parse(channel, "{}"))
    terminal.summarize()
    assert errors.getvalue() == f"system-monitor: {summary}\n"


def test_a_malformed_message_is_not_printed_as_json() -> None:
    for as_json, written in [(True, ("", "malformed message on pass-: not JSON\n")), (False, None)]:
        output, errors = io.StringIO(), io.StringIO()
        terminal = Terminal(Renderer(PLAIN), as_json, output, errors)
        terminal.show_malformed("pass-", "not JSON")
        terminal.flush()
        assert (output.getvalue(), errors.getvalue()) == (written or ("malformed message on pass-: not JSON\n", ""))


def test_a_notice_comes_after_the_events_before_it() -> None:
    both = io.BytesIO()
    output = io.TextIOWrapper(both, write_through=False)
    errors = io.TextIOWrapper(both, write_through=True)
    terminal = Terminal(Renderer(PLAIN), True, output, errors)
    terminal.show(ISSUED)
    terminal.notice("connection lost")
    assert both.getvalue() == b'{"cardSerialNumber":"7"}\nsystem-monitor: connection lost\n'
