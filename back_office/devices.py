"""The devices: which are in service, which are not and why, and which are silent."""

import argparse
import sys
from typing import Any

from common.keys import DEVICES
from common.settings import Settings
from common.text import printable

SOCKET_TIMEOUT_S = 4.0
_EXAMPLE = "example: python -m back_office devices --forget gate-9"


def add(subparsers: Any) -> None:  # noqa: ANN401  # argparse has no public name for it
    """Add the command `devices`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "devices", help="show every device: in service, out of service and why, silent since when", epilog=_EXAMPLE
    )
    parser.add_argument("--json", action="store_true", help="print JSON, an object a line")
    parser.add_argument("--forget", metavar="NAME", help="remove the row of a device that is gone for good")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, settings: Settings) -> None:
    """Print the devices, or forget one.

    Raises:
        RedisError: Redis cannot be reached, or refuses.
    """
    from common.device_table import json_lines, summary, table  # they import redis, which --help needs not
    from common.devices import read_devices
    from common.redis_client import redis_client

    redis = redis_client(settings, retries=0, socket_timeout_s=SOCKET_TIMEOUT_S)
    if options.forget is not None:
        if not redis.hdel(DEVICES, options.forget):
            sys.exit(f"back-office: no device {printable(options.forget, 64)}: `devices` lists those that there are")
        print(f"{printable(options.forget, 64)} is forgotten, until it tells how it does")
        return
    devices = read_devices(redis)
    print(*(json_lines(devices) if options.json else [*table(devices), summary(devices)]), sep="\n")
