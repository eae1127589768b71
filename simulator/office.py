"""The back office of the demo: the real program, as a process."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from common.settings import PREFIX
from simulator.child import ending_with_parent
from simulator.server import Server
from simulator.system import NotPossibleError

LIMIT_S = 30.0


class Task(NamedTuple):
    """A command of the back office: how many cards it takes, and its options."""

    cards: int
    options: Sequence[str] = ()


_CHANGE = ("--yes", "--operator", "demo")
TASKS = {
    "show": Task(1),
    "block": Task(1, ("--reason", "lost", *_CHANGE)),
    "unblock": Task(1, _CHANGE),
    "move": Task(2, _CHANGE),
    "credit": Task(1, _CHANGE),
    "devices": Task(0),
}
"""What can be done there."""

_REPOSITORY = Path(__file__).resolve().parent.parent
_WHO_SAYS_IT = re.compile(r"^(back-office|python -m back_office \w+: error): ")


def run(server: Server, task: str, numbers: Sequence[str]) -> list[str]:
    """Run a command of the back office, and return the lines that it prints.

    Args:
        server: the Redis that it connects to.
        task: one of `TASKS`.
        numbers: the serial numbers of its cards.

    Raises:
        NotPossibleError: the back office refuses it; the message is its own.
    """
    try:
        done = subprocess.run(
            ending_with_parent(sys.executable, "-m", "back_office", task, *numbers, *TASKS[task].options),
            env=os.environ | {PREFIX + "REDIS_PORT": str(server.port), PREFIX + "DEVICE": "office"},
            cwd=_REPOSITORY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            start_new_session=True,  # Ctrl-C is for the demo
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotPossibleError("the back office does not answer in time") from error
    if done.returncode:
        ended = f"the back office has ended with status {done.returncode}"
        raise NotPossibleError(_WHO_SAYS_IT.sub("", (done.stderr.splitlines() or [ended])[-1]))
    return done.stdout.splitlines()
