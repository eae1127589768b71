"""The power goes while the append-only file is written: it ends at any byte; the server starts from what is left."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from redis import Redis

from back_office import desk
from back_office.store import Store
from common import scripts
from common.pass_store import PassStore
from common.passes import PassType
from common.request import Request
from common.rights import TO_SELL, TO_USE
from common.scripts import REVERSE, USE
from common.settings import Settings
from simulator.server import Server
from tests.drills.drill import Outcome, require, seeded_random, until_answered

TAIL = 4096  # bytes
AT_ONCE = 2
OPTIONS = ("--appendonly", "yes", "--appendfsync", "always")
FILE = "appendonlydir/appendonly.aof.1.incr.aof"
State = dict[bytes, tuple[bytes, int]]


class Written(NamedTuple):
    """The end of a transaction in the file, and all that the server holds then."""

    end: int
    state: State


def power_cuts(program: Path, folder: Path, rounds: int = TAIL + 1) -> Outcome:
    """Cut the file at each of its last bytes, or at some of them; exactly what reaches past the cut must be gone."""
    original = folder / "original"
    original.mkdir()
    history = write_all_kinds(program, original)
    offsets = _offsets((original / FILE).read_bytes(), history, rounds, seeded_random())
    with ThreadPoolExecutor(AT_ONCE) as threads:
        left = list(threads.map(partial(_after_a_cut, program, original), offsets))
    lost, failures = 0, []
    for offset, state in zip(offsets, left, strict=True):
        whole = [written for written in history if written.end <= offset]
        if state != whole[-1].state:
            lost += 1
            failures.append(f"cut at {offset}: {_difference(state, history)}, of which {len(whole)} were whole")
    return Outcome(len(offsets), lost, remarks=f"{len(history)} transactions", failures=failures)


def write_all_kinds(program: Path, folder: Path) -> Sequence[Written]:
    """Let every script write until the file is longer than its tail; return what was there after each transaction."""
    history: list[Written] = []
    with Server(program, folder, *OPTIONS) as server, Redis(port=server.port, protocol=2) as redis:
        for change in _changes(server.port, redis):
            change()
            history.append(Written((folder / FILE).stat().st_size, state_of(redis)))
            if history[-1].end - history[0].end > TAIL:
                break
    require(all(first.state != second.state for first, second in pairwise(history)), "all differ")
    return history


def _changes(port: int, redis: Redis) -> Iterator[Callable[[], object]]:
    """Yield sales, entries, reversals and changes at the desk, of every type of pass."""
    settings = Settings("drill", redis_port=port)
    with closing(PassStore(settings, [*TO_USE, *TO_SELL])) as store:
        until_answered(partial(store.look, "0"))
        office = Store(settings, "desk (drill)")
        for number, card in enumerate(map(str, count(10**10))):
            pass_type = list(PassType)[number % len(PassType)]
            yield partial(store.issue, store.new_request(card), pass_type)
            request = Request(f"{number:016x}", 1, card)
            for script in (USE, REVERSE):
                yield partial(scripts.run, redis, script, request, ["gate", 10**6, 1])
            yield lambda card=card: office.make(desk.block(office.look(card), "lost"), "drill", f"{int(card):016x}")  # type: ignore[misc]


def state_of(redis: Redis) -> State:
    keys: Any = redis.keys()
    client: Any = redis
    return {key: (client.dump(key), client.pexpiretime(key)) for key in keys}


def _offsets(data: bytes, history: Sequence[Written], rounds: int, chance: Random) -> Sequence[int]:
    """Return where to cut: everywhere in the tail; or about the end of each transaction, between commands, anywhere."""
    first = len(data) - TAIL
    if rounds > TAIL:
        return range(first, len(data) + 1)
    ends = [written.end + more for written in history for more in (-1, 0, 1) if first < written.end < len(data)]
    commands = [found.start() + 2 for found in re.finditer(rb"\r\n\*\d", data) if found.start() >= first]
    between = chance.sample(commands, max(0, rounds - len(ends)) // 2)
    anywhere = [chance.randrange(first, len(data) + 1) for _ in range(rounds - len(ends) - len(between))]
    return [*ends, *between, *anywhere]


def _after_a_cut(program: Path, original: Path, offset: int) -> State:
    """Return what a server has that starts from the files, with the last one cut there."""
    with TemporaryDirectory(dir=original.parent) as folder:
        shutil.copytree(original, folder, dirs_exist_ok=True)
        with Path(folder, FILE).open("r+b") as file:
            file.truncate(offset)
        server = Server(program, Path(folder), *OPTIONS)
        server.start()
        with Redis(port=server.port, protocol=2) as redis:
            state = state_of(redis)
        server.kill()
        return state


def _difference(state: State, history: Sequence[Written]) -> str:
    known = [number for number, written in enumerate(history, 1) if written.state == state]
    return f"{known[0]} transactions are there" if known else "a transaction is there in part"
