"""The demo: `scripts/demo`. A terminal, a gate and the monitor on this machine, with you as the rider."""

import argparse
import os
import re
import signal
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.patch_stdout import patch_stdout

from common.text import takes_colours
from simulator.commands import CommandLine, UsageError
from simulator.device import Output, OutputKind
from simulator.history import ExpectationError, History, without_colors
from simulator.page.server import Page, PageError
from simulator.server import ServerError
from simulator.system import NotPossibleError, System

PORT = 8765
PORTS_TO_TRY = 10
SIGNAL_CHECK_S = 0.2
WELCOME = """\
A sales terminal, an entry gate and the system monitor are running. To buy ten trips for card 1 and make one:
  tap terminal 1      press ten      tap terminal 1      tap gate 1
help lists all commands; Ctrl-C ends the demo."""

_LAMPS = {"red on": "🔴 red on", "yellow on": "🟡 yellow on", "green on": "🟢 green on"}
_BOLD, _DIM = 1, 2
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Printer:
    """Prints what happens, a line each."""

    def __init__(self, colored: bool) -> None:
        self._colored = colored

    def show(self, output: Output) -> None:
        """Print what a device or the monitor has done."""
        time_of_day = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
        self.print(f"{self._paint(time_of_day, _DIM)}  {output.source:<9} {self._describe(output)}")

    def print(self, line: str) -> None:
        """Print a line."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def _describe(self, output: Output) -> str:
        match output.kind:
            case OutputKind.LAMP:
                return _LAMPS.get(output.text, f"⚫ {output.text}")
            case OutputKind.SOUND:
                return self._paint(f"🔊 {output.text}", _BOLD)
            case OutputKind.LOG:
                return self._paint(output.text, _DIM)
            case OutputKind.EVENT:
                return output.text if self._colored else without_colors(output.text)

    def _paint(self, text: str, code: int) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colored else text


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
            _run(lines, Printer(takes_colours()), None)
        else:
            with _serve(options.port) as page:
                _run(None, Printer(takes_colours()), page, not options.no_browser)
    except KeyboardInterrupt:
        sys.exit(130)
    except (ServerError, PageError, OSError) as error:
        sys.exit(f"scripts/demo: {error}")


def _end(*_: object) -> None:
    """End the demo; further signals are ignored while it stops its programs."""
    for name in _ENDING:
        signal.signal(name, signal.SIG_IGN)
    raise KeyboardInterrupt


def _serve(port: int | None) -> Page:
    """Serve the page at this port; without one, at the first of a few that is free."""
    for each in [] if port is not None else range(PORT, PORT + PORTS_TO_TRY):
        with suppress(PageError):
            return Page(each)
    return Page(PORT if port is None else port)


def _run(lines: Iterable[str] | None, printer: Printer, page: Page | None, with_browser: bool = False) -> None:
    """Run the system until the script, the person in the terminal or a signal ends it."""
    history = History()
    listeners = [history.add, printer.show, *([page.report] if page else [])]

    def report(output: Output) -> None:
        for listener in listeners:
            listener(output)

    is_colored = takes_colours() or page is not None
    with (
        tempfile.TemporaryDirectory(prefix="transit-pass-") as folder,
        System(Path(folder), is_colored, report) as system,
    ):
        commands = CommandLine(system, history, printer.print)
        if page:
            page.show(system)
            printer.print(f"The station is at {page.address}  Ctrl-C ends it.")
            if with_browser and os.environ.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}:
                webbrowser.open(page.address)
        if lines is not None:
            _run_script(lines, commands, printer)
        elif sys.stdin.isatty():
            _prompt(commands, printer)
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
        except (UsageError, NotPossibleError, ExpectationError) as error:
            sys.exit(f"line {number}: {line.strip()}: {error}")


def _wait_for_signal() -> None:
    """Wait until a signal raises `KeyboardInterrupt`.

    In short sleeps: a signal that the kernel delivers to another thread does not wake this one from `signal.pause`.
    """
    while True:
        time.sleep(SIGNAL_CHECK_S)


def _prompt(commands: CommandLine, printer: Printer) -> None:
    """Run what is typed until the input ends."""
    session: PromptSession[str] = PromptSession("> ", completer=WordCompleter(list(commands.completions())))
    with patch_stdout(raw=True):
        printer.print(WELCOME)
        while True:
            try:
                commands.run(session.prompt())
            except EOFError:
                return
            except (UsageError, NotPossibleError, ExpectationError) as error:
                printer.print(f"  {error}")


if __name__ == "__main__":
    main()
