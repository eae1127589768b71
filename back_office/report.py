"""The count of a span of time: what happened, by hour, device, type of pass and reason."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from common.events import Event, EventId
from common.keys import DEVICE_STATUS
from common.text import printable

ENTRY, SALE, DENIAL, REVERSED, OWED, STATUS = "entry", "sale", "denial", "reversed", "owed", "status"
_KINDS = {
    "pass-used": ENTRY,
    "pass-issued": SALE,
    "pass-denied": DENIAL,
    "pass-reversed": REVERSED,
    "pass-owed": OWED,
    **{f"pass-{kind}": kind for kind in ("activated", "blocked", "unblocked", "moved", "credited", "voided")},
    DEVICE_STATUS: STATUS,
}
_UNDOING = {REVERSED, OWED}
LONGEST_BY_HOUR_MS = 2 * 86_400_000  # a longer report has a row a day
QUARTER_MS = 900_000  # hours of all time zones begin at one
LONGEST_CARD = 25  # the digits of a 10-byte UID
REMEMBERED = 10_000  # entries at least, among which the one is found that a reversal takes back


class Key(NamedTuple):
    """What is counted together, by the quarter of an hour since 1970."""

    quarter: int
    what: str
    device: str
    pass_type: str
    reason: str


class Row(NamedTuple):
    """How often something happened in an hour.

    Attributes:
        hour: when it began, with its offset from UTC.
        what: `entry`, `sale`, `denial`, `reversed`, and so on.
        device: where; empty if the events do not say.
        pass_type: the type of pass; empty for a denial.
        reason: that of a denial; empty for anything else.
        number: how often.
    """

    hour: datetime
    what: str
    device: str
    pass_type: str
    reason: str
    number: int


@dataclass(frozen=True)
class Report:
    """What happened from one Unix time in ms to another.

    Attributes:
        counts: how often. An entry that was reversed at its gate, or is owed, is none: the rider saw no green.
        unreadable: the entries of the journal that are no event of this system.
    """

    begin_ms: int
    end_ms: int
    counts: Mapping[Key, int] = field(default_factory=dict)
    unreadable: int = 0

    def rows(self, zone: tzinfo | None) -> list[Row]:
        """Return the counts by the hours of a zone, or the local one, in the order of time."""
        hours: Counter[tuple[datetime, str, str, str, str]] = Counter()
        for (quarter, *what), number in self.counts.items():
            hours[hour_of(quarter, zone), *what] += number  # type: ignore[index]
        return sorted(Row(*key, number) for key, number in hours.items())

    def period(self, hour: datetime) -> str:
        """Return an hour, with its offset from UTC; of a long report the day."""
        is_long = self.end_ms - self.begin_ms > LONGEST_BY_HOUR_MS
        return f"{hour:%Y-%m-%d}" if is_long else hour.isoformat(" ", "minutes")

    def periods(self, zone: tzinfo | None) -> list[str]:
        """Return all periods from the first one that has events to the last."""
        quarters = [key.quarter for key in self.counts]
        every = range(min(quarters, default=0), max(quarters, default=-1) + 1)
        return list(dict.fromkeys(self.period(hour_of(quarter, zone)) for quarter in every))


def hour_of(quarter: int, zone: tzinfo | None) -> datetime:
    """Return the hour, in a zone or the local one, in which this quarter of an hour since 1970 is."""
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=quarter * QUARTER_MS)
    return time.astimezone(zone).replace(minute=0)


def count(entries: Iterable[tuple[EventId, Event | None]], begin_ms: int, end_ms: int) -> Report:
    """Count the events of a span.

    Args:
        entries: those of the journal, oldest first, each with its event, if it has one. Later ones than the span's
            may be among them: they tell which of its entries were reversed.
        begin_ms: the Unix time at which it begins.
        end_ms: that before which it ends.
    """
    counts: Counter[Key] = Counter()
    uses = _Uses()
    what_of = lru_cache(maxsize=1000)(lambda channel: _KINDS.get(channel.partition(":")[0]))
    shown = lru_cache(maxsize=1000)(lambda text: printable(text, 64))
    unreadable = 0
    for id_, event in entries:
        at = event.at if event else id_.milliseconds
        is_within = at is None or begin_ms <= at < end_ms
        what = what_of(event.channel) if event else None
        if event is None or at is None or what is None:
            unreadable += is_within
            continue
        device = shown(event.device or "")
        if what in _UNDOING and (use := uses.pop(event.card, device)):
            counts[use] -= 1
        if not is_within or what == STATUS:
            continue
        if what == DENIAL:
            reason = shown(event.text_of("reason")) if "reason" in event.payload else ""
            key = Key(at // QUARTER_MS, what, device, "", reason)
        else:
            key = Key(at // QUARTER_MS, what, device, shown(event.pass_type), "")
        counts[key] += 1
        if what == ENTRY:
            uses.add(event.card, device, key)
    return Report(begin_ms, end_ms, MappingProxyType(+counts), unreadable)


class _Uses:
    """The newest entry of each card at each device, as long as few others followed."""

    def __init__(self) -> None:
        self._newer: dict[tuple[str, str], Key] = {}
        self._older: dict[tuple[str, str], Key] = {}

    def add(self, card: str, device: str, key: Key) -> None:
        if len(card) <= LONGEST_CARD:
            self._newer[card, device] = key
        if len(self._newer) == REMEMBERED:
            self._newer, self._older = {}, self._newer

    def pop(self, card: str, device: str) -> Key | None:
        newer = self._newer.pop((card, device), None)
        older = self._older.pop((card, device), None)
        return newer or older
