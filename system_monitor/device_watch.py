"""Watching the devices: which are silent, and which are back; and this monitor's own row among theirs."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress

from redis.exceptions import NoPermissionError, RedisError, ResponseError

from common.daemon import version
from common.devices import SILENT_MS, Device, State
from common.keys import DEVICES
from common.text import printable
from system_monitor.redis_source import RedisSource

TO_PULSE: Sequence[tuple[str, ...]] = (("HSET", DEVICES, "", ""),)
"""The commands that the monitor needs for its own row."""

_UNITS = (86_400, "days"), (3600, "h"), (60, "min")


class DeviceWatch:
    """Looks at the devices' rows, and writes the monitor's own in the same round trip.

    Its row is a plain one, without an event: a monitor has no right to run scripts or to add to the journal.
    """

    def __init__(self, source: RedisSource, notice: Callable[[str], None], own_name: str | None) -> None:
        """Create a watch.

        Args:
            source: where the rows are.
            notice: tells an operator what has changed.
            own_name: the name of the monitor's row; None if it has none.
        """
        self._source = source
        self._notice = notice
        self._own_name = own_name
        self._version = version()
        self._may_look = True
        self._may_tell = True
        self._began_ms: int | None = None
        self._now_ms = 0
        self._silent: set[str] = set()
        self._told = ""

    def begin(self) -> None:
        """Begin with a new connection. If it was the server that was away, the devices need time to come back, too."""
        self._began_ms = None
        self._may_look = self._may_tell = True

    def look(self) -> None:
        """Tell which devices have become silent, and which are back.

        Raises:
            RedisError: Redis cannot be reached. A refusal is told once, and changes nothing else.
        """
        if not self._may_look:
            return
        row = self._own_row(State.IN_SERVICE)
        try:
            found = self._source.devices(row)
        except ResponseError as error:
            if isinstance(error, NoPermissionError):  # the server logs each that it refuses
                self._may_look, self._may_tell = row is not None, False
            if str(error) != self._told:
                self._told = str(error)
                reason = self._source.explain(error)
                self._notice(f"the devices cannot be watched, or this monitor not be seen: {reason}")
            return
        self._now_ms = found.now_ms
        if self._began_ms is None:
            self._began_ms = found.now_ms
        may_be_silent = found.now_ms - self._began_ms > SILENT_MS
        for device in found.known:
            self._compare(device, may_be_silent)
        self._silent &= {device.name for device in found.known}

    def stop(self) -> None:
        """Tell that this monitor is stopped, if it has told that it runs and Redis answers."""
        row = self._own_row(State.STOPPED)
        if row:
            with suppress(RedisError):
                self._source.devices(row)

    def _own_row(self, state: State) -> tuple[str, str] | None:
        """Return its name and its row, whose time is that of the last look; None at the first."""
        if self._own_name is None or self._began_ms is None or not self._may_tell:
            return None
        since_ms = self._began_ms if state is State.IN_SERVICE else self._now_ms
        times = {"since": since_ms, "at": self._now_ms}
        row = {"program": "system-monitor", "version": self._version, "state": state} | times
        return self._own_name, json.dumps(row, separators=(",", ":"))

    def _compare(self, device: Device, may_be_silent: bool) -> None:
        name = printable(device.name, 64)
        if device.state is not State.SILENT:
            if device.name in self._silent and device.state is not State.STOPPED:
                self._notice(f"{name} is back")
            self._silent.discard(device.name)
        elif may_be_silent and device.name not in self._silent and device.name != self._own_name:
            self._silent.add(device.name)
            self._notice(f"{name} has been silent for {_duration((self._now_ms - device.at_ms) // 1000)}")


def _duration(seconds: int) -> str:
    return next((f"{seconds // unit} {name}" for unit, name in _UNITS if seconds >= 2 * unit), f"{seconds} s")
