"""Run the back office: `python -m back_office show 43405556992`."""

import io
import sys
from collections.abc import Sequence

from back_office import commands, devices, report_command, show
from back_office.desk import RefusedError
from common.daemon import argument_parser, exit_without_output, exit_without_package, settings_or_exit

COMMANDS = (
    show,
    commands,
    devices,
    report_command,
)
"""The modules that add commands; what a command sets as `run` takes the options and the settings."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command says; a refusal is one line, and the exit status 1."""
    parser = argument_parser("back-office", "The operator's desk: look up a card, change its pass, count a day.")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.add(subparsers)
    options = parser.parse_args(arguments)
    settings = settings_or_exit("back-office")
    if isinstance(sys.stdout, io.TextIOWrapper):  # an event may have characters that the locale lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        from redis.exceptions import RedisError

        from common.redis_errors import explain
    except ImportError as error:
        exit_without_package("back-office", error)
    try:
        options.run(options, settings)
    except RefusedError as error:
        sys.exit(f"back-office: {error}")
    except RedisError as error:
        sys.exit(f"back-office: {explain(error, settings)}")
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        exit_without_output("back-office", error)


if __name__ == "__main__":
    main()
