"""The users of deploy/users.acl, made from the tables that the programs check: `python -m tests.deploy.users`.

A selector allows commands for the keys that they are meant for (ACL SETUSER): `~` is a pattern of keys that may be read
and written; of two keys, each has its own.
"""

from collections.abc import Iterable, Mapping, Sequence

from redis import Redis

from common.keys import CHANNELS, DEVICES, JOURNAL, RECEIPT_PREFIX, SPENT_PREFIX
from common.rights import ANY_REQUEST, TO_CHANGE, TO_PULSE, TO_SEE_DEVICES, TO_SELL, TO_TELL, TO_USE, TO_VIEW
from simulator.server import Server
from system_monitor.device_watch import TO_PULSE as TO_PULSE_OF_A_MONITOR
from system_monitor.redis_source import NEEDS as TO_WATCH

PATTERNS = dict(zip(ANY_REQUEST.keys, ("[0-9]*", f"{RECEIPT_PREFIX}*", JOURNAL, f"{SPENT_PREFIX}*"), strict=True))
PATTERNS[DEVICES] = DEVICES
SUBCOMMANDS = {"XINFO", "SCRIPT"}
CONNECTION = "+ping +script|load +wait +publish"
SCRIPTS = "(-@all +evalsha ~[0-9]* ~transit-pass:*)"
OPERATOR = "user operator on >operator ~* &* +@all\n"
USERS: Mapping[str, Sequence[tuple[str, ...]]] = {
    "terminal": [*TO_SELL, *TO_TELL, *TO_PULSE],
    "gate": [*TO_USE, *TO_PULSE],
    "monitor": [*TO_WATCH, *TO_SEE_DEVICES],
    "office": TO_CHANGE,
    "viewer": TO_VIEW,
}
READERS = {"monitor": f"+ping +psubscribe {' '.join(f'&{channel}' for channel in CHANNELS)}", "viewer": "+ping"}
"""The users who change no pass and add no event, and their rights without keys."""
WRITTEN_BY_READERS = {"monitor": TO_PULSE_OF_A_MONITOR}


def users() -> list[str]:
    """Return the lines of the file."""
    lines = [_line(user, commands) for user, commands in USERS.items()]
    return ["user default off ~* &* +@all", *lines]


def _line(user: str, commands: Sequence[tuple[str, ...]]) -> str:
    start = f"user {user} on >change-me-{user} resetkeys resetchannels -@all"
    keyless = " ".join(dict.fromkeys(f"+{command[0].lower()}" for command in commands if len(command) == 1))
    if user in READERS:
        selectors = f"{_selectors(commands, read_only=True)} {_selectors(WRITTEN_BY_READERS.get(user, ()))}"
        return f"{start} {READERS[user]} {keyless} {selectors}".strip()
    channels = " ".join(f"&{command[1]}" for command in commands if command[0] == "PUBLISH")
    return f"{start} {CONNECTION} {channels} {keyless} {SCRIPTS} {_selectors(commands)}"


def _selectors(commands: Iterable[tuple[str, ...]], read_only: bool = False) -> str:
    """Return a selector for each pattern of keys, or pair of them, with the commands for it."""
    selectors: dict[str, list[str]] = {}
    for name, *arguments in commands:
        keys = list(dict.fromkeys(PATTERNS[argument] for argument in arguments if argument in PATTERNS))
        match keys:
            case [key]:
                patterns = f"%R~{key}" if read_only else f"~{key}"
            case [source, target]:
                patterns = f"%RW~{source} %W~{target}"
            case _:
                continue
        right = f"{name}|{arguments[0]}" if name in SUBCOMMANDS else name
        selectors.setdefault(patterns, []).append(f"+{right.lower()}")
    return " ".join(f"(-@all {' '.join(dict.fromkeys(rights))} {patterns})" for patterns, rights in selectors.items())


def log_in(server: Server, user: str) -> Redis:
    """Return a client that is one of the users, by the password in the file."""
    return server.client(username=user, password=f"change-me-{user}")


if __name__ == "__main__":
    print(*users(), sep="\n")
