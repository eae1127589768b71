"""The operator's commands in docs/operating.md, run as they stand there, on a server set up as in deploy/."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from common import scripts
from common.keys import JOURNAL, RECEIPT_PREFIX
from common.pass_store import PassStore
from common.passes import PassType
from common.request import Request
from common.rights import TO_SELL, TO_USE
from common.scripts import USE
from common.settings import Settings
from simulator.server import Server
from tests.deploy.users import OPERATOR
from tests.docs.documents import document
from tests.drills.drill import until_answered
from tests.processes import REPOSITORY, wait_for

CARD, OTHER_CARD = "43405556992", "1302123111085380"
STAND_INS = """
redis-cli() { command redis-cli -p "$PORT" "${@/#192.168.1.10/127.0.0.1}" <<<operator; }
sudo() { "$@"; }
install() { command install "${@:5}"; }  # without the owner and the group
"""

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not (shutil.which("redis-cli") or os.environ.get("CI")), reason="no redis-cli on PATH"),
]


@pytest.fixture
def server(server_program: Path, tmp_path: Path) -> Iterator[Server]:
    """A server whose folders /etc/redis and /var/lib/redis are the test's."""
    configuration = tmp_path / "redis.conf"
    configuration.write_text(in_folder((REPOSITORY / "deploy/redis.conf").read_text(), tmp_path))
    (tmp_path / "users.acl").write_text((REPOSITORY / "deploy/users.acl").read_text() + OPERATOR)
    with Server(server_program, tmp_path, configuration=configuration) as server:
        yield server


@pytest.fixture
def redis(server: Server) -> Iterator[Redis]:
    with server.client(username="operator", password="operator") as redis:
        yield redis


@pytest.fixture
def gate(server: Server) -> Iterator[PassStore]:
    with closing(PassStore(login(server, "gate"), TO_USE)) as gate:
        yield gate


@pytest.fixture
def terminal(server: Server) -> Iterator[PassStore]:
    with closing(PassStore(login(server, "terminal"), TO_SELL)) as terminal:
        yield terminal


def login(server: Server, user: str) -> Settings:
    return Settings(user, redis_port=server.port, redis_username=user, redis_password=f"change-me-{user}")


def in_folder(text: str, folder: Path) -> str:
    return text.replace("/var/lib/redis", str(folder)).replace("/etc/redis", str(folder))


def commands(words: str) -> str:
    """Return the page's commands that have these words among them."""
    return next(fence.text for fence in document("docs/operating.md").fences if words in fence.text)


def run(text: str, server: Server, folder: Path) -> list[str]:
    """Run commands in the server's folder, and return what they print."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", STAND_INS + in_folder(text, folder)],
        cwd=folder,
        env={**os.environ, "PORT": str(server.port)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{text} ended with status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout.splitlines()


def sell(terminal: PassStore, card: str) -> None:
    until_answered(partial(terminal.issue, terminal.new_request(card), PassType.TEN_TRIP))


def receipts(redis: Redis) -> dict[str, str]:
    return {str(key): str(redis.get(key)) for key in sorted(redis.keys(f"{RECEIPT_PREFIX}*"))}


def held(redis: Redis) -> str:
    """Return all keys and values."""
    passes = [redis.hgetall(key) for key in sorted(redis.keys("[0-9]*"))]
    return f"{sorted(redis.keys())} {passes} {receipts(redis)} {redis.xrange(JOURNAL)}"


def test_a_backup_is_restored(server: Server, redis: Redis, terminal: PassStore, tmp_path: Path) -> None:
    sell(terminal, CARD)
    run(commands("--rdb"), server, tmp_path)
    (snapshot,) = tmp_path.glob("passes-*.rdb")
    snapshot.rename(tmp_path / "passes-2026-01-31-0300.rdb")
    sell(terminal, OTHER_CARD)
    for line in commands("appendonlydir.before").splitlines():
        if "systemctl" in line:
            (server.stop if " stop " in line else server.start)()
        else:
            run(line, server, tmp_path)
    for _ in range(2):
        wait_for(lambda: redis.info("persistence")["aof_rewrite_in_progress"] == 0)
        assert redis.keys("[0-9]*") == [CARD]
        assert redis.config_get("appendonly") == {"appendonly": "yes"}
        server.stop()
        server.start()
        redis.connection_pool.disconnect()


def test_what_is_older_than_30_days_is_forgotten(server: Server, redis: Redis, tmp_path: Path) -> None:
    now_ms = int(time.time() * 1000)
    for days in (31, 29, 0):
        redis.xadd(JOURNAL, {"channel": str(days), "payload": "{}"}, id=f"{now_ms - days * 86_400_000}-0")
    assert run(commands("XTRIM"), server, tmp_path)[-1] == "1"
    assert redis.xlen(JOURNAL) == 2


def test_a_card_is_erased(server: Server, redis: Redis, terminal: PassStore, gate: PassStore, tmp_path: Path) -> None:
    """And a request of the erased card that arrives late takes nothing from the pass that it has bought since."""
    for card in (OTHER_CARD, CARD):
        sell(terminal, card)
        until_answered(partial(gate.use, card))
    sessions = receipts(redis).keys()
    printed = run(commands(f"DEL {CARD}"), server, tmp_path)
    assert CARD not in held(redis)
    assert OTHER_CARD in held(redis)
    assert printed[:3] == ["1", "2", "2"]  # keys, events, receipts
    assert receipts(redis).keys() == sessions
    assert min(redis.ttl(key) for key in sessions) > 600_000
    sell(terminal, CARD)
    before = held(redis)
    ((key, receipt),) = (each for each in receipts(redis).items() if "granted" in each[1])
    request = Request(key.removeprefix(RECEIPT_PREFIX), int(receipt.split()[0]), CARD)
    with pytest.raises(ResponseError, match="MISMATCH"):
        scripts.run(redis, USE, request, ["gate", 1000, request.number])
    assert held(redis) == before
