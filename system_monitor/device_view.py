"""The devices as a table that follows."""

import os
import shutil
import sys
from collections.abc import Hashable
from datetime import tzinfo

from redis.exceptions import RedisError

from common.clock import Clock
from common.device_table import json_lines, summary, table
from common.devices import Devices
from system_monitor.redis_source import RedisSource
from system_monitor.terminal import Terminal

INTERVAL_S = 2.0
TOP, END_OF_LINE, REST = "\x1b[H", "\x1b[K", "\x1b[J"
"""Go to the top left; erase the rest of the line; erase what is below (ECMA-48, 8.3.21, 8.3.41, 8.3.39)."""


class DeviceView:
    """Shows all devices: on a screen the table, over and over; else a line for each device whose state has changed."""

    def __init__(
        self,
        source: RedisSource,
        terminal: Terminal,
        clock: Clock,
        as_json: bool,
        is_screen: bool,
        zone: tzinfo | None = None,
    ) -> None:
        """Create a view; times are shown in the zone, or in the local one."""
        self._source = source
        self._terminal = terminal
        self._clock = clock
        self._as_json = as_json
        self._is_screen = is_screen and not as_json
        self._zone = zone
        self._shown: set[Hashable] = set()

    def follow(self) -> None:
        """Show the devices until an exception ends it; say it once if Redis cannot be reached."""
        told = ""
        while True:
            try:
                self.show()
                told = ""
            except RedisError as error:
                problem = self._source.explain(error)
                if problem != told:
                    told = problem
                    self._terminal.notice(problem)
            self._clock.sleep(INTERVAL_S)

    def show(self) -> None:
        """Show the devices.

        Raises:
            OutputError: the output takes no more.
            RedisError: Redis cannot be reached, or refuses.
        """
        devices = self._source.devices()
        if self._is_screen:
            height = shutil.get_terminal_size().lines - 2
            lines = [summary(devices), *table(devices, self._zone)[:height], ""]
            self._terminal.write(TOP + f"{END_OF_LINE}\n".join(lines) + REST)
        else:
            self._show_changes(devices)

    def _show_changes(self, devices: Devices) -> None:
        heading, *lines = table(devices, self._zone)
        if self._as_json:
            lines = list(json_lines(devices))
        elif not self._shown:
            self._terminal.write(heading + "\n")
        states = [
            *((each.name, each.state, each.problem, each.is_shared) for each in devices.known),
            *devices.malformed,
        ]
        for state, line in zip(states, lines, strict=True):
            if state not in self._shown:
                self._terminal.write(line + "\n")
        self._shown = {*states, None}  # the heading has been shown also if there is no device


def is_screen() -> bool:
    """Return whether the standard output is a terminal on which lines can be rewritten."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
