"""What a server's settings mean for the passes in it: durability, eviction, memory."""

import re
from collections.abc import Mapping
from typing import Any

from common.settings import PREFIX
from doctor.finding import Finding, Status

EVENT_BYTES = 210  # an entry of the journal in memory, measured: docs/operating.md, capacity

_IN_INFO = {"aof_enabled": "appendonly", "maxmemory_policy": "maxmemory-policy"}
_FLAGS = {"0": "no", "1": "yes"}
_MEANINGS: tuple[tuple[str, str, str, Status, str, str], ...] = (
    ("durability", "appendonly", "no", "FAIL", "a power cut undoes sales and entries", "yes"),
    ("durability", "appendfsync", "no", "WARN", "a power cut may undo the last half minute", "everysec"),
    ("durability", "appendfsync", "everysec", "OK", "a power cut may undo the last two seconds", ""),
    ("durability", "appendfsync", "always", "OK", "every acknowledged change is synced to the append-only file", ""),
    ("durability", "appendonly", "yes", "OK", "changes go to an append-only file, at an interval that is not told", ""),
    ("eviction", "maxmemory-policy", "noeviction", "OK", "a full server refuses sales and keeps every pass", ""),
    ("eviction", "maxmemory-policy", "volatile-.+", "WARN", "a full server deletes two hour passes", "noeviction"),
    ("eviction", "maxmemory-policy", ".+", "WARN", "a full server deletes passes", "noeviction"),
)
"""A finding's name, one of the server's settings, its value, what that means, and a better value."""


def facts_of(redis: Any) -> Mapping[str, str]:  # noqa: ANN401  # a client, whose answers have no types
    """Return what INFO and CONFIG tell this user; a hosted server may refuse both, and leave things out."""
    with redis.pipeline(transaction=False) as pipeline:
        pipeline.info()
        pipeline.config_get("append*", "maxmemory*", "min-replicas-to-write")
        answers = [answer for answer in pipeline.execute(raise_on_error=False) if isinstance(answer, dict)]
    told = {str(name): str(value) for answer in answers for name, value in answer.items()}
    by_info = {setting: _FLAGS.get(told[name], told[name]) for name, setting in _IN_INFO.items() if name in told}
    return by_info | told


def judge(name: str, facts: Mapping[str, str]) -> Finding:
    """Return what the server's settings mean for the passes in it."""
    for finding, setting, value, status, meaning, better in _MEANINGS:
        if finding == name and re.fullmatch(value, facts.get(setting, "")):
            remedy, commands = change(setting, better)
            if (name, status) == ("durability", "OK"):
                remedy = "whether the append-only file is on a disk cannot be seen from here"
            return Finding(name, status, f"{meaning} ({setting} {facts[setting]})", remedy, commands)
    commands = ["redis-cli CONFIG GET '*'"]
    return Finding(name, "SKIP", "neither CONFIG nor INFO tells this user", "ask on Redis's machine:", commands)


def change(setting: str, better: str) -> tuple[str, list[str]]:
    """Return the remedy for a setting of the server, and its commands; none if there is no better value."""
    commands = [f"redis-cli CONFIG SET {setting} {better}", "redis-cli CONFIG REWRITE"]
    return ("on Redis's machine, or in the settings of its hosting:", commands) if better else ("", [])


def check_memory(facts: Mapping[str, str], journal_length: int) -> Finding:
    """Compare what the journal will take with what the server may use."""
    journal = journal_length * EVENT_BYTES
    text = f"a journal of {journal_length:,} events takes about {_megabytes(journal)}"
    setting = next((each for each in ("maxmemory", "total_system_memory") if number_in(facts, each)), None)
    if not setting:
        return Finding("memory", "SKIP", f"{text}; how much the server has, neither CONFIG nor INFO tells this user")
    limit, used = number_in(facts, setting), number_in(facts, "used_memory")
    text += f"; the server uses {_megabytes(used)} of {_megabytes(limit)} ({setting})"
    if journal > limit / 2:
        remedy = f"lower {PREFIX}JOURNAL_LENGTH on every device, or give the server more"
        return Finding("memory", "FAIL" if journal > limit else "WARN", text, remedy)
    if used > limit * 0.9:
        return Finding("memory", "WARN", text, "give the server more, before it refuses sales and entries")
    return Finding("memory", "OK", text)


def number_in(facts: Mapping[str, str], name: str) -> int:
    """Return a number that the server tells, or 0."""
    text = facts.get(name, "")
    return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else 0


def _megabytes(octets: int) -> str:
    return f"{octets / 1e6:,.0f} MB"
