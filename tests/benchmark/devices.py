"""What an idle device costs, and its pulse."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from itertools import pairwise
from pathlib import Path

from common import scripts
from common.device_table import table
from common.devices import read_devices
from common.pace import LONGEST_S
from common.pulse import INTERVAL_S, Pulse
from common.redis_client import redis_client
from common.rights import TO_USE
from common.service_manager import ServiceManager
from common.settings import PREFIX, Settings
from simulator import virtual_pi
from simulator.fault_proxy import Chunk, FaultProxy
from simulator.server import Server
from simulator.virtual_pi.station import VirtualPi
from tests.benchmark.row import Row
from tests.benchmark.sales import trips
from tests.fake_clock import FakeClock
from tests.processes import Program

DEVICES = 500
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
VIRTUAL_PI = virtual_pi.environment("", {})["PYTHONPATH"].split(os.pathsep)


def idle(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Watch both devices. Their processor time is theirs without that of the emulated hardware, which they run."""
    watched_s = 4 if is_quick else 30
    with Server(program, folder) as server:
        for module in ("entry_gate", "sales_terminal"):
            with VirtualPi() as pi:
                environment = {**pi.environment(), PREFIX + "REDIS_PORT": str(server.port)}
                with Program(module, environment=environment) as device:
                    device.wait_for_error("connected to Redis")
                    time.sleep(1)  # so that its start does not count
                    before = pi.spi_transfers(), pi.emulated_s(), processor_s(device.process.pid)
                    time.sleep(watched_s)
                    after = pi.spi_transfers(), pi.emulated_s(), processor_s(device.process.pid)
                    in_memory_mb = resident_mb(device.process.pid)
            transfers, emulated_s, used_s = (late - early for late, early in zip(after, before, strict=True))
            name = module.replace("_", " ")
            yield Row(f"idle {name}, share of a core", 100 * (used_s - emulated_s) / watched_s, "%", 1.0)
            yield Row(f"idle {name}, with the emulated hardware", 100 * used_s / watched_s, "%")
            yield Row(f"idle {name}, SPI transfers a second", transfers / watched_s, "")
            yield Row(f"idle {name}, resident memory, with the emulated hardware", in_memory_mb, "MB", 38)
    yield Row("resident memory of a program that imports redis alone", _imported_mb("redis"), "MB")
    hardware_mb = _imported_mb("redis, mfrc522") - _imported_mb("redis")
    yield Row("resident memory of mfrc522 and the emulated hardware", hardware_mb, "MB")
    yield Row("an empty look at the reader, register check included, SPI transfers", _empty_look(), "", 10)


def _empty_look() -> int:
    """Return the most SPI transfers that a look takes, of a hundred."""
    sys.path[:0] = VIRTUAL_PI
    board, clock = import_module("simulator.virtual_pi.board").the_board(), FakeClock()
    board.clock = clock
    reader = import_module("common.card_reader").CardReader(import_module("common.mfrc522_driver").Driver(clock), clock)
    counts: list[int] = [board.reader.transfers]
    for _ in range(100):
        reader.poll()
        counts.append(board.reader.transfers)
        clock.sleep(LONGEST_S)
    return max(after - before for before, after in pairwise(counts))


def _imported_mb(modules: str) -> float:
    """Return the resident memory of a program that imports these modules."""
    code = f"import {modules}; print(open('/proc/self/statm').read().split()[1])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(VIRTUAL_PI)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, stdout=subprocess.PIPE)
    return int(done.stdout) * _PAGE_BYTES / 1e6


def resident_mb(process: int) -> float:
    """Return how much of a process is in memory (proc(5))."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE_BYTES / 1e6


def pulses(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Make checks with and without a pulse; then look at 500 devices."""
    checks = 500 if is_quick else 5000
    with Server(program, folder) as server, server.client() as redis:
        clock = FakeClock()
        service_manager = ServiceManager(clock)
        service_manager.report(None)

        def pulse(device: int) -> Pulse:
            return Pulse("entry-gate", Settings(f"gate-{device}", redis_port=server.port), service_manager, clock)

        def check_s(with_pulse: Pulse | None) -> float:
            began_s = time.process_time()
            for _ in range(checks):
                clock.sleep(INTERVAL_S)
                scripts.check(redis, TO_USE, 0, with_pulse)
            return (time.process_time() - began_s) / checks

        gate = pulse(0)
        check_s(gate)
        added_s = statistics.median(check_s(gate) - check_s(None) for _ in range(5))
        yield Row("a pulse, share of a core", 100 * added_s / INTERVAL_S, "%", 0.2)
        before = redis.info("memory")["used_memory"]
        for number in range(1, DEVICES):
            scripts.check(redis, TO_USE, 0, pulse(number))
        yield Row("bytes per device in Redis", (redis.info("memory")["used_memory"] - before) / (DEVICES - 1), "B")
        took = []
        for _ in range(20):
            began_at = time.monotonic()
            table(read_devices(redis))
            took.append(time.monotonic() - began_at)
        yield Row(f"{DEVICES} devices as a table, median", 1000 * statistics.median(took), "ms")
        yield Row(f"{DEVICES} devices, round trips", _round_trips(server.port), "", 1)


def _round_trips(port: int) -> int:
    """Return how many it takes to connect, and to read all devices."""
    chunks: list[Chunk] = []
    with FaultProxy(port) as proxy:
        proxy.listener = chunks.append
        desk = Settings("desk", redis_port=proxy.port)
        with closing(redis_client(desk, retries=0, socket_timeout_s=4.0)) as redis:
            read_devices(redis)
    return trips(chunks)


def processor_s(process: int) -> float:
    """Return the seconds that a process has had a processor, in and out of the kernel (proc(5))."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
