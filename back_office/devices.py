"""The command `devices`: which are in service, which are not and why, and which are silent."""

import argparse
import sys

from back_office import options
from back_office.desk import RefusedError
from common.keys import DEVICES
from common.settings import Settings
from common.text import printable

SOCKET_TIMEOUT_S = 4.0


def add(commands: options.Commands) -> None:
    """Add the command."""
    text = "show every device: in service, out of service and why, silent since when"
    parser = options.add_command(commands, "devices", text, "--forget gate-9", run)
    parser.add_argument("--json", action="store_true", help="print JSON, an object a line")
    parser.add_argument("--forget", metavar="NAME", help="remove the row of a device that is gone for good")


def run(given: argparse.Namespace, settings: Settings) -> None:
    """Print the devices, or forget one.

    Raises:
        RefusedError: there is none of this name.
        RedisError: Redis cannot be reached, or refuses.
    """
    from common.device_table import json_lines, summary, table  # they import redis, which --help needs not
    from common.devices import read_devices
    from common.redis_client import redis_client

    redis = redis_client(settings, retries=0, socket_timeout_s=SOCKET_TIMEOUT_S)
    if given.forget is None:
        devices = read_devices(redis)
        lines = [*json_lines(devices)] if given.json else [*table(devices), summary(devices)]
    elif redis.hdel(DEVICES, given.forget):
        lines = [f"{printable(given.forget, 64)} is forgotten, until it tells how it does"]
    else:
        raise RefusedError(f"no device {printable(given.forget, 64)}: `devices` lists those that there are")
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()
