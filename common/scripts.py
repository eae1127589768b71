"""The server-side scripts: each change to a pass, and the check of the server, is one of them."""

import json
from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import NoPermissionError, NoScriptError, ResponseError

from common.request import Request
from common.rights import ANY_REQUEST, Commands


class Script:
    """A script of this folder, known to the server by its digest.

    Attributes:
        text: what the server runs.
        sha: the SHA-1 digest of the text, in hex, for EVALSHA.
    """

    def __init__(self, name: str, is_transaction: bool = True) -> None:
        """Read the script; a transaction has transaction.lua inserted after its first line (`#!lua`)."""
        folder = Path(__file__).parent
        first_line, rest = (folder / f"{name}.lua").read_text().split("\n", 1)
        shared = (folder / "transaction.lua").read_text() if is_transaction else ""
        self.text = f"{first_line}\n{shared}{rest}"
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


USE = Script("use")
ISSUE = Script("issue")
REVERSE = Script("reverse")
CHANGE = Script("change")
CHECK = Script("check", is_transaction=False)


def run(
    redis: Redis,
    script: Script,
    request: Request,
    arguments: Sequence[str | int],
    replicas: int = 0,
    limit_ms: int = 1,
    more_keys: Sequence[str] = (),
) -> object:
    """Run a script in one round trip, or in two if the server does not know it yet.

    Args:
        redis: the client.
        script: what to run.
        request: what it is about.
        arguments: the script's ARGV.
        replicas: how many replicas must hold what this connection has written.
        limit_ms: how long to wait for them, in milliseconds.
        more_keys: the script's KEYS after those of the request.

    Raises:
        RedisError: the script was refused, or too few replicas hold what it wrote.
    """
    keys = *request.keys, *more_keys

    def send(*unknown: Script) -> object:
        with redis.pipeline(transaction=False) as pipeline:
            for each in unknown:
                pipeline.script_load(each.text)
            pipeline.evalsha(script.sha, len(keys), *keys, *arguments)
            if replicas:
                pipeline.wait(replicas, limit_ms)
            answers = pipeline.execute(raise_on_error=False)
        for error in answers:
            if isinstance(error, Exception):
                raise error
        if replicas and answers[-1] < replicas:
            raise ResponseError(f"{answers[-1]} of {replicas} replicas answer: check them and their network")
        return answers[len(unknown)]

    try:
        return send()
    except NoScriptError:
        return send(USE, ISSUE, REVERSE, CHANGE, CHECK)


def check(redis: Redis, needs: Commands, replicas: int) -> int:
    """Check that the server would take a tap or a sale now, from a user who needs these rights; no trace is left.

    Returns:
        The server's time, in seconds of Unix time.

    Raises:
        NoPermissionError: the user lacks rights; the message names them.
        RedisError: the server would refuse it; the message has the server's reason.
    """
    answer: Any = run(redis, CHECK, ANY_REQUEST, [json.dumps(needs)], replicas)
    server_time, *refused = answer
    if refused:
        raise NoPermissionError(f"missing are {', '.join(sorted(refused))}")
    return int(server_time)
