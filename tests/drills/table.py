"""What the drills have shown, as the tables of docs/guarantees.md: `python -m tests.drills --table`."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.drills.all_drills import DRILLS
from tests.drills.drill import Outcome
from tests.drills.outages import OUTAGES

NONE = "\N{EN DASH}"
RESULTS = Path(__file__).with_name("results.json")
"""The last long run of each drill, by `--record`."""


class Result(NamedTuple):
    """What a drill has shown in its last long run."""

    rounds: int
    lost: int
    doubled: int
    longest_outage_s: float


class Promise(NamedTuple):
    """A promise, the drills that try to break it, and how version 1.0.0 broke it, as far as that is known."""

    text: str
    drills: Iterable[str]
    broken: str = NONE


PROMISES = (
    Promise(
        "one tap costs one trip at most",
        ("cuts", "cuts-default-retries", "gates-at-once", "model", "year", *OUTAGES),
        "an unanswered tap was charged again after a restart of the gate, or at the next gate",
    ),
    Promise(
        "no green, no charge",
        ("model", *OUTAGES, "split", "split-beside-a-replica"),
        "a stalled server carried a tap out after its rider had left; too few replicas charged each refused tap",
    ),
    Promise(
        "a card on the reader is one tap",
        ("torn-cards", "loose-wires", "noise-from-the-reader"),
        "a card at the edge of the field paid six times in 20 s, two in one purse five times each, a phone was denied"
        " 67 times",
    ),
    Promise(
        "a pass gives no more entries than were sold",
        ("gates-at-once", "gates-single-trip", "terminals-one-card", "failovers", "model", "year"),
    ),
    Promise(
        "pass, journal and message change together or not at all",
        ("crashes", "restarts", "power-cuts", "model", "year"),
        "the first use of a two hour pass was written by half where the journal's last id was near its end",
    ),
    Promise(
        "a change at the desk is made once or not at all", ("desk-cuts", "desk-against-gates", "two-desks", "model")
    ),
    Promise(
        "the monitor shows every event of the journal once",
        ("broken-lines", "failovers"),
        "a message in two pieces lost the connection; a journal that was set back left it blind",
    ),
    Promise(
        "nothing on a card, in Redis or on a channel crashes a program",
        ("noise-on-channels", "noise-in-passes", "noise-from-the-reader"),
        "deeply nested JSON ended the monitor; what is no RESP ended the gate and the monitor",
    ),
    Promise(
        "a device recovers by itself",
        ("bad-networks", "crashes", "loose-wires", "failovers", *OUTAGES),
        "a reader that had lost a part of its configuration stayed deaf",
    ),
)


def results() -> Mapping[str, Result]:
    return {name: Result(**result) for name, result in json.loads(RESULTS.read_text()).items()}


def record(name: str, outcome: Outcome) -> None:
    """Keep what a drill has shown."""
    found = {**results(), name: Result(outcome.rounds, outcome.lost, outcome.doubled, outcome.longest_outage_s)}
    lines = [f" {json.dumps(name)}: {json.dumps(found[name]._asdict())}" for name in DRILLS if name in found]
    RESULTS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def tables() -> Iterator[str]:
    """Yield the lines of both tables, in Markdown: by promise, and by drill."""
    found = results()
    yield "| promise | tried by | rounds | lost | doubled | in version 1.0.0 |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for text, drills, broken in PROMISES:
        tried = [found[name] for name in drills]
        rounds, lost, doubled = (sum(each) for each in list(zip(*tried, strict=True))[:3])
        names = ", ".join(f"`{name}`" for name in drills)
        yield f"| {text} | {names} | {rounds:,} | {lost} | {doubled} | {broken} |"
    yield ""
    yield "| drill | what happens | rounds | lost | doubled | longest outage |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, drill in DRILLS.items():
        rounds, lost, doubled, outage_s = found[name]
        outage = f"{outage_s:.3f} s" if outage_s else NONE
        yield f"| `{name}` | {drill.what} | {rounds:,} | {lost:,} | {doubled} | {outage} |"
