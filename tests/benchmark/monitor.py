"""How many events the monitor can follow, and what it costs."""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common.events import EventId
from common.keys import JOURNAL
from common.settings import PREFIX
from simulator.server import Server
from system_monitor.journal_reader import Place
from system_monitor.saved_place import SavedPlace
from tests.benchmark.devices import processor_s
from tests.benchmark.listener import Listener, resident_mb
from tests.benchmark.published import ADD_AND_PUBLISH, PUBLISH, Message, batches, day, single_entries, without_ids
from tests.benchmark.row import Row
from tests.processes import Program

MONITOR = [sys.executable, "-m", "system_monitor"]
MOST_MB = 42
NODE_LINES, NODE_PATTERNS = 1.5, 5
"""What the original's monitor writes for an event of a day: a ten-trip entry has two lines; and its subscriptions."""
BARE_LISTENER = """
import os
from redis import Redis
pubsub = Redis(port=int(os.environ["TRANSIT_PASS_DEMO_REDIS_PORT"]), decode_responses=True, protocol=2).pubsub()
pubsub.psubscribe("pass-*")
while True:
    message = pubsub.get_message(timeout=0)
    if message is None:
        print(end="", flush=True)
        message = pubsub.get_message(timeout=60)
    if message["type"] == "pmessage":
        print(message["data"])
"""


def flood(program: Path, folder: Path, is_quick: bool, node_monitor: Path | None = None) -> Iterator[Row]:
    """Publish as fast as the listener can take, events that are in no journal.

    Compare with a loop that only writes what redis-py returns, and with the original's monitor in a folder.
    """
    events = 20_000 if is_quick else 300_000
    with Server(program, folder) as server:
        mixes = {"a day's events": day(server), "single entries": single_entries(server)}

        def rate(command: Sequence[str], messages: Sequence[Message]) -> float:
            with Listener(command, server, folder) as listener:
                took_s = listener.follow(messages, events)
                assert listener.lines == events + 1
            return events / took_s

        floor = rate([sys.executable, "-c", BARE_LISTENER], mixes["a day's events"])
        yield Row("redis-py's own loop, events a second", floor, "", more_is_better=True)
        rates = {}
        for mix, messages in mixes.items():
            rates[mix] = rate(MONITOR, messages)
            yield Row(f"monitor, {mix} a second, none lost", rates[mix], "", floor, more_is_better=True)
        rates["json"] = rate([*MONITOR, "--json"], mixes["a day's events"])
        yield Row("monitor --json, a day's events a second, none lost", rates["json"], "", floor, more_is_better=True)
        if node_monitor is None or not (node := shutil.which("node")):
            return
        for (mix, messages), lines, bound in zip(mixes.items(), (NODE_LINES, 1), (1.8, 1.2), strict=True):
            with Listener([node, "server.js"], server, folder, node_monitor, NODE_PATTERNS) as listener:
                node_rate = events / listener.follow(messages, events)
                assert listener.lines == events * lines + 1
            yield Row(f"the original's monitor, {mix} a second", node_rate, "", more_is_better=True)
            yield Row(f"monitor against the original's, {mix}", rates[mix] / node_rate, "x", bound, more_is_better=True)


def calm(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Publish 100 events a second, which are in the journal or not."""
    seconds = 3 if is_quick else 20
    with Server(program, folder) as server, server.client() as redis:
        messages = day(server)
        for where, script, texts in (
            ("in the journal", ADD_AND_PUBLISH, without_ids(messages)),
            ("in no journal", PUBLISH, messages),
        ):
            redis.flushdb()
            publish = redis.register_script(script)
            with Listener(MONITOR, server, folder) as listener:
                time.sleep(1)  # so that its start does not count
                used_s, began_at = processor_s(listener.pid), time.monotonic()
                for number, arguments in enumerate(batches(texts, 100 * seconds, at_once=1)):
                    publish(args=arguments)
                    time.sleep(max(0, began_at + (number + 1) / 100 - time.monotonic()))
                used_s = processor_s(listener.pid) - used_s
            share = 100 * used_s / seconds
            yield Row(f"monitor at 100 events a second, {where}, share of a core", share, "%", 1.5)


def memory(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Follow a million events of the journal."""
    with Server(program, folder) as server:
        messages, followed = without_ids(day(server)), 0
        with Listener(MONITOR, server, folder) as listener:
            for events in (10_000, 50_000) if is_quick else (100_000, 1_000_000):
                listener.follow(messages, events - followed, ADD_AND_PUBLISH)
                followed = events
                yield Row(f"monitor, resident memory after {events:,} events", resident_mb(listener.pid), "MB", MOST_MB)


def catching_up(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Start a monitor that has missed 100,000 entries; its start counts."""
    entries = 10_000 if is_quick else 100_000
    with Server(program, folder) as server, server.client() as redis:
        publish = redis.register_script(ADD_AND_PUBLISH)
        for arguments in batches(without_ids(day(server)), entries + 1):
            publish(args=arguments)
        oldest: Any = redis.xrange(JOURNAL, count=1)
        length: Any = redis.xlen(JOURNAL)
        SavedPlace(str(folder)).write(Place(EventId.parse(oldest[0][0]), entries + 2 - length))
        variables = {PREFIX + "REDIS_PORT": str(server.port), "STATE_DIRECTORY": str(folder)}
        began_at = time.monotonic()
        with Program("system_monitor", environment=variables) as monitor:
            monitor.wait_for_error(f"{length - 1} events recovered")
            took_s = time.monotonic() - began_at
            used_mb = resident_mb(monitor.process.pid)
            assert len(monitor.output) >= length - 1
    yield Row(f"catching up with {entries:,} entries, from the monitor's start", took_s, "s", 2.5)
    yield Row(f"resident memory after {entries:,} entries", used_mb, "MB", MOST_MB)
