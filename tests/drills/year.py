"""A year of a station on the year's own clock: rush hours, a leap day, summer time, a clock set back, restarts.

The server's time is that of a file (libfaketime), so its keys expire as the year passes. Of the devices there is what
reaches Redis: their scripts, their numbered requests, their sessions. What they are answered is compared with the rules
of tests/model, and at each month's end all that Redis holds is.
"""

import json
import os
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from back_office import report
from common.events import EventId
from common.journal import Journal
from common.keys import RECEIPT_PREFIX, SPENT_PREFIX
from common.passes import PassType
from common.redis_client import redis_client
from common.request import Request, numbers
from common.scripts import ISSUE, REVERSE, USE, Script
from common.settings import Settings
from simulator.server import Server, find_server
from tests import resp
from tests.drills.drill import Outcome, passes, require, seeded_random
from tests.model import rules
from tests.model.values import Card, Pass, Receipt, Station
from tests.model.values import Request as Asked

ZONE = ZoneInfo("Europe/Zurich")
FIRST_DAY = date(2027, 10, 1)  # of a year with 29 February; summer time ends in its first month
RESTART_ON = 14  # of each month, beside the first
SET_BACK_AT = datetime(2027, 10, 19, 23, tzinfo=ZONE)  # the server's clock, by an hour
SET_RIGHT_AT = datetime(2027, 10, 20, 3, tzinfo=ZONE)
GATES = [f"gate-{number}" for number in range(1, 21)]
TERMINALS = [f"terminal-{number}" for number in range(1, 5)]
COMMUTERS, OTHERS = 900, 400
TICK_S = 1200
TICKS = range(5 * 3, 24 * 3)  # of a day: the station is open from 5 to 24 o'clock
SHIFT_S = 7  # of each tick against the one before, so that nothing is tapped in the second in which it expires
JOURNAL_LENGTH = 100_000
MOST_GROWTH = 1.1  # of memory, from the third month on: by then the journal is as long as it gets
MOST_FAILURES = 20
LIBRARY = "faketime/libfaketimeMT.so.1"

SALES_OF_COMMUTERS = {PassType.TEN_TRIP: 85, PassType.SINGLE_USE: 15}
SALES_OF_OTHERS = {PassType.TWO_HOUR: 40, PassType.SINGLE_USE: 40, PassType.TEN_TRIP: 20}


SCRIPTS = {"sell": ISSUE, "tap": USE, "reverse": REVERSE}
WHATS = {
    "pass-issued": report.SALE,
    "pass-activated": "activated",
    "pass-used": report.ENTRY,
    "pass-denied": report.DENIAL,
    "pass-reversed": report.REVERSED,
    "pass-owed": report.OWED,
}
CHANGES = {  # of the trips that are left
    "pass-issued:TEN_TRIP": 10,
    "pass-issued:SINGLE_USE": 1,
    "pass-used:TEN_TRIP": -1,
    "pass-used:SINGLE_USE": -1,
    "pass-reversed:TEN_TRIP": 1,
    "pass-reversed:SINGLE_USE": 1,
}


class Visit(NamedTuple):
    """A rider who comes through: what is on the card if it was bought today, and how often it is tapped."""

    card: str
    buys: PassType
    taps: int = 1


class Call(NamedTuple):
    """A script to run, when by the server's clock, and what the rules say to it."""

    at: int
    script: Script
    request: Request
    arguments: Sequence[str | int]
    expected: str


def library() -> Path | None:
    """Return libfaketime, if it is installed (Debian: faketime)."""
    return next(Path("/usr/lib").glob(f"*/{LIBRARY}"), None)


def year(_: Path, folder: Path, months: int) -> Outcome:
    """Live through the months; on Valkey, since libfaketime and the allocator of Debian's Redis wait for each other."""
    if not library():
        return Outcome(0, remarks="there is no libfaketime: install it (Debian: apt install faketime)")
    clock = folder / "clock"
    command = folder / "server"
    environment = f"LD_PRELOAD={library()} FAKETIME=% FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1"
    program = shlex.quote(str(find_server("valkey")))
    command.write_text(
        f'#!/bin/sh\nexec env {environment} FAKETIME_FOLLOW_FILE={shlex.quote(str(clock))} {program} "$@"\n'
    )
    command.chmod(0o700)
    clock.touch()
    with Server(command, folder, "--appendonly", "yes", "--appendfsync", "no") as server:
        return _Year(server, clock).live(months)


def visits(day: date, chance: Random) -> Iterator[tuple[int, Visit]]:
    """Yield the visits of a day, each with its tick."""
    is_working_day = day.weekday() < 5
    for number in range(COMMUTERS):
        if chance.random() < (0.85 if is_working_day else 0.15):
            kind = _drawn(chance, SALES_OF_COMMUTERS)
            for hour, spread in ((8, 0.7), (17.5, 0.9)):
                yield _tick(chance.gauss(hour, spread)), Visit(str(10**10 + number), kind)
    for number in range(OTHERS):
        if chance.random() < (0.35 if is_working_day else 0.5):
            kind = _drawn(chance, SALES_OF_OTHERS)
            card = str(2 * 10**10 + 10**6 * day.month + number)  # next month they have another one
            start = chance.uniform(6, 23)
            for after in range(3 if kind is PassType.TWO_HOUR else 1):
                yield _tick(start + after * chance.uniform(0.2, 1.2)), Visit(card, kind, 1 + (chance.random() < 0.02))


def _drawn(chance: Random, weights: dict[PassType, int]) -> PassType:
    return chance.choices([*weights], [*weights.values()])[0]


def _tick(hour: float) -> int:
    return min(max(int(hour * 3600 / TICK_S), TICKS.start), TICKS.stop - 1)


class _Year:
    """The riders, the rules, and the server between them."""

    def __init__(self, server: Server, clock: Path) -> None:
        self._server = server
        self._clock = clock
        self._redis: Any = None  # redis-py's answers have no types
        self._connection: Any = None
        self._hour = datetime.min
        self._now = 0  # Unix time in seconds, by the server's clock
        self._chance = seeded_random()
        self._numbers: dict[str, Iterator[tuple[str, int]]] = {}
        self._cards: defaultdict[str, Card] = defaultdict(Card)
        self._receipts: defaultdict[str, Receipt] = defaultdict(Receipt)
        self._calls: list[Call] = []
        self._unanswered: list[Call] = []
        self._events: Counter[tuple[datetime, str, str, str, str]] = Counter()  # of the month, as a report has them
        self._trips = 0  # that are left, of single trips and ten trips
        self._taps = 0
        self._failures: list[str] = []

    def live(self, months: int) -> Outcome:
        """Live through the months, with restarts of all devices and of the server."""
        sizes = []
        day = FIRST_DAY
        for _ in range(months):
            begin = day
            self._restart()
            while day.month == begin.month:
                if day.day == RESTART_ON:
                    self._live_a_tick(_midnight(day))
                    self._restart()
                self._live_a_day(day)
                day += timedelta(days=1)
            self._live_a_tick(_midnight(day))
            self._compare(_midnight(begin), _midnight(day))
            sizes.append(self._sizes())
        for first, last in zip(sizes[min(2, months - 1)], sizes[-1], strict=True):
            require(last <= first * MOST_GROWTH, f"memory does not grow: {first} bytes, then {last}")
        remarks = f"{self._taps} taps, {last // 2**20} MB in Redis"
        return Outcome(months, len(self._failures), remarks=remarks, failures=self._failures[:MOST_FAILURES])

    def _restart(self) -> None:
        self._server.stop()
        self._server.start()
        self._redis = self._server.client()
        self._connection = self._redis.connection_pool.get_connection()
        for script in (USE, ISSUE, REVERSE):
            self._redis.script_load(script.text)
        self._numbers = {device: numbers() for device in GATES + TERMINALS}
        self._receipts.clear()

    def _live_a_day(self, day: date) -> None:
        of_ticks: defaultdict[int, list[Visit]] = defaultdict(list)
        for tick, visit in visits(day, self._chance):
            of_ticks[tick].append(visit)
        for tick, of_tick in sorted(of_ticks.items()):
            seconds = tick * TICK_S + tick * SHIFT_S % TICK_S
            now = datetime.combine(day, time(seconds // 3600, seconds // 60 % 60, seconds % 60), ZONE)
            self._live_a_tick(now, of_tick)

    def _live_a_tick(self, now: datetime, of_tick: Sequence[Visit] = ()) -> None:
        """Work out what is asked for while the server answers the tick before; then tell it the time, and ask."""
        self._now = int(now.timestamp()) - 3600 * (SET_BACK_AT <= now < SET_RIGHT_AT)
        self._hour = report.hour_of(self._now * 1000 // report.QUARTER_MS, ZONE)
        for visit in of_tick:
            self._serve(visit)
        self._check_answers()
        self._tell_server()
        self._connection.send_packed_command([b"".join(map(_packed, self._calls))])
        self._unanswered, self._calls = self._calls, []

    def _check_answers(self) -> None:
        for call in self._unanswered:
            if (answer := self._connection.read_response()) != call.expected:
                self._failures.append(f"{datetime.fromtimestamp(call.at, ZONE)}: {answer!r} to {call}")

    def _tell_server(self) -> None:
        os.utime(self._clock, (self._now, self._now))
        while self._redis.time()[0] != self._now:  # the server asks for the time at most once a millisecond
            pass

    def _serve(self, visit: Visit) -> None:
        """Let a rider buy a pass, unless there is one or he forgets it, and tap at some gate."""
        card = visit.card
        self._cards[card] = rules.wait(Station(self._now, {card: self._cards[card]}), 0).cards[card]
        if not self._cards[card].held and self._chance.random() < 0.98:
            self._ask("sell", self._chance.choice(TERMINALS), card, visit.buys)
        for _ in range(visit.taps):
            self._taps += 1
            gate, fault = self._chance.choice(GATES), self._chance.random()
            if fault < 0.001:  # the tap arrives after its reversal
                tap = self._ask("reverse", gate, card)
                self._ask("tap", gate, card, request=tap)
                continue
            tap = self._ask("tap", gate, card)
            if fault < 0.003:  # the answer is lost
                self._ask("reverse", gate, card, request=tap)

    def _ask(
        self, kind: str, device: str, card: str, type_: PassType | None = None, request: Request | None = None
    ) -> Request:
        """Note a request that is due, and what the rules say to it."""
        request = request or Request(*next(self._numbers[device]), card)
        session, number, _ = request
        station = Station(self._now, {card: self._cards[card]}, {session: self._receipts[session]})
        station, answer = rules.deliver(station, Asked(kind, session, number, card, type_))
        self._cards[card], self._receipts[session] = station.cards[card], station.receipts[session]
        arguments: list[str | int] = [device, JOURNAL_LENGTH, number]
        if type_:
            arguments.append(json.dumps(type_.new_pass()))
        self._calls.append(Call(self._now, SCRIPTS[kind], request, arguments, answer))
        for event in station.events:
            self._note(event, device, answer)
        return request

    def _note(self, event: str, device: str, answer: str) -> None:
        kind, _, pass_type = event.partition(":")
        if kind == "pass-reversed":
            self._events[self._hour, report.ENTRY, device, pass_type, ""] -= 1
        self._events[self._hour, WHATS[kind], device, pass_type, "" if pass_type else answer] += 1
        self._trips += CHANGES.get(event, 0)

    def _compare(self, begin: datetime, end: datetime) -> None:
        """Compare all that Redis holds at the end of a month with the rules, and forget what is over."""
        present = {
            card: rules.wait(Station(self._now, {card: each}), 0).cards[card] for card, each in self._cards.items()
        }
        self._cards = defaultdict(Card, {card: each for card, each in present.items() if each.held or each.spent})
        held = {card: each.held for card, each in self._cards.items() if each.held}
        found = passes(self._redis)
        require(found == {card: _fields(each) for card, each in held.items()}, "the passes are those of the rules")
        for card, each in held.items():
            left_s = each.ends - self._now if each.ends else -1
            require(self._redis.ttl(card) == left_s, "a two hour pass ends two hours after its first tap")
        trips = sum(each.trips for each in held.values() if each.type is not PassType.TWO_HOUR)
        require(trips == self._trips, "trips sold are used or left")
        spent = {SPENT_PREFIX + card for card, each in self._cards.items() if each.spent}
        require(set(self._redis.scan_iter(SPENT_PREFIX + "*")) == spent, "a used-up pass is kept for an hour")
        receipts = {RECEIPT_PREFIX + session for session in self._receipts}
        require(set(self._redis.scan_iter(RECEIPT_PREFIX + "*")) == receipts, "receipts of former sessions are gone")

        begin_ms, end_ms = (int(each.timestamp() * 1000) for each in (begin, end))
        reader = redis_client(Settings("year", redis_port=self._server.port), retries=0, socket_timeout_s=60)
        entries = Journal(reader, each_batch=lambda: None).since(EventId(begin_ms, 0))
        rows = report.count(entries, begin_ms, end_ms).rows(ZONE)
        counted = {tuple(row)[:5]: row.number for row in rows}
        require(counted == dict(+self._events), "the month's report is what the riders have seen")
        self._events.clear()

    def _sizes(self) -> tuple[int, int]:
        """Return the bytes that this process has in memory (proc(5)), and those in Redis."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE"), self._redis.info("memory")["used_memory"]


def _packed(call: Call) -> bytes:
    keys = call.request.keys
    return resp.command("EVALSHA", call.script.sha, len(keys), *keys, *call.arguments)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE)


def _fields(held: Pass) -> dict[str, str]:
    trips = {"tripsRemaining": str(held.trips)} if held.type is PassType.TEN_TRIP else {}
    return {"passType": held.type, **trips}
