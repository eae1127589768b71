"""The devices for people to read, and for programs."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, tzinfo

from common.devices import Device, Devices
from common.rendering import count
from common.text import printable

_HEADING = ("DEVICE", "PROGRAM", "STATE", "SINCE", "LAST TAP", "VERSION", "")


def table(devices: Devices, zone: tzinfo | None = None) -> list[str]:
    """Describe all devices, a line each, under a heading; times are those of the zone, or of the local one."""
    now = _time(devices.now_ms, zone)
    rows = [_HEADING, *(_cells(each, now) for each in devices.known)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return [*lines, *(f"{printable(name, 64)}: malformed row" for name in devices.malformed)]


def summary(devices: Devices) -> str:
    """Count the devices, by state."""
    states = Counter(each.state.replace("-", " ") for each in devices.known)
    counts = ", ".join(f"{number} {state}" for state, number in states.most_common())
    return f"{count(len(devices.known), 'device')}{': ' if counts else ''}{counts}"


def _cells(device: Device, now: datetime) -> tuple[str, ...]:
    shared = "two devices have this name" if device.is_shared else ""
    return (
        printable(device.name, 64),
        printable(device.program, 20),
        device.state.replace("-", " "),
        _moment(device.since_ms, now),
        "-" if device.tapped_ms is None else _moment(device.tapped_ms, now),
        printable(device.version, 20),
        "; ".join(filter(None, (shared, printable(device.problem, 300)))),
    )


def _time(milliseconds: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, zone)


def _moment(milliseconds: int, now: datetime) -> str:
    """Write a time as the time of day, and with its date unless that is today's."""
    at = _time(milliseconds, now.tzinfo)
    return at.strftime("%H:%M:%S" if at.date() == now.date() else "%Y-%m-%d %H:%M")


def json_lines(devices: Devices) -> Iterator[str]:
    """Describe all devices, a JSON object each; times are in Unix milliseconds."""
    for each in devices.known:
        row = {
            "device": each.name,
            "program": each.program,
            "state": each.state,
            "problem": each.problem or None,
            "since": each.since_ms,
            "at": each.at_ms,
            "lastTap": each.tapped_ms,
            "version": each.version,
            "isShared": each.is_shared,
        }
        yield json.dumps(row)
    for name in devices.malformed:
        yield json.dumps({"device": name, "state": "malformed"})
