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
from typing import NoReturn

from common.settings import Settings, SettingsError, help_text, unknown_settings

# All that end a program by default are handled (signal(7)), but for SIGKILL, which cannot be, and those for a fault of
# the program itself, after which no handler in Python is reached.
_NOT_HANDLED = "KILL", "STOP", "ILL", "BUS", "FPE", "SEGV", "CHLD", "CONT", "TSTP", "TTIN", "TTOU", "URG", "WINCH"
ENDING = frozenset(signal.valid_signals() - {signal.Signals[f"SIG{name}"] for name in _NOT_HANDLED})


def run(program: str, description: str, work: Callable[[Settings], None]) -> None:
    """Read the settings, then work until a signal raises `SystemExit` in the main thread.

    Args:
        program: the program's name, from which its device name is made if none is set.
        description: what the program does, for `--help`.
        work: the program's blocking loop. It imports the packages itself, so that `--help` works anywhere, and a
            missing one is told in a line.
    """
    argument_parser(program, description).parse_args()
    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.INFO)
    settings = settings_or_exit(program)
    for each in ENDING:
        if signal.getsignal(each) is not signal.SIG_IGN:  # as nohup(1) has SIGHUP, and Python SIGPIPE
            signal.signal(each, _stop)
    try:
        work(settings)
    except ImportError as error:
        exit_without_package(program, error)
    except OSError as error:
        sys.exit(f"{program}: {error}")


def exit_without_package(program: str, error: ImportError) -> NoReturn:
    """End with a line that says what to do: the environment is missing, not in use, or empty after an upgrade."""
    environment = Path(__file__).resolve().parent.parent / ".venv"
    start = f"{environment}/bin/python -m {program.replace('-', '_')}"
    if Path(sys.prefix).resolve() == environment:
        remedy = "run scripts/install again"
    elif environment.exists():
        remedy = f"run {start}"
    else:
        remedy = f"run scripts/environment simulator/requirements.txt, then {start}"
    sys.exit(f"{program}: {error}: it needs the packages of requirements.txt: {remedy}")


def exit_without_output(program: str, error: BaseException | None, status: int = 0) -> NoReturn:
    """End when the output takes no more: with this status if nobody reads it, else with a line that says so."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
    sys.exit(status if isinstance(error, BrokenPipeError) else f"{program}: the output takes no more: {error}")


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
    """Return the version in pyproject.toml."""
    project = Path(__file__).parent.parent / "pyproject.toml"
    return str(re.findall(r'^version = "(.+)"$', project.read_text(), re.MULTILINE)[0])


def settings_or_exit(program: str, logs_unknown: bool = True) -> Settings:
    """Read the settings from the environment; log those that are unknown; on a bad one print one line and exit."""
    for line in unknown_settings(os.environ) if logs_unknown else ():
        logging.getLogger(__name__).warning("%s", line)
    try:
        return Settings.from_environment(program, os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(0)
