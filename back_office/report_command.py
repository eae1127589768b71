"""The command `report`: counts what the journal has of a day, or of another span."""

import argparse
import gc
import sys
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from back_office import options
from back_office.desk import RefusedError
from back_office.report import Report, count
from back_office.report_output import as_csv, as_json, as_text
from common.events import EventId
from common.keys import JOURNAL
from common.settings import Settings

SOCKET_TIMEOUT_S = 4.0
EARLIER_MS = 60_000  # an entry may have got its id that much before its time


class Span(NamedTuple):
    """From one Unix time in ms to before another, and the zone of its days: None for the local one."""

    begin_ms: int
    end_ms: int
    zone: tzinfo | None


def add(commands: options.Commands) -> None:
    """Add the command."""
    text = "count entries, sales and denials"
    parser = options.add_command(commands, "report", text, "--day yesterday --plot yesterday.svg", _run)
    parser.add_argument("--day", metavar="D", help="a day: 2026-01-31, today (the default) or yesterday")
    parser.add_argument("--from", dest="begin", metavar="WHEN", help="a day, or a time: '2026-01-31 14:00'")
    parser.add_argument("--to", dest="end", metavar="WHEN", help="the last day, or the time before which it ends (now)")
    parser.add_argument("--utc", action="store_true", help="days and times are those of UTC, not of this machine")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="one row for each hour, event, device, pass and reason")
    form.add_argument("--json", action="store_true", help="the same as one JSON object")
    parser.add_argument("--plot", metavar="FILE.svg", type=Path, help="draw it, too")


def _run(given: argparse.Namespace, settings: Settings) -> None:
    """Print the report.

    Raises:
        RefusedError: there is none.
        RedisError: Redis cannot be reached, or refuses.
    """
    span = span_of(given, datetime.now(UTC))
    if given.plot and not find_spec("matplotlib"):
        raise RefusedError(f"--plot needs Matplotlib: run {sys.executable} -m pip install matplotlib")
    from common.journal import Journal
    from common.redis_client import redis_client

    journal = Journal(redis_client(settings, retries=1, socket_timeout_s=SOCKET_TIMEOUT_S), lambda: None)
    facts = journal.facts()
    if not facts.is_stream:
        raise RefusedError(f"{JOURNAL} is no journal but another type of key: delete it")
    start = EventId(max(0, span.begin_ms - EARLIER_MS), 0)
    gc.disable()  # it would take a third of the time, to find none of the cycles that nothing here makes
    try:
        report = count(journal.since(start, until=facts.last_id), span.begin_ms, span.end_ms)
    finally:
        gc.enable()
    form = as_csv if given.csv else as_json if given.json else as_text
    if given.plot:
        _draw(given.plot, report, span.zone)
    print(form(report, span.zone), end="", flush=True)
    begin = facts.begin_after(span.begin_ms, span.zone)
    if begin:
        print(f"back-office: the journal reaches back only to {begin}", file=sys.stderr)
    if report.unreadable:
        print(f"back-office: messages that cannot be read, and are not counted: {report.unreadable}", file=sys.stderr)


def span_of(given: argparse.Namespace, now: datetime) -> Span:
    """Return what `day`, or `begin` and `end`, and `utc` ask for.

    Raises:
        RefusedError: they contradict each other.
    """
    zone = UTC if given.utc else None
    today = now.astimezone(zone).date()
    if given.day is not None and (given.begin, given.end) != (None, None):
        raise RefusedError("--day goes without --from and --to")
    if given.end is not None and given.begin is None:
        raise RefusedError("--to needs --from")
    if given.begin is None:
        begin, end = _times("--day", "today" if given.day is None else given.day, today, zone)
    else:
        begin, _ = _times("--from", given.begin, today, zone)
        _, end = _times("--to", given.end, today, zone) if given.end is not None else (begin, now.timestamp())
    if begin >= end:
        raise RefusedError("the report would end before it begins")
    return Span(int(begin * 1000), int(end * 1000), zone)


def _times(option: str, text: str, today: date, zone: tzinfo | None) -> tuple[float, float]:
    """Return the Unix times at which a day begins and ends, which some have after 23 or 25 hours; or a time, twice."""
    try:
        try:
            named = {"today": today, "yesterday": today - timedelta(days=1)}
            day = named.get(text) or date.fromisoformat(text)
        except ValueError:
            if option == "--day":
                raise
            moment = datetime.fromisoformat(text)
            at = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
            return at, at
        begin, end = (datetime.combine(each, time(), zone).timestamp() for each in (day, day + timedelta(days=1)))
    except (ValueError, OverflowError) as error:
        or_time = "" if option == "--day" else ", or a time such as '2026-01-31 14:00'"
        raise RefusedError(f"{option}: expected a day such as 2026-01-31, today or yesterday{or_time}") from error
    else:
        return max(0.0, begin), end


def _draw(path: Path, report: Report, zone: tzinfo | None) -> None:
    from back_office.plot import as_svg

    drawing = as_svg(report, zone)
    try:
        path.write_bytes(drawing)
    except OSError as error:
        raise RefusedError(f"--plot: {path}: {error.strerror}") from error
