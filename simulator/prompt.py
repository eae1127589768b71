"""The prompt of the demo's terminal."""

from collections.abc import Iterable

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


def run_prompt(commands: CommandLine, printer: Printer) -> None:
    """Run what is typed until the input ends."""
    session: PromptSession[str] = PromptSession(
        "> ", completer=_Words(commands), complete_style=CompleteStyle.READLINE_LIKE
    )
    with patch_stdout(raw=True):
        printer.print(WELCOME)
        while True:
            try:
                commands.run(session.prompt())
            except EOFError:
                return
            except REFUSALS as error:
                printer.print(f"  {error}")
