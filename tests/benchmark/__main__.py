"""Measure everything and print a table: `python -m tests.benchmark [--quick] [--server valkey|redis] [NAME...]`."""

import argparse
import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from common.text import printable
from simulator.server import find_server
from tests.benchmark import desk, devices, gate, machine, monitor, picture, sales, server, start
from tests.benchmark.comparison import BadFileError, Run, comparison, read_run
from tests.benchmark.row import HEADING, Row

Measure = Callable[[Path, Path, bool], Iterable[Row]]
MEASUREMENTS: dict[str, Measure] = {
    "gate": gate.taps,
    "gate-7-byte": gate.taps_with_seven_bytes,
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
    "monitor-memory": monitor.memory,
    "monitor-catch-up": monitor.catching_up,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description="Measurements, and their bounds.")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*MEASUREMENTS, []], help=", ".join(MEASUREMENTS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--server", choices=["valkey", "redis"])
    parser.add_argument("--json", type=_new_file, default="benchmark.json", metavar="FILE", help="(benchmark.json)")
    parser.add_argument("--against", type=Path, metavar="FILE", help="compare with a former run's --json file")
    parser.add_argument("--picture", type=_new_file, metavar="FILE.svg", help="draw where the time of a tap goes")
    parser.add_argument(
        "--node-monitor", type=Path, metavar="FOLDER", help="the original's, to compare with: needs Node"
    )
    options = parser.parse_args(arguments)
    measurements = dict(MEASUREMENTS)
    if options.node_monitor:
        measurements["monitor"] = partial(monitor.flood, node_monitor=options.node_monitor)
    names = options.names or list(MEASUREMENTS)
    if options.picture and (missing := [name for name in picture.MEASURED_BY if name not in names]):
        parser.error(f"--picture needs {', '.join(missing)} too")
    try:
        former = read_run(options.against) if options.against else None
    except BadFileError as error:
        parser.exit(2, f"{parser.prog}: --against {printable(options.against)}: {error}\n")
    logging.disable()  # what the devices' own modules report would stand between the table's rows
    program = find_server(options.server)
    facts = {**machine.facts(program), "quick": options.quick}
    print(machine.sentence(facts))
    print(HEADING)
    run = Run(facts, tuple(_measured({name: measurements[name] for name in names}, program, options.quick)))
    rows = [asdict(row) | {"ratio": row.ratio, "is_reached": row.is_reached} for row in run.rows]
    options.json.write_text(json.dumps({"machine": facts, "at": time.time(), "rows": rows}, indent=1) + "\n")
    if options.picture:
        options.picture.write_text(picture.as_svg(picture.bars(run.rows)), encoding="utf-8")
    if former:
        print("", *comparison(run, former), sep="\n")


def _measured(measurements: Mapping[str, Measure], program: Path, is_quick: bool) -> Iterable[Row]:
    for measure in measurements.values():
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            for row in measure(program, Path(folder), is_quick):
                print(row, flush=True)
                yield row


def _new_file(name: str) -> Path:
    if not Path(name).resolve().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{name}: no such folder")
    return Path(name)


if __name__ == "__main__":
    main()
