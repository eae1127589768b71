"""The settings file, read as systemd reads it: `EnvironmentFile=` of systemd.exec(5), and its src/basic/env-file.c."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from common.settings import PREFIX, SETTINGS
from doctor.finding import Finding

_BLANK = re.compile(r"[ \t\n\r]*")
_COMMENT = re.compile(r"[#;](?:[^\\\n\r]|\\[^\n\r])*(\\?)")
_NAME = re.compile(r"([^\n\r][^=\n\r]*)(=?)")
_QUOTED = re.compile(r"""[ \t]*(?:'([^']*)'|"((?:[^"\\]|\\.)*)")""", re.DOTALL)
_REST = re.compile(r"[ \t]*((?:[^\\\n\r]|\\.|\\\Z)*?)[ \t]*(?:[\n\r]|\Z)", re.DOTALL)


class SettingsFile(NamedTuple):
    """The variables of a settings file, and for each line that systemd ignores, why."""

    values: Mapping[str, str]
    ignored: Sequence[str]


def read_settings(path: Path) -> SettingsFile:
    """Return the variables that systemd would give to a program.

    Raises:
        OSError: the file cannot be read.
        ValueError: its meaning is uncertain; the message names the line, and never what is in it.
    """
    return parse(path.read_bytes().decode())


def parse(text: str) -> SettingsFile:
    """Return the variables in the text of a settings file; `ValueError` if its meaning is uncertain."""
    values: dict[str, str] = {}
    ignored: list[str] = []
    at = 0
    while (at := _end(_BLANK, text, at)) < len(text):
        line = f"line {text.count(chr(10), 0, at) + 1}"
        if comment := _COMMENT.match(text, at):
            if comment[1]:
                raise ValueError(f"{line}: a comment ends with a backslash: versions of systemd read on differently")
            at = comment.end()
        elif (name := _NAME.match(text, at)) and name[2]:
            at, value = _value(text, name.end(), line)
            if re.fullmatch(r"[A-Za-z_]\w*", key := name[1].rstrip(" \t"), re.ASCII):
                values[key] = value
            else:
                ignored.append(f"{line} is ignored: what stands before its = is not the name of a variable")
        else:
            at = _end(_NAME, text, at)
            ignored.append(f"{line} is ignored: it is not NAME=VALUE")
    return SettingsFile(values, ignored)


def check_settings(file: SettingsFile, environment: Mapping[str, str]) -> Finding:
    """Check that each line of the file, and each variable that looks like one of ours, sets something."""
    problems = [*file.ignored, *unknown_names({**environment, **file.values})]
    if problems:
        remedy = "correct it in the settings file, or in the environment; to list the settings:"
        return Finding("settings", "FAIL", "; ".join(problems), remedy, ["python3 -m doctor --help"])
    return Finding("settings", "OK", "every name is known")


def unknown_names(environment: Mapping[str, str]) -> list[str]:
    """Return, for each variable that is nearly one of ours, what it is and the nearest known name."""
    known = [PREFIX + setting.name for setting in SETTINGS]
    strangers = {name for name in environment if name.startswith(PREFIX)} - {*known}
    return [f"{name} is unknown: {' '.join(get_close_matches(name, known, 1))}" for name in sorted(strangers)]


def _value(text: str, at: int, line: str) -> tuple[int, str]:
    """Return where the value that begins here ends, and the value: quoted parts, then one that is not quoted."""
    parts: list[str] = []
    while quoted := _QUOTED.match(text, at):
        parts.append(quoted[1] if quoted[1] is not None else re.sub(r'\\(?:\n|(["\\`$]))', r"\1", quoted[2]))
        at = quoted.end()
    rest = _REST.match(text, at)
    if not rest or rest[1].startswith(("'", '"')):
        raise ValueError(f"{line}: a quote is not closed")
    return rest.end(), "".join([*parts, re.sub(r"(?s)\\(?:[\n\r]|\Z|(.))", r"\1", rest[1])])


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
