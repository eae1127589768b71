"""The server as a process."""

from pathlib import Path

import pytest

from simulator import server as servers
from simulator.server import Server, ServerError, free_port


def test_one_that_runs_is_not_started_again(server_program: Path, tmp_path: Path) -> None:
    with Server(server_program, tmp_path) as server, server.client() as redis:
        process = redis.info("server")["process_id"]
        with pytest.raises(ServerError, match="running already"):
            server.start()
        assert redis.info("server")["process_id"] == process
    assert not Path(f"/proc/{process}").exists()


def test_a_port_that_another_server_has_taken_meanwhile(server_program: Path, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("taken", "free")]
    for folder in folders:
        folder.mkdir()
    late = Server(server_program, folders[0])
    with Server(server_program, folders[1], "--port", str(late.port)), pytest.raises(ServerError, match="in use"):
        late.start()
    assert not late.is_running


def test_nobody_gets_the_port_of_a_server_that_is_down(
    server_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(server_program, tmp_path) as server:
        server.kill()
        another = free_port()
        monkeypatch.setattr(servers, "_server_ports", iter([server.port, another]))
        assert free_port() == another
        server.start()
