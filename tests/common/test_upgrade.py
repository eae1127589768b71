"""Version 1.0.0 beside this tree on one Redis: both read and change the same passes, and read the same journal."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from common.settings import PREFIX
from simulator.server import Server
from tests.journal import entries
from tests.processes import REPOSITORY, Program, wait_for

VERSION_1_0_0 = "f53e092701f60f486cbe6e97cec79a09e8ad57e7"
CARD, OTHER_CARD = "43405556992", "1302123111085380"

# A device: it does what each line says, such as `use 43405556992`, and prints the outcome. Both trees understand it.
DEVICE = """
import os, sys, uuid
from common.pass_store import PassStore
from common.passes import PassType
from common.rights import TO_SELL, TO_USE
from common.settings import Settings

store = PassStore(Settings.from_environment("device", os.environ), needs=[*TO_USE, *TO_SELL])
for line in sys.stdin:
    verb, card, *pass_type = line.split()
    if hasattr(store, "new_request"):
        outcome = store.issue(store.new_request(card), PassType(*pass_type)) if pass_type else store.use(card)
    else:
        id_ = uuid.uuid4().hex
        outcome = store.issue(card, PassType(*pass_type), id_) if pass_type else store.use(card, id_)
    print(outcome, flush=True)
"""
Device = Callable[[str], str]

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("version-1.0.0")
    archive = subprocess.run(
        ["git", "archive", VERSION_1_0_0, "common", "system_monitor"], cwd=REPOSITORY, capture_output=True, check=False
    )
    if archive.returncode:
        pytest.skip("this clone does not hold version 1.0.0 (git fetch --unshallow)")
    subprocess.run(["tar", "x"], cwd=folder, input=archive.stdout, check=True)
    return {"old": folder, "new": REPOSITORY}


@pytest.fixture
def devices(trees: dict[str, Path], server: Server) -> Iterator[dict[str, Device]]:
    """A device of each tree: it does what it reads, and answers with the outcome."""
    processes = {
        version: subprocess.Popen(
            [sys.executable, "-c", DEVICE],
            cwd=tree,
            env={f"{PREFIX}REDIS_PORT": str(server.port), f"{PREFIX}DEVICE": version},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for version, tree in trees.items()
    }

    def device(process: "subprocess.Popen[str]") -> Device:
        def act(line: str) -> str:
            assert process.stdin
            assert process.stdout
            process.stdin.write(line + "\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        return act

    yield {version: device(process) for version, process in processes.items()}
    for process in processes.values():
        process.communicate()


def monitor(tree: Path, server: Server, *options: str) -> Program:
    return Program("system_monitor", *options, environment={f"{PREFIX}REDIS_PORT": str(server.port)}, folder=tree)


BOTH_ORDERS = pytest.mark.parametrize(("first", "second"), [("old", "new"), ("new", "old")])


@BOTH_ORDERS
def test_devices_use_each_others_passes(devices: dict[str, Device], redis: Redis, first: str, second: str) -> None:
    for pass_type in ("SINGLE_USE", "TEN_TRIP", "TWO_HOUR"):
        redis.delete(CARD)
        assert devices[first](f"issue {CARD} {pass_type}") == "issued"
        assert devices[second](f"issue {CARD} {pass_type}") == "has-pass"
        assert devices[second](f"use {CARD}") == "granted"
        assert devices[first](f"use {CARD}") == ("no-pass" if pass_type == "SINGLE_USE" else "granted")


def test_the_journals_ids_rise(devices: dict[str, Device], redis: Redis) -> None:
    for _ in range(20):
        assert {device(f"use {CARD}") for device in devices.values()} == {"no-pass"}
    ids = [tuple(map(int, entry.id.split("-"))) for entry in entries(redis)]
    assert len(ids) == 40
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("version", ["old", "new"])
def test_a_monitor_reads_the_journal_of_both(
    devices: dict[str, Device], trees: dict[str, Path], server: Server, version: str
) -> None:
    for device in (devices["old"], devices["new"]):
        device(f"issue {CARD} TEN_TRIP")
        device(f"use {CARD}")
    program = monitor(trees[version], server, "--no-follow", "--json")
    assert program.end() == 0
    shown = [json.loads(line) for line in program.output]
    assert [event["device"] for event in shown] == ["old", "old", "new"]
    assert [event.get("remainingTrips") for event in shown] == [None, 9, 8]


@pytest.mark.parametrize("version", ["old", "new"])
def test_a_monitor_shows_the_events_of_both_once_after_a_reconnection(
    devices: dict[str, Device], trees: dict[str, Path], server: Server, redis: Redis, version: str
) -> None:
    with monitor(trees[version], server, "--json") as program:
        wait_for(redis.pubsub_numpat)
        for device in devices.values():
            device(f"use {CARD}")
        wait_for(lambda: len(program.output) == 2)
        redis.client_kill_filter(_type="pubsub")
        for device in devices.values():
            device(f"use {OTHER_CARD}")
        wait_for(lambda: len(program.output) >= 4)
        for device in devices.values():
            device(f"issue {CARD} SINGLE_USE")
        program.wait_for_output("SINGLE_USE")
        shown = [json.loads(line) for line in program.output]
    assert [(event["cardSerialNumber"], event["device"]) for event in shown] == [
        (CARD, "old"),
        (CARD, "new"),
        (OTHER_CARD, "old"),
        (OTHER_CARD, "new"),
        (CARD, "old"),
    ]
