"""The command `report`: counts what the journal has of a day, or of another span."""

import argparse
import gc
import sys
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, TypeAlias

from back_office.report import Report, count
from back_office.report_output import as_csv, as_json, as_text
from common.events import EventId
from common.keys import JOURNAL
from common.settings import Settings

SOCKET_TIMEOUT_S = 4.0
EARLIER_MS = 60_000  # an entry may have got its id that much before its time

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Span(NamedTuple):
    """From one Unix time in ms to before another, and the zone of its days: None for the local one."""

    begin_ms: int
    end_ms: int
    zone: tzinfo | None


def add(commands: _Commands) -> None:
    """Add the command."""
    text = "count entries, sales and denials"
    parser = commands.add_parser(
        "report",
        help=text,
        description=f"C{text[1:]} by hour, device, type of pass and reason; of today, unless you say when.",
        epilog="example: python -m back_office report --day yesterday --plot yesterday.svg",
    )
    parser.add_argument("--day", metavar="D", help="a day: 2026-01-31, today or yesterday")
    parser.add_argument("--from", dest="begin", metavar="WHEN", help="a day, or a time: '2026-01-31 14:00'")
    parser.add_argument("--to", dest="end", metavar="WHEN", help="the last day, or the time before which it ends (now)")
    parser.add_argument("--utc", action="store_true", help="days and times are those of UTC, not of this machine")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="one row for each hour, event, device, pass and reason")
    form.add_argument("--json", action="store_true", help="the same as one JSON object")
    parser.add_argument("--plot", metavar="FILE.svg", type=Path, help="draw it, too")
    parser.set_defaults(run=partial(_run, parser))


def _run(parser: argparse.ArgumentParser, options: argparse.Namespace, settings: Settings) -> None:
    """Print the report.

    Raises:
        RedisError: Redis cannot be reached, or refuses.
    """
    try:
        span = span_of(options, datetime.now(UTC))
    except ValueError as error:
        parser.error(str(error))
    if options.plot and not find_spec("matplotlib"):
        sys.exit(f"back-office: --plot needs Matplotlib: run {sys.executable} -m pip install matplotlib")
    from common.journal import Journal
    from common.redis_client import redis_client

    journal = Journal(redis_client(settings, retries=1, socket_timeout_s=SOCKET_TIMEOUT_S), lambda: None)
    facts = journal.facts()
    if not facts.is_stream:
        sys.exit(f"back-office: {JOURNAL} is no journal but another type of key: delete it")
    start = EventId(max(0, span.begin_ms - EARLIER_MS), 0)
    gc.disable()  # it would take a third of the time, to find none of the cycles that nothing here makes
    try:
        report = count(journal.since(start, until=facts.last_id), span.begin_ms, span.end_ms)
    finally:
        gc.enable()
    form = as_csv if options.csv else as_json if options.json else as_text
    if options.plot:
        _draw(options.plot, report, span.zone)
    print(form(report, span.zone), end="", flush=True)
    begin = facts.begin_after(span.begin_ms, span.zone)
    if begin:
        print(f"back-office: the journal reaches back only to {begin}", file=sys.stderr)
    if report.unreadable:
        print(f"back-office: messages that cannot be read, and are not counted: {report.unreadable}", file=sys.stderr)


def span_of(options: argparse.Namespace, now: datetime) -> Span:
    """Return what `day`, or `begin` and `end`, and `utc` of the options ask for.

    Raises:
        ValueError: they make no sense; the message says why.
    """
    zone = UTC if options.utc else None
    today = now.astimezone(zone).date()
    if options.day is not None and (options.begin, options.end) != (None, None):
        raise ValueError("--day goes without --from and --to")
    if options.end is not None and options.begin is None:
        raise ValueError("--to needs --from")
    if options.begin is None:
        begin, end = _times("--day", "today" if options.day is None else options.day, today, zone)
    else:
        begin, _ = _times("--from", options.begin, today, zone)
        _, end = _times("--to", options.end, today, zone) if options.end is not None else (begin, now.timestamp())
    if begin >= end:
        raise ValueError("the report would end before it begins")
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
        raise ValueError(f"{option}: expected a day such as 2026-01-31, today or yesterday{or_time}") from error
    else:
        return max(0.0, begin), end


def _draw(path: Path, report: Report, zone: tzinfo | None) -> None:
    from back_office.plot import as_svg

    drawing = as_svg(report, zone)
    try:
        path.write_bytes(drawing)
    except OSError as error:
        sys.exit(f"back-office: --plot: {path}: {error.strerror}")
