"""Defects put in on purpose: each must be found."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from hashlib import sha1
from typing import Any
from unittest.mock import patch

from back_office import desk
from common.request import RequestNote
from common.scripts import CHANGE, ISSUE, REVERSE, USE, Script


@contextmanager
def changed(text: str, into: str, *which: Script) -> Iterator[None]:
    """Let scripts have other text."""
    with ExitStack() as cleanup:
        for script in which:
            if script.text.count(text) != 1:
                raise ValueError(f"the script has changed: there is not one {text!r}")
            mutated = script.text.replace(text, into)
            cleanup.enter_context(patch.object(script, "text", mutated))
            cleanup.enter_context(patch.object(script, "sha", sha1(mutated.encode()).hexdigest()))
        yield


def moved_by_copy(*cards: Any) -> desk.Change:
    change = _move(*cards)
    return change._replace(commands=[["COPY", change.before[0].card, change.absent]])


_move = desk.move
ALL = (USE, ISSUE, REVERSE, CHANGE)
XADD = """redis.call('XADD', journal, 'MAXLEN', '~', journal_length, '*',
                          'channel', channel, 'payload', '{' .. members .. origin .. '}')"""
PUBLISH = """redis.call('PUBLISH', channel, '{' .. members .. origin .. ',"id":"' .. id .. '"}')"""
SETEX = "redis.call('SETEX', receipt, WEEK, number .. ' ' .. card .. ' ' .. outcome .. ' ' .. (pass_type or '-'))"
RIGHTS = "for i = 1, #writes do\n  if not redis.acl_check_cmd"
AGAIN = "elseif last_outcome == 'granted' then"
EXPIRE = "      writes = {{'EXPIRE', card, remaining}}\n    end"
SEEN = "not (is_within(pass, change.seen) and is_within(change.seen, pass))"
DEFECTS: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    "an event is published, and not in the journal": lambda: changed(XADD, "redis.call('EXISTS', journal)", *ALL),
    "an event is in the journal, and not published": lambda: changed(PUBLISH, "", *ALL),
    "a receipt is not written": lambda: changed(SETEX, "", USE),
    "a request that comes late is taken": lambda: changed("> tonumber(number)", "> tonumber(number) + 1", *ALL),
    "a repeated tap takes twice": lambda: changed("if is_repeat then\n  outcome", "if false then\n  outcome", USE),
    "a repeated reversal gives twice": lambda: changed(
        AGAIN, AGAIN.replace(" then", " or last_outcome == 'reversed' and last_type == 'TEN_TRIP' then"), REVERSE
    ),
    "a reversal leaves no mark for a tap that comes late": lambda: changed(
        "if not is_repeat then\n", "if not is_repeat then\n  do return 'reversed' end\n", REVERSE
    ),
    "a pass that is given back ends with the hour": lambda: changed("{'PERSIST', spent}, ", "", REVERSE),
    "each tap renews two hours": lambda: changed(EXPIRE, "    end\n    writes = {{'EXPIRE', card, 2 * HOUR}}", USE),
    "a blocked pass opens the gate": lambda: changed("elseif pass.blocked then", "elseif false then", USE),
    "rights are not checked before the first write": lambda: changed(RIGHTS, RIGHTS.replace("#writes", "0"), *ALL),
    "a change is made to a pass that has changed": lambda: changed(SEEN, "false", CHANGE),
    "an owed trip is given back twice": lambda: changed("or KEYS[5] and", "or false and", CHANGE),
    "more than ten trips are credited": lambda: patch.object(desk, "TRIPS_SOLD", 11),
    "a pass that is moved stays on its card": lambda: patch.object(desk, "move", moved_by_copy),
    "a note is not read at the start": lambda: patch.object(RequestNote, "read", lambda _: None),
}
