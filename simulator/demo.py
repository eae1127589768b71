"""The demo: `scripts/demo`. A terminal, a gate and the monitor on this machine, with you as the rider."""

import argparse
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from common.text import takes_colours
from simulator.commands import REFUSALS, CommandLine
from simulator.device import Output
from simulator.history import History
from simulator.page.server import Page, PageError
from simulator.printing import Printer
from simulator.server import ServerError
from simulator.system import System
from simulator.way_in import PORT, directions, open_browser, serve

SIGNAL_CHECK_S = 0.2

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Run the demo as the options say."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description="The whole system on this machine.")
    parser.add_argument("--script", metavar="FILE", type=Path, help="run its commands; exit with 0 if all succeed")
    parser.add_argument("--no-browser", action="store_true", help="serve the page, and open no browser")
    parser.add_argument("--no-page", action="store_true", help="the terminal alone")
    parser.add_argument(
        "--port", metavar="N", type=_port, help=f"the page's port (default: {PORT}, or the next free one); 0 for any"
    )
    options = parser.parse_args()
    lines = _lines_of(options.script) if options.script else None
    for name in _ENDING:
        signal.signal(name, _end)
    try:
        if options.no_page or lines is not None:
            _run(lines, None, options)
        else:
            with serve(options.port) as page:
                _run(None, page, options)
    except KeyboardInterrupt:
        sys.exit(130)
    except (ServerError, PageError, OSError) as error:
        sys.exit(f"scripts/demo: {error}")


def _end(*_: object) -> None:
    """End the demo; further signals are ignored while it stops its programs."""
    for name in _ENDING:
        signal.signal(name, signal.SIG_IGN)
    raise KeyboardInterrupt


def _run(lines: Iterable[str] | None, page: Page | None, options: argparse.Namespace) -> None:
    """Run the system until the script, the person in the terminal or a signal ends it."""
    history = History()
    is_colored = takes_colours()
    # A server that a signal has cut off from its start ends with the demo, and may write until then.
    folder_of_server = tempfile.TemporaryDirectory(prefix="transit-pass-", ignore_cleanup_errors=True)
    with Printer(is_colored) as printer, folder_of_server as folder:
        listeners = [history.add, printer.show, *([page.report] if page else [])]

        def report(output: Output) -> None:
            for listener in listeners:
                listener(output)

        with System(Path(folder), is_colored or page is not None, report) as system:
            commands = CommandLine(system, history, printer.print)
            if page:
                page.show(system)
                for line in directions(page, options.port, os.environ):
                    printer.print(line)
                if not options.no_browser:
                    open_browser(page.address)
            if lines is not None:
                _run_script(lines, commands, printer)
            elif sys.stdin.isatty():
                from simulator.prompt import run_prompt  # slow to load, and needed only here

                run_prompt(commands, printer, _ENDING)
            elif page:
                _wait_for_signal()
            else:
                _run_script(sys.stdin, commands, printer)


def _port(text: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text, re.ASCII) or int(text) > 65535:
        raise argparse.ArgumentTypeError("takes a port from 0 to 65535")
    return int(text)


def _lines_of(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        sys.exit(f"scripts/demo: cannot read the script: {error.strerror}: {file}")
    except UnicodeDecodeError:
        sys.exit(f"scripts/demo: cannot read the script: not UTF-8: {file}")


def _run_script(lines: Iterable[str], commands: CommandLine, printer: Printer) -> None:
    """Run every line; exit with status 1 at the first that fails."""
    for number, line in enumerate(lines, 1):
        printer.print(f"> {line.rstrip()}")
        try:
            commands.run(line)
        except EOFError:
            return
        except REFUSALS as error:
            sys.exit(f"line {number}: {line.strip()}: {error}")


def _wait_for_signal() -> None:
    """Wait until a signal raises `KeyboardInterrupt`.

    In short sleeps: a signal that the kernel delivers to another thread does not wake this one from `signal.pause`.
    """
    while True:
        time.sleep(SIGNAL_CHECK_S)


if __name__ == "__main__":
    main()
