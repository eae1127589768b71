"""The devices for people to read, and for programs."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from common.devices import Device, Devices
from common.text import printable

_HEADING = ("DEVICE", "PROGRAM", "STATE", "SINCE", "LAST TAP", "VERSION", "")


def table(devices: Devices) -> list[str]:
    """Describe all devices, a line each, under a heading; times are those of the local zone."""
    rows = [_HEADING, *(_cells(each, devices.now_ms) for each in devices.known)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return [*lines, *(f"{printable(name, 64)}: its row makes no sense" for name in devices.malformed)]


def summary(devices: Devices) -> str:
    """Count the devices, by state."""
    states = Counter(each.state.replace("-", " ") for each in devices.known)
    counts = ", ".join(f"{number} {state}" for state, number in states.most_common())
    return f"{len(devices.known)} devices{': ' if counts else ''}{counts}"


def _cells(device: Device, now_ms: int) -> tuple[str, ...]:
    shared = "two devices have this name" if device.is_shared else ""
    return (
        printable(device.name, 64),
        printable(device.program, 20),
        device.state.replace("-", " "),
        _moment(device.since_ms, now_ms),
        "-" if device.tapped_ms is None else _moment(device.tapped_ms, now_ms),
        printable(device.version, 20),
        "; ".join(filter(None, (shared, printable(device.problem, 300)))),
    )


def _moment(milliseconds: int, now_ms: int) -> str:
    """Write a time as the time of day, and with its date unless that is today's."""
    at, now = (datetime.fromtimestamp(each / 1000) for each in (milliseconds, now_ms))
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
