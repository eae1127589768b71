"""A server whose append-only file ends in the middle of a transaction, as after a power cut."""

import subprocess
from pathlib import Path

import pytest
from redis import Redis

from simulator.server import Server, ServerError
from tests.drills.power_cuts import FILE, OPTIONS, power_cuts, state_of, write_all_kinds

CUTS = 50


def test_exactly_the_transactions_that_reach_past_the_cut_are_gone(server_program: Path, tmp_path: Path) -> None:
    outcome = power_cuts(server_program, tmp_path, CUTS)
    assert outcome.failures == []
    assert (outcome.rounds, outcome.lost) == (CUTS, 0)


@pytest.mark.parametrize(
    ("options", "zeros"),
    [(["--aof-load-truncated", "no"], b""), ([], bytes(100))],
    ids=["a server that may not cut the rest off", "zeros, as some file systems leave"],
)
def test_a_server_that_does_not_start_is_repaired_as_documented(
    server_program: Path, tmp_path: Path, options: list[str], zeros: bytes
) -> None:
    *_, last_whole, _ = write_all_kinds(server_program, tmp_path)
    file = tmp_path / FILE
    file.write_bytes(file.read_bytes()[:-5] + zeros)
    server = Server(server_program, tmp_path, *OPTIONS, *options)
    with pytest.raises(ServerError, match=r"appendonly\.aof\.1\.incr\.aof"):
        server.start()
    check = tmp_path / server_program.name.replace("-server", "-check-aof")
    check.symlink_to(server_program)  # the server by another name; Valkey 9.1.2 cannot repair by the manifest
    subprocess.run([check, "--fix", file], input=b"y\n", check=True, capture_output=True)
    with server, Redis(port=server.port, protocol=2) as redis:
        assert state_of(redis) == last_whole.state
