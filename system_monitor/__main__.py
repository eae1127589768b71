"""Run the system monitor: `python -m system_monitor`."""

import gc
import io
import os
import socket
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TextIO

from common.clock import Clock
from common.daemon import exit_without_output, exit_without_package, settings_or_exit
from common.rendering import COLORED, PLAIN, Renderer
from common.service_manager import ServiceManager
from common.text import takes_colours
from system_monitor.options import read_options
from system_monitor.stats import StatsTerminal
from system_monitor.stopping import Stopping
from system_monitor.terminal import JSON_ESCAPES, OutputError, Terminal


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, then show what they ask for."""
    options = read_options(arguments)
    try:
        from redis.exceptions import RedisError

        from system_monitor.device_view import DeviceView, is_screen
        from system_monitor.device_watch import DeviceWatch
        from system_monitor.history import Selection
        from system_monitor.monitor import Monitor
        from system_monitor.redis_source import RedisSource
        from system_monitor.saved_place import SavedPlace
    except ImportError as error:
        exit_without_package("system-monitor", error)
    settings = settings_or_exit("system-monitor")
    if sys.stdout is None:
        sys.exit("system-monitor: the standard output is closed")
    if isinstance(sys.stdout, io.TextIOWrapper):  # an event may have characters that the locale lacks
        sys.stdout.reconfigure(errors=JSON_ESCAPES if options.json else "backslashreplace")
    terminal = _terminal(options, sys.stdout, sys.stderr or io.StringIO())
    clock = Clock()
    service_manager = ServiceManager(clock)
    source = RedisSource(settings, each_batch=partial(service_manager.report, None))
    stopping = Stopping()
    place = SavedPlace(os.environ.get("STATE_DIRECTORY"))
    selection = Selection(
        options.card,
        options.last,
        options.since,
        options.until,
        frozenset(options.device),
        frozenset(options.kind),
        options.zone,
    )
    own_name = f"system-monitor-{socket.gethostname()}"  # not the setting, which may be that of a gate on this Pi
    devices = DeviceWatch(source, terminal.notice, own_name if service_manager.is_there else None)
    monitor = Monitor(source, selection, terminal, clock, service_manager, place, stopping, devices)
    stopping.listen()
    gc.set_threshold(10_000)  # a batch of events is that many objects, none of which needs the collector
    try:
        if options.devices:
            view = DeviceView(source, terminal, clock, options.json, is_screen(), options.zone)
            with suppress(KeyboardInterrupt):
                (view.follow if options.follow else view.show)()
            return
        try:
            (monitor.follow if options.follow else monitor.show_history)()
            terminal.finish()
        except KeyboardInterrupt:
            monitor.flush()
            terminal.finish()
            terminal.summarize()
            devices.stop()
    except OutputError as error:
        exit_without_output("system-monitor", error.__cause__)
    except RedisError as error:
        sys.exit(f"system-monitor: {source.explain(error)}")


def _terminal(options: Namespace, output: TextIO, errors: TextIO) -> Terminal:
    renderer = Renderer(COLORED if _is_colored(options.color) else PLAIN, zone=options.zone)
    if options.stats:
        return StatsTerminal(renderer, output, errors, options.follow, options.zone)
    return Terminal(renderer, options.json, output, errors)


def _is_colored(choice: str) -> bool:
    return takes_colours() if choice == "auto" else choice == "always"


if __name__ == "__main__":
    main()
