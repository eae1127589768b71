"""The server-side scripts: each change to a pass, and the check of the server, is one of them."""

import json
from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import NoPermissionError, NoScriptError, ResponseError

from common.keys import DEVICES, JOURNAL
from common.pulse import Pulse
from common.request import Request
from common.rights import ANY_REQUEST, Commands

CHECK_REPLICATION_LIMIT_MS = 200
"""How long replicas may take to confirm what anybody has written: of the second of a tap that waits for this check."""


class Script:
    """A script of this folder, known to the server by its digest.

    Attributes:
        text: what the server runs.
        sha: the SHA-1 digest of the text, in hex, for EVALSHA.
    """

    def __init__(self, name: str, is_transaction: bool = True) -> None:
        """Read the script; in a transaction, transaction.lua follows its first line, and commit.lua ends it."""
        folder = Path(__file__).parent
        self.text = (folder / f"{name}.lua").read_text()
        if is_transaction:
            first_line, rest = self.text.split("\n", 1)
            begin, end = ((folder / f"{each}.lua").read_text() for each in ("transaction", "commit"))
            self.text = f"{first_line}\n{begin}{rest}{end}"
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


USE = Script("use")
ISSUE = Script("issue")
REVERSE = Script("reverse")
CHANGE = Script("change")
CHECK = Script("check", is_transaction=False)
STATUS = Script("status", is_transaction=False)
_OF_A_DEVICE = USE, ISSUE, REVERSE, CHECK, STATUS


class Replicas(NamedTuple):
    """How many replicas must hold what a connection has written, and how long WAIT may take, in milliseconds.

    Without a limit (0) WAIT would not end.
    """

    number: int
    limit_ms: int


NO_REPLICAS = Replicas(0, 1)


def run(
    redis: Redis,
    script: Script,
    request: Request,
    arguments: Sequence[str | int],
    replicas: Replicas = NO_REPLICAS,
    more_keys: Sequence[str] = (),
    pulse: Pulse | None = None,
) -> object:
    """Run a script in one round trip, or in two if the server does not know it yet.

    Args:
        redis: the client.
        script: what to run.
        request: what it is about.
        arguments: the script's ARGV.
        replicas: those that must hold what this connection has written.
        more_keys: the script's KEYS after those of the request.
        pulse: what the device tells of itself, if that is due.

    Raises:
        RedisError: the script was refused, or too few replicas hold what it wrote.
    """
    keys = *request.keys, *more_keys
    status = pulse and pulse.due()

    def send(*unknown: Script) -> object:
        with redis.pipeline(transaction=False) as pipeline:
            for each in unknown:
                pipeline.script_load(each.text)
            pipeline.evalsha(script.sha, len(keys), *keys, *arguments)
            if replicas.number:
                pipeline.wait(*replicas)
            if status:  # after WAIT, which need not wait for it
                pipeline.evalsha(STATUS.sha, 2, DEVICES, JOURNAL, *status)
            answers = pipeline.execute(raise_on_error=False)
        if pulse and status:
            pulse.answer = answers.pop()
            if isinstance(pulse.answer, NoScriptError):
                raise pulse.answer
        for error in answers:
            if isinstance(error, Exception):
                raise error
        if replicas.number and answers[-1] < replicas.number:
            raise ResponseError(f"{answers[-1]} of {replicas.number} replicas answer: check them and their network")
        return answers[len(unknown)]

    try:
        return send()
    except NoScriptError:
        return send(*(_OF_A_DEVICE if script in _OF_A_DEVICE else [script]))


def check(redis: Redis, needs: Commands, replicas: int, pulse: Pulse | None = None) -> int:
    """Check that the server would take a tap or a sale now, from a user who needs these rights.

    No trace is left but the pulse, if there is one and it is due; what becomes of that changes nothing here.

    Returns:
        The server's time, in seconds of Unix time.

    Raises:
        NoPermissionError: the user lacks rights; the message names them.
        RedisError: the server would refuse it; the message has the server's reason.
    """
    limited = Replicas(replicas, CHECK_REPLICATION_LIMIT_MS)
    answer: Any = run(redis, CHECK, ANY_REQUEST, [json.dumps(needs)], limited, pulse=pulse)
    server_time, *refused = answer
    if refused:
        raise NoPermissionError(f"missing are {', '.join(sorted(refused))}")
    if pulse:
        pulse.log()  # not before: what makes the check fail is told once
    return int(server_time)
