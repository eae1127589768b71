"""The prompt of the demo's terminal."""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.shortcuts import CompleteStyle

from simulator.commands import REFUSALS, CommandLine
from simulator.printing import Printer

WELCOME = """\
A sales terminal, an entry gate and the system monitor are running. To buy ten trips for card 1 and make one:
  tap terminal 1      press ten      tap terminal 1      tap gate 1
help lists all commands, Tab completes their words; Ctrl-C ends the demo."""


class _Words(Completer):
    """Completes the word that is due."""

    def __init__(self, commands: CommandLine) -> None:
        self._commands = commands

    def get_completions(self, document: Document, _: CompleteEvent) -> Iterable[Completion]:
        begun = len(document.get_word_before_cursor(WORD=True))
        for word in self._commands.completions(document.text_before_cursor):
            yield Completion(f"{word} ", start_position=-begun)


def run_prompt(commands: CommandLine, printer: Printer, ending: Iterable[signal.Signals]) -> None:
    """Run what is typed until the input ends, or a signal of these does what its handler does."""
    session: PromptSession[str] = PromptSession(
        "> ", completer=_Words(commands), complete_style=CompleteStyle.READLINE_LIKE
    )
    with patch_stdout(raw=True):
        printer.print(WELCOME)
        while True:
            try:
                with _held(ending, session) as leave:
                    line = session.prompt(pre_run=leave, handle_sigint=False)
                commands.run(line)
            except EOFError:
                return
            except REFUSALS as error:
                printer.print(f"  {error}")


@contextmanager
def _held(signals: Iterable[signal.Signals], session: PromptSession[str]) -> Iterator[Callable[[], None]]:
    """Hold signals back until the prompt is left, which they ask for: what a handler raises is lost in an event loop.

    The function leaves the prompt, if there has been a signal.
    """
    held: list[int] = []
    app = session.app

    def leave() -> None:
        if held and app.is_running and not app.is_done:
            app.exit(exception=EOFError)

    def hold(number: int, _: FrameType | None) -> None:
        held.append(number)
        if app.loop and app.is_running:
            app.loop.call_soon_threadsafe(leave)

    handlers = {each: signal.signal(each, hold) for each in signals}
    try:
        yield leave
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
        for number in held[:1]:
            signal.raise_signal(number)
