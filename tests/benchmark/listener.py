"""A program that follows events and writes them to a file, and how fast it does."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from redis import Redis

from common.settings import PREFIX
from simulator.server import Server
from tests.benchmark.published import PUBLISH, Message, batches
from tests.processes import REPOSITORY, wait_for

MOST_WAITING = 4_000_000  # bytes; the server disconnects a subscriber at 8 MB (client-output-buffer-limit)
LAST = '{"cardSerialNumber":"the last"}'


class Listener:
    """A process that is subscribed when its context is entered."""

    def __init__(
        self, command: Sequence[str], server: Server, folder: Path, working_folder: Path = REPOSITORY, patterns: int = 1
    ) -> None:
        """Prepare to start it; it is subscribed once the server has so many patterns."""
        self._command, self._server, self._working_folder, self._patterns = command, server, working_folder, patterns
        self._output = folder / "output"

    def __enter__(self) -> "Listener":
        variables = {PREFIX + "REDIS_PORT": str(self._server.port), PREFIX + "REDIS_HOST": "127.0.0.1"}
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, **variables, "PYTHONUNBUFFERED": ""},
                cwd=self._working_folder,
                stdout=output,
                stderr=subprocess.DEVNULL,
            )
        self._redis = self._server.client()
        wait_for(lambda: self._redis.pubsub_numpat() >= self._patterns)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        wait_for(lambda: self._redis.pubsub_numpat() == 0)
        self._redis.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def lines(self) -> int:
        return self._output.read_bytes().count(b"\n")

    def follow(self, messages: Sequence[Message], events: int, script: str = PUBLISH) -> float:
        """Publish as fast as it can take; return the seconds until it has written the last one."""
        publish = self._redis.register_script(script)
        began_at = time.monotonic()
        for arguments in batches(messages, events):
            publish(args=arguments)
            wait_for(lambda: waiting_bytes(self._redis) < MOST_WAITING, 60)
        self._redis.publish("pass-denied", LAST)
        wait_for(lambda: b"the last" in self._end(), 60)
        return time.monotonic() - began_at

    def _end(self) -> bytes:
        with self._output.open("rb") as content:
            content.seek(max(0, self._output.stat().st_size - 500))
            return content.read()


def waiting_bytes(redis: Redis) -> int:
    """Return how much waits in the server for those who are subscribed."""
    return sum(int(client["omem"]) for client in redis.client_list(_type="pubsub"))


def resident_mb(process: int) -> float:
    """Return what is resident of a process (proc(5))."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
