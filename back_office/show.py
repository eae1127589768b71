"""The command `show`: what a card holds, and what happened to it."""

import argparse
import json
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from back_office import options
from back_office.desk import RefusedError
from common.settings import Settings
from common.text import printable, takes_colours

if TYPE_CHECKING:  # it needs the package redis, and --help does not
    from back_office.holding import Holding
    from common.events import Event
    from common.journal import Entry

LOOKED_AT, SHOWN = 10_000, 10


class History(NamedTuple):
    """What the newest entries of the journal have about a card.

    Attributes:
        events: the newest of them, oldest first.
        found: how many events there were.
        owed: the taps whose trips are owed, and were not given back, newest first.
        looked_at: how many entries were read.
        back_to_ms: the time of the oldest of these, in Unix ms; None if there are none.
    """

    events: "list[Event]"
    found: int
    owed: list[str]
    looked_at: int
    back_to_ms: int | None


def add(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(commands, "show", "show a card's pass and its last events", "uid:0A1B2C3D", run)
    parser.add_argument("card", type=options.card, metavar="CARD")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(given: argparse.Namespace, settings: Settings) -> None:
    """Print what is known of the card.

    Raises:
        RefusedError: nothing is.
        RedisError: Redis cannot be reached, or refuses.
    """
    from back_office.store import NEWEST, Store

    store = Store(settings, settings.device)
    holding = store.look(given.card)
    history = history_of(given.card, islice(store.journal.backwards(NEWEST), LOOKED_AT))
    if holding.is_empty and not history.found:
        raise RefusedError(f"card {given.card} is not known: it holds no pass, and has no event in {_reach(history)}")
    print(_as_json(holding, history) if given.json else _as_text(holding, history), flush=True)


def history_of(card: str, newest_first: "Iterable[Entry]") -> History:
    """Read these entries of the journal for what they have about a card."""
    events: list[Event] = []
    owed: list[str] = []
    settled: set[str] = set()
    found = looked_at = 0
    back_to_ms = None
    for id_, event in newest_first:
        looked_at += 1
        back_to_ms = id_.milliseconds
        if event and event.kind == "pass-reversed":  # at the desk, also to another card
            settled.add(event.text_of("tap"))
        if event is None or card not in {event.card, event.text_of("to")}:
            continue
        found += 1
        events += [event] if found <= SHOWN else []
        tap = event.text_of("tap")
        if event.kind == "pass-owed" and tap not in settled:
            owed.append(tap)
    return History(events[::-1], found, owed, looked_at, back_to_ms)


def _as_text(holding: "Holding", history: History) -> str:
    from common.rendering import COLORED, PLAIN, Renderer

    renderer = Renderer(COLORED if takes_colours() else PLAIN)
    shown = f"the last {SHOWN} of {history.found} events" if history.found > SHOWN else f"events: {history.found}"
    return "\n".join(
        [
            f"card {holding.card}: {printable(holding, 400)}",
            *(f"owed: a trip; `reverse {printable(tap, 50)}` gives it back" for tap in history.owed),
            f"{shown} in {_reach(history)}",
            *(renderer.line(event) for event in history.events),
        ]
    )


def _reach(history: History) -> str:
    from common.events import LATEST_MS, date_and_time

    if history.back_to_ms is None:
        return "the empty journal"
    which = f"the newest {LOOKED_AT:,} of the journal" if history.looked_at == LOOKED_AT else "the whole journal"
    return f"{which}, back to {date_and_time(min(history.back_to_ms, LATEST_MS - 1))}"


def _as_json(holding: "Holding", history: History) -> str:
    from common.rendering import json_line

    facts = {
        "cardSerialNumber": holding.card,
        "pass": dict(holding.fields) or None,
        "isValid": holding.is_valid,
        "inWords": str(holding),
        "remainingTime": holding.ttl_s if holding.ttl_s >= 0 else None,
        "owed": history.owed,
        "found": history.found,
        "lookedAt": history.looked_at,
        "backTo": history.back_to_ms,
    }
    # As in the journal, not decoded and encoded again: a payload may be nested too deep for that.
    events = (f'{{"channel": {json.dumps(event.channel)}, "payload": {json_line(event)}}}' for event in history.events)
    return f'{json.dumps(facts)[:-1]}, "events": [{", ".join(events)}]}}'
