"""Run the system monitor: `python -m system_monitor`."""

import argparse
import io
import os
import re
import signal
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from common.clock import Clock
from common.daemon import argument_parser, exit_without_package, settings_or_exit
from common.service_manager import ServiceManager
from system_monitor.rendering import COLORED, PLAIN, Renderer
from system_monitor.terminal import Terminal

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the options, then show what they ask for."""
    options = _parser().parse_args(arguments)
    try:
        from redis.exceptions import RedisError

        from system_monitor.monitor import Monitor, Selection
        from system_monitor.redis_source import RedisSource
    except ImportError as error:
        exit_without_package("system-monitor", error)
    source = RedisSource(settings_or_exit("system-monitor"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # an event may have characters that the locale lacks
    style = COLORED if _is_colored(options.color) else PLAIN
    terminal = Terminal(Renderer(style), options.json, sys.stdout, sys.stderr)
    clock = Clock()
    selection = Selection(options.card, options.last, options.since)
    monitor = Monitor(source, selection, terminal, clock, ServiceManager(clock))
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
        sys.exit(f"system-monitor: {source.explain(error)}")


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser("system-monitor", "Shows everything that happens in the system, as it happens.")
    parser.add_argument(
        "-n", dest="last", metavar="N", type=_count, default=10, help="start with the last N events (default: 10)"
    )
    parser.add_argument(
        "--since",
        metavar="WHEN",
        type=partial(milliseconds, now=datetime.now().astimezone()),
        help="start at a time (14:00, 2026-01-31 14:00), or that long ago (90s, 30m, 2h, 1d)",
    )
    parser.add_argument("--no-follow", dest="follow", action="store_false", help="exit after the events so far")
    parser.add_argument("--card", metavar="NUMBER", help="show only this card's events")
    parser.add_argument("--json", action="store_true", help="print each event as a line of JSON, as published")
    parser.add_argument("--color", choices=["auto", "always", "never"], default="auto")
    return parser


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise argparse.ArgumentTypeError("expected a number of events")
    return int(text)


def milliseconds(text: str, now: datetime) -> int:
    """Return the Unix time in ms of `2h` ago, of `14:00` today or of `2026-01-31 14:00`.

    Args:
        text: what was typed; its times are local unless they name their zone.
        now: the time, with its zone.

    Raises:
        argparse.ArgumentTypeError: the text is none of these.
    """
    try:
        if ago := re.fullmatch(r"(\d{1,9})([smhd])", text, re.ASCII):
            time = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        elif re.fullmatch(r"\d\d:\d\d(:\d\d)?", text, re.ASCII):
            time = datetime.fromisoformat(f"{now:%Y-%m-%d} {text}").astimezone()
        else:
            time = datetime.fromisoformat(text).astimezone()
        return max(0, int(time.timestamp() * 1000))
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError("expected 90s, 30m, 2h, 1d, 14:00 or 2026-01-31 14:00") from error


def _is_colored(choice: str) -> bool:
    if choice == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return choice == "always"


if __name__ == "__main__":
    main()
