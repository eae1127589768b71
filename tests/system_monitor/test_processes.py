"""What only a process shows: signals, a closed pipe, a server that dies."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import IO

import pytest
from redis import Redis

from common.settings import PREFIX
from simulator.server import Server
from tests.processes import REPOSITORY, Program, wait_for
from tests.system_monitor.watching import DENIAL, deny, published
from tests.systemd import Systemd

pytestmark = pytest.mark.process


def environment(server: Server) -> dict[str, str]:
    return {f"{PREFIX}REDIS_PORT": str(server.port)}


def run(server: Server, *options: str, stdout: IO[bytes]) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "system_monitor", *options],
        cwd=REPOSITORY,
        env=os.environ | environment(server) | {"PYTHONUNBUFFERED": ""},
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_summary(server: Server, redis: Redis, signal_: signal.Signals) -> None:
    with Program("system_monitor", environment=environment(server)) as program:
        wait_for(redis.pubsub_numpat)
        redis.publish("pass-denied", DENIAL % "7")
        program.wait_for_output("denied: no pass")
        assert program.stop(signal_) == 0
    assert program.errors == [
        f"system-monitor: waiting for events: Redis at 127.0.0.1:{server.port}",
        "system-monitor: 1 event shown: 1 denied",
    ]


def test_a_closed_pipe_ends_it_quietly(server: Server, redis: Redis) -> None:
    deny(redis, "7")
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    with os.fdopen(writing_end, "wb") as pipe:
        done = run(server, "--no-follow", stdout=pipe)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("options", [["--no-follow"], []])
def test_a_full_disk_ends_it_with_one_line(server: Server, redis: Redis, options: list[str]) -> None:
    deny(redis, "7")
    with Path("/dev/full").open("wb") as full:
        done = run(server, *options, stdout=full)
    assert (done.returncode, done.stderr) == (
        1,
        b"system-monitor: the output takes no more: [Errno 28] No space left on device\n",
    )


@pytest.mark.parametrize(
    ("redirection", "status", "errors"),
    [
        (">&-", 1, b"system-monitor: the standard output is closed\n"),
        (">&- 2>&-", 1, b""),
        ("2>&-", 0, b""),
        ("2>/dev/full", 0, b""),
    ],
)
def test_a_closed_output(server: Server, redis: Redis, redirection: str, status: int, errors: bytes) -> None:
    deny(redis, "7")
    command = f"exec {sys.executable} -m system_monitor --no-follow {redirection}"
    done = subprocess.run(
        ["sh", "-c", command], cwd=REPOSITORY, env=os.environ | environment(server), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (status, errors)


def test_json_for_a_locale_that_lacks_characters_is_json(server: Server, redis: Redis) -> None:
    cards = ["Ж", "\U0001f3ab", "é"]
    for card in cards:
        deny(redis, card)
    variables = environment(server) | {"PYTHONIOENCODING": "ascii"}
    with Program("system_monitor", "--no-follow", "--json", environment=variables) as program:
        assert program.end() == 0
    assert [json.loads(line)["cardSerialNumber"] for line in program.output] == cards


def test_reading_the_journal_feeds_the_watchdog(server: Server, redis: Redis, systemd: Systemd) -> None:
    """Nothing else does here; test_monitor.py counts how often."""
    deny(redis, "7")
    with Program("system_monitor", "--no-follow", environment=environment(server) | systemd.environment) as program:
        assert program.end() == 0
    assert "WATCHDOG=1" in systemd.received


def test_restarts_under_load_leave_no_gap_and_no_double(server: Server, redis: Redis, tmp_path: Path) -> None:
    is_over = threading.Event()
    variables = environment(server) | {"STATE_DIRECTORY": str(tmp_path)}
    shown: list[str] = []

    def ride() -> None:
        with server.client() as gate:
            while not is_over.is_set():
                for _ in range(20):
                    gate.publish("pass-denied", deny(gate, "7"))
                time.sleep(0.005)

    riders = threading.Thread(target=ride)
    riders.start()
    chance = random.Random(1)
    try:
        for _ in range(6):
            with Program("system_monitor", "--json", environment=variables) as program:
                wait_for(partial(len, program.output))
                time.sleep(chance.uniform(0, 0.3))
                assert program.stop(chance.choice([signal.SIGTERM, signal.SIGINT])) == 0
            shown += program.output
    finally:
        is_over.set()
        riders.join()
    with Program("system_monitor", "--json", environment=variables) as program:
        wait_for(lambda: program.output[-1:] == published(redis)[-1:])
        program.stop()
    shown += program.output
    assert shown == published(redis)[-len(shown) :]


def test_a_kill_loses_nothing(server: Server, redis: Redis, tmp_path: Path) -> None:
    """What was printed just before may be printed again."""
    variables = environment(server) | {"STATE_DIRECTORY": str(tmp_path)}
    shown: list[str] = []
    deny(redis, "first")
    for _ in range(4):
        with Program("system_monitor", "--json", environment=variables) as program:
            wait_for(redis.pubsub_numpat)
            wait_for((tmp_path / "place").exists)  # what came before the first start is shown in part only
            for number in range(50):
                redis.publish("pass-denied", deny(redis, str(number)))
            program.process.kill()
            program.end()
        shown += program.output
        wait_for(lambda: redis.pubsub_numpat() == 0)
    deny(redis, "last")
    with Program("system_monitor", "--json", environment=variables) as program:
        wait_for(lambda: program.output[-1:] == published(redis)[-1:])
    assert list(dict.fromkeys(line for line in [*shown, *program.output] if line.endswith("}"))) == published(redis)


def test_it_escapes_what_the_locale_lacks(server: Server, redis: Redis) -> None:
    deny(redis, "Ж")
    variables = environment(server) | {"PYTHONIOENCODING": "latin-1:strict"}
    with Program("system_monitor", "--no-follow", environment=variables) as program:
        assert program.end() == 0
    assert program.output[0].endswith("card \\u0416  denied: no pass")


def test_it_waits_for_a_server_and_outlives_it(server_program: Path, tmp_path: Path) -> None:
    server = Server(server_program, tmp_path, "--appendonly", "yes")
    with Program("system_monitor", "--json", environment=environment(server)) as program:
        program.wait_for_error("cannot reach Redis yet: no connection to Redis")
        with server, server.client() as redis:
            for _ in range(2):
                wait_for(redis.pubsub_numpat)
                for number in range(5):
                    deny(redis, str(number))
                redis.publish("pass-denied", DENIAL % "live")
                redis.connection_pool.disconnect()
                server.stop()
                server.start()
            wait_for(lambda: len([line for line in program.output if '"id"' in line]) == 10)
            assert [line for line in program.output if '"id"' in line] == published(redis)
            program.wait_for_more_errors("connected again", than=1)
    assert [each for each in program.errors if "connected" in each] == [
        "system-monitor: connected",
        *["system-monitor: connected again"] * 2,
    ]
