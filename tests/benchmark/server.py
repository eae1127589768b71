"""What a tap costs the server: the script against its own commands, and passes by the million."""

import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from operator import truediv
from pathlib import Path
from statistics import median
from typing import Any

from common.keys import JOURNAL
from common.pass_store import PassStore
from common.request import Request
from common.rights import TO_USE
from common.scripts import USE
from common.settings import Settings
from simulator.server import Server
from tests.benchmark.row import Row
from tests.resp import command

CARDS = 1000
GATES = 1000
CALLS = 2000  # in a round; no card has more trips than its pass
PAYLOAD = (
    '{"cardSerialNumber":"43405556992","device":"gate-1","id":"1795537359037-0",'
    '"pass":{"tripsRemaining":"10","passType":"TEN_TRIP"},"remainingTrips":9,"at":1795537359037}'
)
FILL = """
for card = ARGV[1], ARGV[2] do
  redis.call('HSET', string.format('%.0f', 43405556992 + card), 'passType', 'TEN_TRIP', 'tripsRemaining', '10')
end
"""
FILLED_AT_ONCE = 10_000
BARE_IN_LUA = """#!lua
redis.call('GET', KEYS[2]) redis.call('HGETALL', KEYS[1]) redis.call('TIME')
redis.call('XADD', KEYS[3], 'MAXLEN', '~', '100000', '*', 'channel', 'pass-used:TEN_TRIP', 'payload', ARGV[1])
redis.call('PUBLISH', 'pass-used:TEN_TRIP', ARGV[1]) redis.call('HINCRBY', KEYS[1], 'tripsRemaining', '-1')
redis.call('SETEX', KEYS[2], '604800', ARGV[2]) return 'granted'
"""
SCRIPT, BARE_SCRIPT, PIPELINE = "use script", "its commands in a bare script", "its commands in a bare pipeline"


def script(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Compare the script of a tap with the same commands in a bare pipeline, and in a script that does nothing else.

    That script begins with `#!lua`, as a tap's must, and gives each command the arguments that the tap does: what is
    left between the two is reading, deciding, rights and JSON. The kinds take turns in short rounds, and the medians of
    the rounds' ratios count, so that a busy machine slows them all alike. What is compared is the time on the server's
    processor, of which it uses one: calls a second also depend on who sends them.
    """
    with Server(program, folder) as server, server.client() as redis:
        use, bare = redis.script_load(USE.text), redis.script_load(BARE_IN_LUA)
        kinds: dict[str, tuple[Callable[[int], bytes], bytes]] = {
            SCRIPT: (lambda number: _use(use, number), b"granted\r\n"),
            BARE_SCRIPT: (lambda number: _bare_script(bare, number), b"granted\r\n"),
            PIPELINE: (_bare_pipeline, b"+OK\r\n"),
            "PING": (lambda _: command("PING"), b"+PONG\r\n"),
        }
        requests = {name: [request(number) for number in range(CALLS)] for name, (request, _) in kinds.items()}
        for connections in (1, 50):
            took_s: dict[str, list[float]] = {name: [] for name in kinds}
            used_s: dict[str, list[float]] = {name: [] for name in kinds}
            for _ in range(5 if is_quick else 25):
                for name, (_, ending) in kinds.items():
                    redis.flushdb()
                    redis.eval(FILL, 0, 0, CARDS - 1)
                    before_s = _processor_s(redis)
                    took_s[name].append(exchange(server.port, connections, requests[name], ending))
                    used_s[name].append(_processor_s(redis) - before_s)
            for name in kinds:
                rate = CALLS / median(took_s[name])
                yield Row(f"{name}, calls a second, {connections} connections", rate, "", more_is_better=True)
                yield Row(f"{name}, processor, {connections} connections", 1e6 * median(used_s[name]) / CALLS, "us")
            for name, floor, goal in (
                ("use script against its commands in a bare script", BARE_SCRIPT, 0.8),
                ("use script against its commands in a bare pipeline", PIPELINE, 0.6),
            ):
                ratio = median(map(truediv, used_s[floor], used_s[SCRIPT]))
                bound = goal if connections > 1 else None
                yield Row(f"{name}, {connections} connections", ratio, "x", bound, more_is_better=True)


def _processor_s(redis: Any) -> float:  # redis-py's answers have no types
    """Return the seconds that the server has had a processor, in and out of the kernel."""
    used = redis.info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])


def _request(number: int) -> Request:
    """Return a tap at one of many gates."""
    return Request(f"{number % GATES:016x}", number // GATES + 1, str(43405556992 + number % CARDS))


def _receipt(request: Request) -> str:
    return f"{request.number} {request.card} granted TEN_TRIP"


def _use(sha: str, number: int) -> bytes:
    request = _request(number)
    return command("EVALSHA", sha, 4, *request.keys, "gate-1", 100_000, request.number)


def _bare_script(sha: str, number: int) -> bytes:
    request = _request(number)
    return command("EVALSHA", sha, 4, *request.keys, PAYLOAD, _receipt(request))


def _bare_pipeline(number: int) -> bytes:
    request = _request(number)
    card, receipt, journal, _ = request.keys
    entry = ("channel", "pass-used:TEN_TRIP", "payload", PAYLOAD)
    return b"".join(
        [
            command("GET", receipt),
            command("HGETALL", card),
            command("TIME"),
            command("XADD", journal, "MAXLEN", "~", 100_000, "*", *entry),
            command("PUBLISH", "pass-used:TEN_TRIP", PAYLOAD),
            command("HINCRBY", card, "tripsRemaining", -1),
            command("SETEX", receipt, 604_800, _receipt(request)),
        ]
    )


def exchange(port: int, connections: int, requests: Sequence[bytes], ending: bytes) -> float:
    """Send all requests, one at a time on each connection; return the seconds until all answers are there.

    Args:
        port: the server's.
        connections: how many there are.
        requests: what is sent; each may be several commands.
        ending: what each answer ends with. A client library would cost more than the server does.
    """
    left, answers = iter(requests), 0
    received: dict[Any, bytes] = {}
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ)
            received[connection] = b""
        began_at = time.monotonic()
        for connection, request in zip(received, islice(left, connections), strict=False):
            connection.sendall(request)
        while answers < len(requests):
            for key, _ in selector.select():
                ready: Any = key.fileobj
                received[ready] += ready.recv(65536)
                if received[ready].endswith(ending):
                    received[ready] = b""
                    answers += 1
                    for request in islice(left, 1):
                        ready.sendall(request)
        took_s = time.monotonic() - began_at
        for connection in received:
            connection.close()
    return took_s


def passes(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Fill the server with ten trip passes; what they take, and whether a tap notices."""
    numbers = (1000, 100_000) if is_quick else (1000, 100_000, 1_000_000)
    with Server(program, folder) as server, server.client(socket_timeout=60) as redis:
        empty = redis.info("memory")["used_memory"]
        latencies: dict[int, float] = {}
        filled = 0
        with closing(PassStore(Settings("gate", redis_port=server.port), TO_USE)) as store:
            for number in numbers:
                for first in range(filled, number, FILLED_AT_ONCE):
                    redis.eval(FILL, 0, first, min(first + FILLED_AT_ONCE, number) - 1)
                filled = number
                per_pass = (redis.info("memory")["used_memory"] - empty) / number
                yield Row(f"bytes per pass in Redis, of {number:,}", per_pass, "B")
                latencies[number] = _median_tap_s(store, number, 200 if is_quick else 3000)
                redis.delete(JOURNAL)
                yield Row(f"a tap's round trip with {number:,} passes, median", 1e6 * latencies[number], "us")
        most = numbers[-1]
        yield Row(f"latency with {most:,} passes against 1,000", latencies[most] / latencies[1000], "x", 1.1)
        yield Row("bytes per journal entry in Redis", _bytes_per_entry(redis), "B")


def _median_tap_s(store: PassStore, number: int, taps: int) -> float:
    """Tap cards spread over all that there are."""
    took = []
    step = max(1, number // taps)
    for tap in range(taps + 100):
        card = str(43405556992 + tap * step % number)
        began_at = time.monotonic()
        store.use(card)
        took.append(time.monotonic() - began_at)
    return median(took[100:])


def _bytes_per_entry(redis: Any) -> float:  # redis-py's answers have no types
    before, entries = redis.info("memory")["used_memory"], 10_000
    for number in range(entries):
        redis.xadd(JOURNAL, {"channel": "pass-used:TEN_TRIP", "payload": PAYLOAD.replace("9037", f"{number:04}")})
    return float((redis.info("memory")["used_memory"] - before) / entries)
