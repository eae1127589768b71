"""Run drills and print what they show: `python -m tests.drills [--long] [--server valkey|redis] [NAME...]`."""

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

from simulator.server import find_server
from tests.drills.all_drills import DRILLS, run_drill
from tests.drills.history import keep
from tests.drills.table import record, tables

ROW = "{:<28}{:>8}{:>8}{:>9}{:>18}{:>10}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description="Faults by the hundred, and a table.")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*DRILLS, []], help=", ".join(DRILLS))
    parser.add_argument("--server", choices=["valkey", "redis"])
    parser.add_argument(
        "--long", action="store_true", help="as many rounds as show enough; those with 500 take minutes"
    )
    parser.add_argument("--times", type=float, default=1, help="multiply the number of rounds (1)")
    parser.add_argument("--record", action="store_true", help="keep what is shown, for --table")
    parser.add_argument("--table", action="store_true", help="print what was kept, in Markdown, and run nothing")
    history = "add what was asked and answered, in JSON lines; draw what has no legal order into FILE.NAME.svg"
    parser.add_argument("--history", type=Path, metavar="FILE", help=history)
    options = parser.parse_args()
    if options.table:
        print(*tables(), sep="\n")
        return
    logging.disable()  # what the devices' own modules report would stand between the table's rows
    program = find_server(options.server)
    print(ROW.format("drill", "rounds", "lost", "doubled", "longest outage", "took"))
    is_broken = False
    for name in options.names or DRILLS:
        drill = DRILLS[name]
        rounds = max(1, round((drill.long if options.long else drill.short) * options.times))
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="drill-") as folder:
            outcome = run_drill(name, program, Path(folder), rounds)
            if options.history:
                keep(name, Path(folder), options.history)
            if options.record:
                record(name, outcome)
        took_s = time.monotonic() - start
        outage = f"{outcome.longest_outage_s:.3f} s" if outcome.longest_outage_s else "-"
        row = ROW.format(name, outcome.rounds, outcome.lost, outcome.doubled, outage, f"{took_s:.0f} s")
        print(f"{row}  {outcome.remarks}".rstrip(), *outcome.failures, sep="\n", flush=True)
        is_broken |= bool(outcome.failures)
    sys.exit(is_broken)


if __name__ == "__main__":
    main()
