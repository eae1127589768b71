"""A server of the doctor's tests, whose configuration and users they may change."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.server import Server

SETTINGS = {
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
    "min-replicas-to-write": "0",
    "requirepass": "",
}


@pytest.fixture(scope="session")
def safe_server(server_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that loses nothing."""
    with Server(
        server_program, tmp_path_factory.mktemp("server"), "--appendonly", "yes", "--repl-diskless-sync-delay", "0"
    ) as server:
        yield server
        server.kill()  # one that is writing its append-only file anew refuses to end


@pytest.fixture
def server(safe_server: Server) -> Iterator[Server]:
    """The server, as it was before another test changed it."""
    with safe_server.client() as redis:
        for setting, value in SETTINGS.items():
            redis.config_set(setting, value)
        yield safe_server
        redis.config_set("requirepass", "")
        redis.execute_command("REPLICAOF", "NO", "ONE")
        redis.acl_deluser("it", "gate", "terminal", "monitor")
