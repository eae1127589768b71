"""What it costs to count a day."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from statistics import median

from common.keys import JOURNAL
from common.passes import PassType
from common.settings import PREFIX
from simulator.server import Server
from tests.benchmark.row import Row
from tests.processes import REPOSITORY

EVENTS = 100_000
DIFFERENT = 2000
DEVICES = 50
FILL = """
for _ = 1, tonumber(ARGV[1]) do
  for each = 2, #ARGV, 2 do
    redis.call('XADD', KEYS[1], '*', 'channel', ARGV[each], 'payload', ARGV[each + 1])
  end
end
"""
REPORT = """
import sys, time
from back_office.__main__ import main
main(["report", "--from", "1970-01-01"])
(peak,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(time.process_time(), peak, file=sys.stderr)
"""


def report(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Count a journal of seven entries to two denials and one sale."""
    used = []
    with Server(program, folder) as server, server.client(socket_timeout=60) as redis:
        now_ms = int(time.time() * 1000)
        events = [_event(number, now_ms) for number in range(DIFFERENT)]
        redis.eval(FILL, 1, JOURNAL, EVENTS // DIFFERENT, *chain(*events))
        for _ in range(1 if is_quick else 5):
            done = subprocess.run(
                [sys.executable, "-c", REPORT],
                cwd=REPOSITORY,
                env={**os.environ, PREFIX + "REDIS_PORT": str(server.port)},
                capture_output=True,
                check=True,
                text=True,
            )
            assert f" {EVENTS * 7 // 10} " in done.stdout
            used.append([float(each) for each in done.stderr.split()])
    seconds, kibibytes = zip(*used, strict=True)
    yield Row(f"report over {EVENTS:,} events, processor", median(seconds), "s", 3)
    yield Row(f"report over {EVENTS:,} events, memory", max(kibibytes) * 1024 / 1e6, "MB", 100)


def _event(number: int, now_ms: int) -> tuple[str, str]:
    """Return a channel and what is published there."""
    kinds = [("pass-used", {"remainingTrips": 7})] * 7 + [("pass-denied", {"reason": "no-pass"})] * 2
    kind, more = [*kinds, ("pass-issued", {})][number % 10]
    pass_ = {"passType": PassType.TEN_TRIP, "tripsRemaining": "8"}
    event = {
        "cardSerialNumber": str(43405556992 + number),
        "device": f"gate-{number % DEVICES}",
        "at": now_ms - number,
        **({} if kind == "pass-denied" else {"pass": pass_}),
        **more,
    }
    return kind if kind == "pass-denied" else f"{kind}:TEN_TRIP", json.dumps(event, separators=(",", ":"))
