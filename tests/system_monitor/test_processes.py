"""What only a process shows: signals, a closed pipe, a server that dies."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from common.settings import PREFIX
from simulator.server import Server
from tests.processes import REPOSITORY, Program, wait_for
from tests.system_monitor.watching import DENIAL, deny, published

pytestmark = pytest.mark.process


def environment(server: Server) -> dict[str, str]:
    return {f"{PREFIX}REDIS_PORT": str(server.port)}


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_summary(server: Server, redis: Redis, signal_: signal.Signals) -> None:
    with Program("system_monitor", environment=environment(server)) as program:
        wait_for(lambda: redis.pubsub_numpat() == 1)
        redis.publish("pass-denied", DENIAL % "7")
        program.wait_for_output("card 7 was denied")
        assert program.stop(signal_) == 0
    assert program.errors == ["system-monitor: 1 event shown: 1 denied"]


def test_a_closed_pipe_ends_it_quietly(server: Server, redis: Redis) -> None:
    deny(redis, "7")
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    with os.fdopen(writing_end, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "system_monitor", "--no-follow"],
            cwd=REPOSITORY,
            env=os.environ | environment(server) | {"PYTHONUNBUFFERED": ""},
            stdout=pipe,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_it_escapes_what_the_locale_lacks(server: Server, redis: Redis) -> None:
    deny(redis, "Ж")
    variables = environment(server) | {"PYTHONIOENCODING": "latin-1:strict"}
    with Program("system_monitor", "--no-follow", environment=variables) as program:
        assert program.end() == 0
    assert program.output[0].endswith("card \\u0416 was denied: it holds no pass")


def test_it_waits_for_a_server_and_outlives_it(server_program: Path, tmp_path: Path) -> None:
    server = Server(server_program, tmp_path, "--appendonly", "yes")
    with Program("system_monitor", "--json", environment=environment(server)) as program:
        program.wait_for_error("connection lost: no connection to Redis")
        with server, server.client() as redis:
            for _ in range(2):
                wait_for(lambda: redis.pubsub_numpat() == 1)
                for number in range(5):
                    deny(redis, str(number))
                redis.publish("pass-denied", DENIAL % "live")
                redis.connection_pool.disconnect()
                server.stop()
                server.start()
            wait_for(lambda: len([line for line in program.output if '"id"' in line]) == 10)
            assert [line for line in program.output if '"id"' in line] == published(redis)
    assert program.errors.count("system-monitor: connected again") == 3
