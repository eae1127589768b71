"""The settings file, read as systemd reads it: `EnvironmentFile=` of systemd.exec(5), and its src/basic/env-file.c."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from common.settings import PREFIX, SETTINGS, unknown_settings
from doctor.finding import Finding

_STATEMENT = re.compile(
    r"""[ \t\n\r]*(?:
    [#;] (?: [^\\\n\r] | \\[^\n\r] )* (?P<unfinished_comment> \\? )
    | (?P<name> [^\n\r][^=\n\r]* ) =
        (?P<quoted> (?: [ \t]* (?: '[^']*' | "(?:[^"\\]|\\.)*" ) )* )
        [ \t]* (?P<plain> (?: [^\\\n\r] | \\. | \\\Z )*? ) [ \t]* (?: [\n\r] | \Z )
    | (?P<no_assignment> [^\n\r]+ )
    )""",
    re.DOTALL | re.VERBOSE,
)
_QUOTED = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)


class SettingsFile(NamedTuple):
    """The variables of a settings file, and the lines that systemd ignores, with the reason."""

    values: Mapping[str, str]
    ignored: Sequence[str]


def read_settings(path: Path) -> SettingsFile:
    """Return what systemd would give to a program.

    Raises:
        OSError: the file cannot be read.
        ValueError: its meaning is uncertain; the message names the line, and not what is in it.
    """
    return parse(path.read_bytes().decode())


def parse(text: str) -> SettingsFile:
    """Return the variables in the text of a settings file; `ValueError` if its meaning is uncertain."""
    values: dict[str, str] = {}
    ignored: list[str] = []
    for statement in _STATEMENT.finditer(text):
        line = f"line {text.count(chr(10), 0, statement.end(0) - len(statement[0].lstrip())) + 1}"
        if statement["unfinished_comment"]:
            raise ValueError(f"{line}: a comment ends with a backslash, and versions of systemd differ in what follows")
        if statement["no_assignment"]:
            ignored.append(f"{line} is ignored: it is not NAME=VALUE")
        elif name := statement["name"]:
            if statement["plain"].startswith(("'", '"')):
                raise ValueError(f"{line}: a quote is not closed")
            if re.fullmatch(r"[A-Za-z_]\w*[ \t]*", name, re.ASCII):
                values[name.rstrip()] = _unescape(statement["quoted"], statement["plain"])
            else:
                ignored.append(f"{line} is ignored: what stands before its = is not the name of a variable")
    return SettingsFile(values, ignored)


def _unescape(quoted: str, plain: str) -> str:
    parts = [single or re.sub(r'\\(?:\n|(["\\`$]))', r"\1", double) for single, double in _QUOTED.findall(quoted)]
    return "".join([*parts, re.sub(r"(?s)\\(?:[\n\r]|\Z|(.))", r"\1", plain)])


def check_settings(file: SettingsFile, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for each line of the file, and each variable that looks like one of ours, that sets nothing.

    What looks like one of ours counts in the file also where the right one is set.
    """
    known = {PREFIX + setting.name for setting in SETTINGS}
    others = {name: value for name, value in file.values.items() if name not in known}
    problems = [*file.ignored, *unknown_settings(environment), *unknown_settings(others)]
    for problem in dict.fromkeys(problems):
        yield Finding("settings", "FAIL", problem, "correct it; to list the settings:", ["python3 -m doctor --help"])
    if not problems:
        yield Finding("settings", "OK", "every name is known")
