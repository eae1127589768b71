"""Measure everything and print a table: `python -m tests.benchmark [--quick] [--server valkey|redis] [NAME...]`."""

import argparse
import json
import logging
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from simulator.server import find_server
from tests.benchmark import desk, devices, gate, monitor, sales, server, start
from tests.benchmark.row import Row

Measure = Callable[[Path, Path, bool], Iterable[Row]]
MEASUREMENTS: Mapping[str, Measure] = {
    "gate": gate.taps,
    "gate-slow-spi": gate.taps_with_slow_spi,
    "gate-far-redis": gate.taps_with_redis_far_away,
    "riders": gate.riders,
    "sales": sales.practised_sales,
    "holder": sales.holders_taps,
    "wire": sales.wire,
    "idle": devices.idle,
    "pulse": devices.pulses,
    "report": desk.report,
    "start": start.start,
    "script": server.script,
    "passes": server.passes,
    "monitor": monitor.flood,
    "monitor-calm": monitor.calm,
}
LINE = "{:<62}{:>12} {:<6}{:>12}{:>8}  {}"
SIGNS = {True: "reached", False: "not reached", None: ""}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description="Measurements, and their bounds.")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*MEASUREMENTS, []], help=", ".join(MEASUREMENTS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under a minute")
    parser.add_argument("--server", choices=["valkey", "redis"])
    parser.add_argument("--json", type=Path, default=Path("benchmark.json"), metavar="FILE", help="(benchmark.json)")
    options = parser.parse_args()
    logging.disable()  # what the devices' own modules report would stand between the table's rows
    program = find_server(options.server)
    machine = describe_machine(program)
    print(machine)
    print(LINE.format("", "measured", "", "bound", "ratio", ""))
    rows = []
    for name in options.names or MEASUREMENTS:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            for row in MEASUREMENTS[name](program, Path(folder), options.quick):
                rows.append(row)
                print(line(row), flush=True)
    results = [asdict(row) | {"ratio": row.ratio, "is_reached": row.is_reached} for row in rows]
    options.json.write_text(json.dumps({"machine": machine, "at": time.time(), "rows": results}, indent=1) + "\n")


def line(row: Row) -> str:
    bound = "" if row.bound is None else f"{'>=' if row.more_is_better else '<='} {number(row.bound)}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return LINE.format(row.name, number(row.value), row.unit, bound, ratio, SIGNS[row.is_reached]).rstrip()


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def describe_machine(program: Path) -> str:
    models = [each.partition(":")[2].strip() for each in cpu_facts() if each.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {program.name}"


def cpu_facts() -> list[str]:
    facts = Path("/proc/cpuinfo")
    return facts.read_text().splitlines() if facts.exists() else []


if __name__ == "__main__":
    main()
