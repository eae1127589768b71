"""Defects of Lua, found on its words and lines."""

import re
from collections.abc import Iterator

from tests.mutation.mutant import Mutant

_TOKEN = re.compile(r"--[^\n]*|#!\S.*|'(?:\\.|[^'\\\n])*'|\d+|[A-Za-z_]\w*|[=~<>]=|\.\.+|\S")
_OTHERS = {
    "==": ["~="],
    "~=": ["=="],
    "<": ["<=", ">="],
    "<=": ["<", ">"],
    ">": [">=", "<="],
    ">=": [">", "<"],
    "and": ["or"],
    "or": ["and"],
    "not": [""],
    "true": ["false"],
    "false": ["true"],
    "+": ["-"],
    "-": ["+"],
    "*": ["/"],
    "/": ["*"],
}
_CONDITION = re.compile(r"\b(?:else)?if ([\w.:()]+) then$", re.MULTILINE)
_STATEMENT = re.compile(r"^ *((?!local|if|else|end|for|return)[a-z].*[^,({=])$", re.MULTILINE)
_RETURN = re.compile(r"\breturn (?!nil\b)(\S.*?)(?= end$| *$| *--)", re.MULTILINE)


def mutants(path: str, text: str) -> Iterator[Mutant]:
    """Return the file with each defect that is known here, one at a time."""
    for token in _TOKEN.finditer(text):
        for new in _defects(token[0]):
            yield Mutant.at(path, text, *token.span(), new)
    for pattern, new in ((_CONDITION, "not ({})"), (_STATEMENT, ""), (_RETURN, "nil")):
        for match in pattern.finditer(text):
            if _is_whole(match[1]) and not text[: match.start(1)].rstrip().endswith((",", "(", "{")):
                yield Mutant.at(path, text, *match.span(1), new.format(match[1]))


def _defects(token: str) -> list[str]:
    if token.isdecimal():
        return [str(int(token) + 1), str(int(token) - 1)]
    if token.startswith("'") and token != "''":
        return ["''"]
    return _OTHERS.get(token, [])


def _is_whole(statement: str) -> bool:
    """Return whether no bracket of it is open."""
    return all(statement.count(left) == statement.count(right) for left, right in ("()", "{}"))
