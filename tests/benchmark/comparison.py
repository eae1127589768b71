"""A run against a former one."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.text import printable
from tests.benchmark.row import Row, number

_MISSING = object()


class BadFileError(ValueError):
    """A file has no run; the message says why."""


@dataclass(frozen=True)
class Run:
    """What `--json` keeps: on what a run was made, and its rows."""

    facts: Mapping[str, object]
    rows: tuple[Row, ...]


def read_run(file: Path) -> Run:
    """Return the run that a former benchmark wrote.

    Raises:
        BadFileError: there is none in this file.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadFileError(error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise BadFileError("not JSON") from error
    rows = content.get("rows") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows:
        raise BadFileError("no rows: name a file that the benchmark wrote by --json")
    facts = content.get("machine")
    return Run(facts if isinstance(facts, dict) else {}, tuple(map(_row, rows)))


def _row(fields: Any) -> Row:
    match fields:
        case {"name": str(name), "unit": str(unit), "value": int() | float() as value} if (
            math.isfinite(value) and value >= 0
        ):
            return Row(name, value, unit, more_is_better=fields.get("more_is_better") is True)
    raise BadFileError(f"not a row: {printable(fields, 60)}")


def gain(new: Row, old: Row) -> float:
    """Return how much better the new value is: 2 is twice as good and 0.5 half as good, whichever way is better."""
    good, bad = (new.value, old.value) if new.more_is_better else (old.value, new.value)
    if good == bad:
        return 1.0
    return good / bad if bad else math.inf


def comparison(new: Run, old: Run) -> Iterator[str]:
    """Return lines: the rows of both, the worst first; then the rows of one alone, and what else is not the same."""
    news, olds = _by_name(new.rows), _by_name(old.rows)
    both = sorted((gain(news[key], olds[key]), key) for key in news.keys() & olds.keys())
    yield "against the former run; less than 1 is worse, more is better:"
    for ratio, key in both:
        row = news[key]
        yield f"{ratio:6.2f}  {row.name.strip()}: {number(olds[key].value)} -> {number(row.value)} {row.unit}".rstrip()
    yield from _named("only in this run", (row for key, row in news.items() if key not in olds))
    yield from _named("only in the former", (row for key, row in olds.items() if key not in news))
    for name in sorted(new.facts.keys() | old.facts.keys()):
        was, is_ = old.facts.get(name, _MISSING), new.facts.get(name, _MISSING)
        if was != is_ and _MISSING not in {was, is_}:
            yield f"not the same {printable(name)}: {printable(was)} -> {printable(is_)}"


def _by_name(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    """Return the rows by name and unit: milliseconds are not compared with seconds."""
    return {(row.name, row.unit): row for row in rows}


def _named(title: str, rows: Iterable[Row]) -> Iterator[str]:
    yield from (f"{title}: {printable(row.name.strip())}" for row in rows)
