"""The report as text, CSV or JSON."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo

from back_office.report import DENIAL, ENTRY, SALE, Report, Row
from common.rendering import PASS_NAMES

COLUMNS = {"entries": ENTRY, "sales": SALE, "denials": DENIAL}


def as_text(report: Report, zone: tzinfo | None) -> str:
    """Return the report as tables, for people."""
    rows = report.rows(zone)
    shown = [row for row in rows if row.what in COLUMNS.values()]
    others = Counter[str]()
    for row in rows:
        others[row.what] += row.number
    for what in COLUMNS.values():
        del others[what]
    sold = [row for row in shown if row.what != DENIAL]
    hours = (report.end_ms - report.begin_ms) / 3_600_000
    lines = [
        f"from {_time(report.begin_ms, zone)} to {_time(report.end_ms, zone)}, {hours:g} hours",
        *_table("", ((report.period(row.hour), row) for row in shown), COLUMNS),
        *_table("device", ((row.device or "-", row) for row in shown), COLUMNS),
        *_table("pass", ((PASS_NAMES.get(row.pass_type, row.pass_type), row) for row in sold), ["entries", "sales"]),
        *_table("reason", ((row.reason or "-", row) for row in shown if row.what == DENIAL), ["denials"]),
    ]
    if others:
        lines += ["", "also: " + ", ".join(f"{number} {what}" for what, number in sorted(others.items()))]
    return "\n".join(lines) + "\n"


def _table(head: str, rows: Iterable[tuple[str, Row]], columns: Iterable[str]) -> Iterator[str]:
    """Yield a table of the sums by name, in the order of the rows for what has no head, and with their total."""
    sums: dict[str, Counter[str]] = {}
    for name, row in rows:
        sums.setdefault(name, Counter())[row.what] += row.number
    names = sorted(sums) if head else list(sums)
    if not head:
        sums["total"] = sum(sums.values(), Counter())
        names.append("total")
    if not names:
        return
    width = max(map(len, [head, *names]))
    yield ""
    yield f"{head:{width}}" + "".join(f"  {column:>8}" for column in columns)
    for name in names:
        yield f"{name:{width}}" + "".join(f"  {sums[name][COLUMNS[column]]:8}" for column in columns)


def as_csv(report: Report, zone: tzinfo | None) -> str:
    """Return the rows as comma-separated values (RFC 4180, with the line ends of Unix)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["hour", "event", "device", "pass", "reason", "count"])
    for row in report.rows(zone):
        cells = [row.what, row.device, row.pass_type, row.reason]
        writer.writerow([row.hour.isoformat(" ", "minutes"), *map(_harmless, cells), row.number])
    return text.getvalue()


def _harmless(cell: str) -> str:
    """Return a text that no spreadsheet takes for a formula: anybody who may write events can name a device."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell


def as_json(report: Report, zone: tzinfo | None) -> str:
    """Return the report as one line of JSON."""
    names = ("hour", "event", "device", "pass", "reason", "count")
    rows = [
        dict(zip(names, (row.hour.isoformat(timespec="minutes"), *row[1:]), strict=True)) for row in report.rows(zone)
    ]
    span = {"from": _time(report.begin_ms, zone, "T"), "to": _time(report.end_ms, zone, "T")}
    return json.dumps({**span, "unreadable": report.unreadable, "rows": rows}) + "\n"


def _time(milliseconds: int, zone: tzinfo | None, separator: str = " ") -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone(zone).isoformat(separator, "minutes")
