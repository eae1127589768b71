"""The worst that the channels and the journal can carry, in each mode of output."""

import io
import json
import random
import sys
from collections.abc import Callable

import pytest

from common.events import Event, EventId, MalformedEventError
from common.rendering import COLORED, PLAIN, Renderer
from system_monitor.terminal import JSON_ESCAPES, KINDS, Terminal

COLOURS = [code for code in vars(COLORED).values() if code]
NAMES = [*KINDS.values(), "pass-repainted", "pass-"]
FIELDS = [
    "to",
    "trips",
    "state",
    "problem",
    "cardSerialNumber",
    "pass",
    "remainingTrips",
    "remainingTime",
    "reason",
    "tap",
    "id",
    "at",
    "device",
    "x",
]
LONGEST_LINE = 3500  # what is cut at 200 characters can have ten for each that is escaped

Make = Callable[[random.Random], str]


def any_text(chance: random.Random) -> str:
    """Any code points, unpaired surrogates and controls among them."""
    most = chance.choice([0x20, 0x7F, 0xFF, 0x2100, sys.maxunicode])
    return "".join(chr(chance.randint(0, most)) for _ in range(chance.choice([0, 1, 3, 10, 100])))


def number(chance: random.Random) -> str:
    return chance.choice(
        ["0", "-1", "7", "1e400", "-1e400", "NaN", "Infinity", "-0", "01", str(10**18), "9" * 4000, "9" * 5000, "1.5"]
    )


def nested(chance: random.Random) -> str:
    depth = chance.choice([1, 50, 900, 990, 1500, 100_000])
    opening, closing = chance.choice([("[", "]"), ('{"pass":', "}")])
    return opening * depth + chance.choice(["1", '"\x1b"', ""]) + closing * chance.choice([depth, depth - 1])


def string(chance: random.Random) -> str:
    known = ["TEN_TRIP", "TWO_HOUR", "no-pass", "18446744073709551616-0", "9-9", "34359738376", "4328719364", "12"]
    text = chance.choice(known) if chance.random() < 0.4 else any_text(chance)
    return json.dumps(text, ensure_ascii=chance.random() < 0.5)


def member(chance: random.Random) -> str:
    value = chance.choices([string, number, nested, small_object], [6, 5, 0.05, 2])[0]
    return f"{json.dumps(chance.choice(FIELDS))}:{value(chance)}"


def small_object(chance: random.Random) -> str:
    trips = chance.choice([string, number])(chance)
    return f'{{"passType":{string(chance)},"tripsRemaining":{trips}}}'


def payload(chance: random.Random) -> str:
    made = "{" + ",".join(member(chance) for _ in range(chance.randrange(6))) + "}"
    match chance.randrange(8):
        case 0:
            return any_text(chance)
        case 1:
            return chance.choice([string, number, nested])(chance)
        case 2:
            return made[: chance.randrange(len(made))]
        case 3:
            return made.replace(",", "\n,\t")
    return made


def channel(chance: random.Random) -> str:
    return chance.choice(NAMES) + chance.choice(["", ":TEN_TRIP", f":{any_text(chance)}", any_text(chance)])


class Output:
    """A terminal of some encoding, and what was written to it."""

    def __init__(self, as_json: bool, is_colored: bool, encoding: str) -> None:
        self.bytes = io.BytesIO()
        errors = JSON_ESCAPES if as_json else "backslashreplace"
        stream = io.TextIOWrapper(self.bytes, encoding, errors, newline="\n")
        self.notices = io.StringIO()
        self.terminal = Terminal(Renderer(COLORED if is_colored else PLAIN), as_json, stream, self.notices)

    def lines(self, encoding: str) -> list[str]:
        self.terminal.flush()
        return self.bytes.getvalue().decode(encoding).split("\n")[:-1]


@pytest.mark.parametrize("cases", [500, pytest.param(10_000, marks=pytest.mark.process)])
@pytest.mark.parametrize(
    ("as_json", "is_colored", "encoding"),
    [
        (False, False, "latin-1"),
        (False, True, "utf-8"),
        (True, False, "utf-8"),
        (True, False, "ascii"),
    ],
)
def test_each_message_is_one_harmless_line(as_json: bool, is_colored: bool, encoding: str, cases: int) -> None:
    chance = random.Random(f"{as_json} {is_colored} {encoding}")
    output = Output(as_json, is_colored, encoding)
    events: list[Event] = []
    for case in range(cases):
        name, text = channel(chance), payload(chance)
        try:
            event = Event.parse(name, text, EventId(case, 0) if case % 2 else None)
        except MalformedEventError as error:
            output.terminal.show_malformed(name, str(error))
        else:
            output.terminal.show(event)
            events.append(event)
    lines = output.lines(encoding)
    plain = [without_colours(line) if is_colored else line for line in lines]
    malformed = output.notices.getvalue().splitlines()
    output.terminal.summarize()
    assert len(lines) + len(malformed) == cases
    assert all(line.isprintable() for line in [*plain, *malformed])
    assert output.notices.getvalue().splitlines()[-1].isprintable()
    assert len(output.notices.getvalue().splitlines()[-1]) < 240
    if as_json:
        assert [json.loads(line) for line in lines] == [
            {"id": str(event.entry_id), **event.payload} if event.entry_id else event.payload for event in events
        ]
    else:
        assert max(map(len, plain)) < LONGEST_LINE


def without_colours(line: str) -> str:
    for code in COLOURS:
        line = line.replace(code, "")
    return line


def test_many_channels_are_counted_as_one_kind() -> None:
    output = Output(False, False, "utf-8")
    for number in range(5000):
        output.terminal.show(Event.parse(f"pass-{number}\x1b[2J", "{}"))
    output.terminal.summarize()
    assert output.notices.getvalue() == "system-monitor: 5000 events shown: 5000 other\n"
