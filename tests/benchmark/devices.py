"""What an idle device costs."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from common.settings import PREFIX
from simulator.server import Server
from simulator.virtual_pi.station import VirtualPi
from tests.benchmark.row import Row
from tests.processes import Program

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def idle(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Watch both devices, the chip's emulation included."""
    watched_s = 4 if is_quick else 30
    with Server(program, folder) as server:
        for module in ("entry_gate", "sales_terminal"):
            with VirtualPi() as pi:
                environment = {**pi.environment(), PREFIX + "REDIS_PORT": str(server.port)}
                with Program(module, environment=environment) as device:
                    device.wait_for_error("connected to Redis")
                    time.sleep(1)  # so that its start does not count
                    transfers, used_s = pi.spi_transfers(), processor_s(device.process.pid)
                    time.sleep(watched_s)
                    transfers = pi.spi_transfers() - transfers
                    used_s = processor_s(device.process.pid) - used_s
            name = module.replace("_", " ")
            yield Row(f"idle {name}, share of a core", 100 * used_s / watched_s, "%", 1.5)
            yield Row(f"idle {name}, SPI transfers a second", transfers / watched_s, "")


def processor_s(process: int) -> float:
    """Return the seconds that a process has had a processor, in and out of the kernel (proc(5))."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
