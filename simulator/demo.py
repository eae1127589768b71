"""The demo: `scripts/demo`. A terminal, a gate and the monitor on this machine, and you are the rider."""

import argparse
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.patch_stdout import patch_stdout

from simulator.conversation import Conversation, UsageError
from simulator.device import Happening, Sense
from simulator.memory import ExpectationError, Memory, plain
from simulator.page.server import Page, PageError
from simulator.server import ServerError
from simulator.system import NotPossibleError, System

PORT = 8765
SIGNAL_CHECK_S = 0.2
WELCOME = """\
A sales terminal, an entry gate and the system monitor are running. To buy ten trips for card 1 and make one:
  tap terminal 1      press ten      tap terminal 1      tap gate 1
help tells the other commands; Ctrl-C ends everything."""

_SIGNS = {"red on": "🔴 red on", "yellow on": "🟡 yellow on", "green on": "🟢 green on"}
_BOLD, _DIM = 1, 2


class Printer:
    """Prints what happens, a line each."""

    def __init__(self, colored: bool) -> None:
        self._colored = colored

    def show(self, happening: Happening) -> None:
        """Print a happening."""
        time_of_day = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
        self.say(f"{self._paint(time_of_day, _DIM)}  {happening.source:<9} {self._describe(happening)}")

    def say(self, line: str) -> None:
        """Print a line."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def _describe(self, happening: Happening) -> str:
        match happening.sense:
            case Sense.LAMP:
                return _SIGNS.get(happening.text, f"⚫ {happening.text}")
            case Sense.SOUND:
                return self._paint(f"🔊 {happening.text}", _BOLD)
            case Sense.LOG:
                return self._paint(happening.text, _DIM)
            case Sense.EVENT:
                return happening.text if self._colored else plain(happening.text)

    def _paint(self, text: str, code: int) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colored else text


def main() -> None:
    """Run the demo as the options say."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description="The whole system on this machine.")
    parser.add_argument("--script", metavar="FILE", type=Path, help="play these lines; exit with 0 if all came true")
    parser.add_argument("--no-browser", action="store_true", help="no page: you speak to the demo in this terminal")
    parser.add_argument(
        "--port", metavar="N", type=_port, default=PORT, help=f"where the page is ({PORT}); 0: anywhere"
    )
    options = parser.parse_args()
    lines = _lines_of(options.script) if options.script else None
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)
    try:
        if options.no_browser or lines is not None:
            _run(lines, Printer(sys.stdout.isatty()), None)
        else:
            with Page(options.port) as page:
                _run(None, Printer(sys.stdout.isatty()), page)
    except KeyboardInterrupt:
        sys.exit(130)
    except (ServerError, PageError, TimeoutError) as error:
        sys.exit(f"scripts/demo: {error}")


def _run(lines: Iterable[str] | None, printer: Printer, page: Page | None) -> None:
    """Run the system until whoever leads it has had enough: a script, a person in the terminal or one at the page."""
    memory = Memory()
    listeners = [memory.add, printer.show, *([page.report] if page else [])]

    def report(happening: Happening) -> None:
        for listener in listeners:
            listener(happening)

    is_colored = sys.stdout.isatty() or page is not None
    with (
        tempfile.TemporaryDirectory(prefix="transit-pass-") as folder,
        System(Path(folder), is_colored, report) as system,
    ):
        conversation = Conversation(system, memory, printer.say)
        if page:
            page.show(system)
            printer.say(f"The station is at {page.address}  Ctrl-C ends it.")
        if lines is not None:
            _play(lines, conversation, printer)
        elif sys.stdin.isatty():
            _converse(conversation, printer)
        elif page:
            _wait_for_the_end()
        else:
            _play(sys.stdin, conversation, printer)


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


def _play(lines: Iterable[str], conversation: Conversation, printer: Printer) -> None:
    """Obey every line; leave with a status of 1 at the first that cannot be obeyed or does not come true."""
    for number, line in enumerate(lines, 1):
        printer.say(f"> {line.rstrip()}")
        try:
            conversation.obey(line)
        except EOFError:
            return
        except (UsageError, NotPossibleError, ExpectationError) as error:
            sys.exit(f"line {number}: {line.strip()}: {error}")


def _wait_for_the_end() -> None:
    """Wait until a signal raises `KeyboardInterrupt`.

    In short sleeps: the kernel may give the signal to another thread, which Python notes but which ends no long wait
    of this one, as `signal.pause` would be.
    """
    while True:
        time.sleep(SIGNAL_CHECK_S)


def _converse(conversation: Conversation, printer: Printer) -> None:
    """Obey lines from a person until there are no more."""
    session: PromptSession[str] = PromptSession("> ", completer=WordCompleter(list(conversation.words())))
    with patch_stdout(raw=True):
        printer.say(WELCOME)
        while True:
            try:
                conversation.obey(session.prompt())
            except EOFError:
                return
            except (UsageError, NotPossibleError, ExpectationError) as error:
                printer.say(f"  {error}")


if __name__ == "__main__":
    main()
