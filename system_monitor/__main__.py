"""Run the system monitor: `python -m system_monitor`."""

import argparse
import os
import re
import signal
import sys
from collections import Counter
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from common.clock import Clock
from common.daemon import argument_parser, settings_or_exit
from common.events import Event
from common.redis_link import explain
from common.service_manager import ServiceManager
from system_monitor.monitor import Monitor, Selection
from system_monitor.rendering import Renderer, json_line

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Terminal:
    """Shows events on standard output and notices on standard error."""

    def __init__(self, renderer: Renderer, as_json: bool) -> None:
        self.counts: Counter[str] = Counter()
        self._renderer = renderer
        self._as_json = as_json

    def show(self, event: Event) -> None:
        """Write the event's line."""
        self.counts[event.kind] += 1
        sys.stdout.write((json_line(event) if self._as_json else self._renderer.line(event)) + "\n")

    def show_malformed(self, channel: str, reason: str) -> None:
        """Write a line that is no event's, and so not among those of `--json`."""
        self.counts["unreadable"] += 1
        (sys.stderr if self._as_json else sys.stdout).write(self._renderer.malformed(channel, reason) + "\n")

    def notice(self, text: str) -> None:
        """Write a notice, after the events it comes after."""
        self.flush()
        print(f"system-monitor: {text}", file=sys.stderr, flush=True)

    def flush(self) -> None:
        """Pass on what has been written."""
        sys.stdout.flush()

    def summarize(self) -> None:
        """Tell how many events of each kind were shown."""
        kinds = ", ".join(f"{count} {kind.removeprefix('pass-')}" for kind, count in sorted(self.counts.items()))
        total = self.counts.total()
        self.notice(f"{total} {'event' if total == 1 else 'events'} shown{': ' if kinds else ''}{kinds}")


def main() -> None:
    """Parse the options, then show what they ask for."""
    options = _parser().parse_args()
    settings = settings_or_exit("system-monitor")
    terminal = Terminal(Renderer(_is_colored(options.color)), options.json)
    monitor = Monitor(settings, Selection(options.card, options.last, options.since), terminal, ServiceManager(Clock()))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.follow:
            monitor.follow()
        monitor.show_history()
    except KeyboardInterrupt:
        terminal.summarize()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
    except RedisError as error:
        sys.exit(f"system-monitor: {explain(error, settings)}")


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser("system-monitor", "Shows everything that happens in the system, as it happens.")
    parser.add_argument(
        "-n", dest="last", metavar="N", type=_count, default=10, help="begin with the last N events (10)"
    )
    parser.add_argument("--since", metavar="WHEN", type=_milliseconds, help="begin at a time, or 2h (s, m, h, d) ago")
    parser.add_argument("--no-follow", dest="follow", action="store_false", help="end after the events so far")
    parser.add_argument("--card", metavar="NUMBER", help="show one card's events only")
    parser.add_argument("--json", action="store_true", help="one object a line, exactly as published")
    parser.add_argument("--color", choices=["auto", "always", "never"], default="auto")
    return parser


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise argparse.ArgumentTypeError("takes a number of events")
    return int(text)


def _milliseconds(text: str) -> int:
    """Return the Unix time in ms of `2h` ago or of `2026-01-31 14:00`, in the local zone unless it names one."""
    try:
        if ago := re.fullmatch(r"(\d{1,9})([smhd])", text, re.ASCII):
            time = datetime.now().astimezone() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        elif re.fullmatch(r"\d\d:\d\d(:\d\d)?", text, re.ASCII):
            time = datetime.fromisoformat(f"{datetime.now().astimezone():%Y-%m-%d} {text}").astimezone()
        else:
            time = datetime.fromisoformat(text).astimezone()
        return max(0, int(time.timestamp() * 1000))
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError("takes 90s, 30m, 2h, 1d, 14:00 or 2026-01-31 14:00") from error


def _is_colored(choice: str) -> bool:
    if choice == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return choice == "always"


if __name__ == "__main__":
    main()
