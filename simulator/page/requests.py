"""What a page may ask for, and what it is answered."""

from simulator.commands import CommandLine
from simulator.history import History
from simulator.server import ServerError
from simulator.system import NotPossibleError, System
from simulator.words import UsageError

LONGEST = 200
RACE = "race"
"""What it may ask for besides commands."""
OFFICE = "office"
"""The command that takes a while: others do not wait for it."""
COMMANDS = frozenset(
    {"lay", "lift", "hold", "release", "unplug", "plug", "cut", "restore", "stop", "start", "later", "add", OFFICE}
)
"""The commands that it may send."""


def command_of(line: str) -> str:
    """Return a line's first word."""
    return line.partition(" ")[0]


def run(system: System, line: str) -> dict[str, str] | None:
    """Run a command, and return the message that answers it, if any: why it cannot be run, or what the office did."""
    if command_of(line) not in COMMANDS:
        return _message("error", "a page cannot send this command")
    printed: list[str] = []
    try:
        CommandLine(system, History(), printed.append).run(line)
    except (UsageError, NotPossibleError, ServerError, TimeoutError) as error:
        return _message("error", str(error))
    now = [line.split(maxsplit=1)[1] for line in printed if line.split()[:1] == ["after"]]
    return _message("answer", f"The office has done it: {'; '.join(now)}") if now else None


def _message(kind: str, text: str) -> dict[str, str]:
    return {"kind": kind, "text": text}
