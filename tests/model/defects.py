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
XADD = "write('XADD', journal, 'MAXLEN', '~', journal_length, '*', 'channel', channel, 'payload', payload)"
SETEX = "write('SETEX', receipt, WEEK, ('%d %s %s %s'):format(number, card, outcome, pass_type or '-'))"
CHECKED_FIRST = "for _, command in ipairs(writes) do\n    if not redis.acl_check_cmd"
DEFECTS: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    "an event is published, and not in the journal": lambda: changed(XADD, "write('EXISTS', journal)", *ALL),
    "an event is in the journal, and not published": lambda: changed("write('PUBLISH', channel, payload)", "", *ALL),
    "a receipt is not written": lambda: changed(SETEX, "", USE),
    "a request that comes late is taken": lambda: changed("> number then", "> number + 1 then", *ALL),
    "a repeated tap takes twice": lambda: changed("if is_repeat then", "if false then", USE),
    "a repeated reversal gives twice": lambda: changed(
        "write('HINCRBY', card, 'tripsRemaining', 1)\n  return commit('reversed'",
        "write('HINCRBY', card, 'tripsRemaining', 1)\n  return commit('granted'",
        REVERSE,
    ),
    "a reversal leaves no mark for a tap that comes late": lambda: changed(
        "if not is_repeat then\n  return commit('reversed')", "if not is_repeat then\n  return 'reversed'", REVERSE
    ),
    "a pass that is given back ends with the hour": lambda: changed("write('PERSIST', spent)", "", REVERSE),
    "each tap renews two hours": lambda: changed("if is_first_use then\n    write", "if true then\n    write", USE),
    "a blocked pass opens the gate": lambda: changed("elseif pass.blocked then", "elseif false then", USE),
    "rights are not checked before the first write": lambda: changed(
        CHECKED_FIRST, CHECKED_FIRST.replace("writes", "{}"), *ALL
    ),
    "a change is made to a pass that has changed": lambda: changed("or not (is_within(pass", "or not (pass", CHANGE),
    "an owed trip is given back twice": lambda: changed("or KEYS[5] and", "or false and", CHANGE),
    "more than ten trips are credited": lambda: patch.object(desk, "TRIPS_SOLD", 11),
    "a pass that is moved stays on its card": lambda: patch.object(desk, "move", moved_by_copy),
    "a note is not read at the start": lambda: patch.object(RequestNote, "read", lambda _: None),
}
