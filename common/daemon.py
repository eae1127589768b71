"""How a program starts, reads its settings, and stops."""

import argparse
import logging
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from common.settings import Settings, SettingsError, help_text

EXIT_BAD_SETTING = 2


def run(program: str, description: str, work: Callable[[Settings], None]) -> None:
    """Read the settings, then work until SIGTERM or SIGINT raises `SystemExit` in the main thread.

    What `work` must do at the end, such as putting lamps out, belongs in its `finally` clauses.

    Args:
        program: the program's name, from which its device name is made if none is set.
        description: what the program does, for `--help`.
        work: the program's blocking loop. It imports what drives the hardware itself, so that `--help` and bad
            settings are answered on any machine.
    """
    argument_parser(program, description).parse_args()
    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.INFO)
    settings = settings_or_exit(program)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        work(settings)
    except ImportError as error:
        sys.exit(f"{program}: {error}: it needs a Raspberry Pi and the packages of requirements.txt")
    except OSError as error:
        sys.exit(f"{program}: {error}")


def argument_parser(program: str, description: str) -> argparse.ArgumentParser:
    """Return a parser whose `--help` lists the settings too."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {program.replace('-', '_')}",
        description=description,
        epilog=help_text(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{program} {version()}")
    return parser


def version() -> str:
    """Return the version of this tree, which pyproject.toml holds."""
    project = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    found = re.search(r'^version = "([^"]+)"$', project, re.MULTILINE)
    return found[1] if found else "unknown"


def settings_or_exit(program: str) -> Settings:
    """Read the settings from the environment; on a bad one say so in one line and exit."""
    try:
        return Settings.from_environment(program, os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_BAD_SETTING)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, signal.SIG_IGN)
    sys.exit(0)
