"""How long a program takes to start."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from common.settings import PREFIX
from simulator.server import Server
from simulator.virtual_pi.station import VirtualPi
from tests.benchmark.row import Row
from tests.processes import REPOSITORY


def start(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Compare each program's way to its first message to systemd with the import of redis alone, in turns."""
    rounds = 3 if is_quick else 20
    modules = ("entry_gate", "sales_terminal", "system_monitor")
    took: dict[str, list[float]] = {name: [] for name in ("import redis", *modules)}
    with Server(program, folder) as server, VirtualPi() as pi:
        environment = {**pi.environment(), PREFIX + "REDIS_PORT": str(server.port)}
        for _ in range(rounds):
            began_at = time.monotonic()
            subprocess.run([sys.executable, "-c", "import redis"], check=True)
            took["import redis"].append(time.monotonic() - began_at)
            for module in modules:
                took[module].append(until_ready(module, environment, folder))
    alone_s = median(took["import redis"])
    yield Row("import redis alone", 1000 * alone_s, "ms")
    for module in modules:
        name = module.replace("_", " ")
        yield Row(f"start to ready, {name}", 1000 * median(took[module]), "ms")
        yield Row(f"start to ready, {name}, against importing redis", median(took[module]) / alone_s, "x", 1.05)


def until_ready(module: str, environment: dict[str, str], folder: Path) -> float:
    address = folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        began_at = time.monotonic()
        with subprocess.Popen(
            [sys.executable, "-m", module],
            env={**os.environ, **environment, "NOTIFY_SOCKET": str(address)},
            cwd=REPOSITORY,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert systemd.recv(1000).startswith(b"READY=1")
            took_s = time.monotonic() - began_at
            process.kill()
    address.unlink()
    return took_s
