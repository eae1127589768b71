"""How many events the monitor can follow, and what it costs."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from redis import Redis

from common.settings import PREFIX
from simulator.server import Server
from tests.benchmark.devices import processor_s
from tests.benchmark.row import Row
from tests.benchmark.server import PAYLOAD
from tests.processes import REPOSITORY, wait_for

BATCH = 5000
MOST_WAITING = 4_000_000  # bytes; the server disconnects a subscriber at 8 MB (client-output-buffer-limit)
PUBLISH = "for i = 1, tonumber(ARGV[1]) do redis.call('PUBLISH', 'pass-used:TEN_TRIP', ARGV[2]) end"
BARE_LISTENER = """
import sys
from redis import Redis
pubsub = Redis(port=int(sys.argv[1]), decode_responses=True, protocol=2).pubsub()
pubsub.psubscribe("pass-*")
while True:
    message = pubsub.get_message(timeout=0)
    if message is None:
        sys.stdout.flush()
        message = pubsub.get_message(timeout=60)
    if message["type"] == "pmessage":
        sys.stdout.write(message["data"] + "\\n")
"""


def flood(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Publish as fast as the listener can take; compare with a loop that only writes what redis-py returns."""
    events = 20_000 if is_quick else 300_000
    with Server(program, folder) as server, server.client() as redis:
        floor = _events_per_s([sys.executable, "-c", BARE_LISTENER, str(server.port)], server, redis, folder, events)
        yield Row("redis-py's own floor, events a second", floor, "", more_is_better=True)
        bound = min(60_000, floor)
        for name, options in (("monitor", []), ("monitor --json", ["--json"])):
            command = [sys.executable, "-m", "system_monitor", *options]
            rate = _events_per_s(command, server, redis, folder, events)
            yield Row(f"{name}, events a second, none lost", rate, "", bound, more_is_better=True)


def calm(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Publish 100 events a second."""
    seconds = 3 if is_quick else 20
    with (
        Server(program, folder) as server,
        server.client() as redis,
        _listener([sys.executable, "-m", "system_monitor"], server, folder) as process,
    ):
        wait_for(redis.pubsub_numpat)
        used_s, began_at = processor_s(process.pid), time.monotonic()
        for number in range(100 * seconds):
            redis.publish("pass-used:TEN_TRIP", PAYLOAD)
            time.sleep(max(0, began_at + (number + 1) / 100 - time.monotonic()))
        used_s = processor_s(process.pid) - used_s
        process.kill()
    yield Row("monitor at 100 events a second, share of a core", 100 * used_s / seconds, "%")


def _events_per_s(command: list[str], server: Server, redis: Redis, folder: Path, events: int) -> float:
    """Return how many events a listener has written in a second; all of them must be there."""
    with _listener(command, server, folder) as process:
        wait_for(redis.pubsub_numpat)
        began_at = time.monotonic()
        for _ in range(0, events, BATCH):
            redis.eval(PUBLISH, 0, BATCH, PAYLOAD)
            wait_for(lambda: _waiting_bytes(redis) < MOST_WAITING, 60)
        wait_for(lambda: not _waiting_bytes(redis), 60)
        redis.publish("pass-denied", PAYLOAD.replace("43405556992", "last"))
        output = folder / "output"
        wait_for(lambda: b"last" in _end_of(output), 60)
        took_s = time.monotonic() - began_at
        process.kill()
    assert output.read_bytes().count(b"\n") == events + 1
    wait_for(lambda: redis.pubsub_numpat() == 0)
    return events / took_s


def _listener(command: list[str], server: Server, folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, PREFIX + "REDIS_PORT": str(server.port), "PYTHONUNBUFFERED": ""}
    with (folder / "output").open("wb") as output:
        return subprocess.Popen(command, env=environment, cwd=REPOSITORY, stdout=output, stderr=subprocess.DEVNULL)


def _waiting_bytes(redis: Redis) -> int:
    clients = redis.client_list(_type="pubsub")
    return sum(int(client["omem"]) for client in clients)


def _end_of(file: Path) -> bytes:
    with file.open("rb") as content:
        content.seek(max(0, file.stat().st_size - 500))
        return content.read()
