"""The server as a process."""

from pathlib import Path

import pytest

from simulator.server import Server, ServerError


def test_one_that_runs_is_not_started_again(server_program: Path, tmp_path: Path) -> None:
    with Server(server_program, tmp_path) as server, server.client() as redis:
        process = redis.info("server")["process_id"]
        with pytest.raises(ServerError, match="running already"):
            server.start()
        assert redis.info("server")["process_id"] == process
    assert not Path(f"/proc/{process}").exists()
