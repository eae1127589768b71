"""Run the back office: `python -m back_office`."""

import sys
from collections.abc import Sequence

from back_office import devices
from common.daemon import argument_parser, exit_without_package, settings_or_exit

COMMANDS = (devices,)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command, and run it."""
    parser = argument_parser("back-office", "The operator's desk.")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.add(subparsers)
    options = parser.parse_args(arguments)
    settings = settings_or_exit("back-office")
    try:
        from redis.exceptions import RedisError

        from common.redis_errors import explain
    except ImportError as error:
        exit_without_package("back-office", error)
    try:
        options.run(options, settings)
    except RedisError as error:
        sys.exit(f"back-office: {explain(error, settings)}")


if __name__ == "__main__":
    main()
