"""TLS, against a real server with a certificate made here."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from common.settings import PREFIX
from simulator.server import Server, find_server
from simulator.virtual_pi.station import VirtualPi
from tests.processes import Program
from tests.rider import RED, YELLOW, tap, wait_for_lights

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        not (shutil.which("redis-server") or os.environ.get("CI")), reason="no redis-server, which knows TLS, on PATH"
    ),
]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls_server(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that accepts TLS connections only."""
    folder = tmp_path_factory.mktemp("tls")
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    options = ("--tls-cert-file", "server.pem", "--tls-key-file", "server.pem", "--tls-auth-clients", "no")
    with Server(find_server("redis"), folder, *options, authority=folder / "authority.pem") as server:
        yield server


@pytest.fixture
def tls_environment(pi: VirtualPi, tls_server: Server) -> dict[str, str]:
    return {
        **pi.environment(),
        PREFIX + "REDIS_PORT": str(tls_server.port),
        PREFIX + "REDIS_TLS": "yes",
        PREFIX + "REDIS_TLS_CA": str(tls_server.authority),
    }


def test_a_gate_works_over_tls(pi: VirtualPi, tls_environment: dict[str, str]) -> None:
    with Program("entry_gate", environment=tls_environment):
        wait_for_lights(pi, RED)
        tap(pi, "access-denied")


def test_the_monitor_works_over_tls(tls_environment: dict[str, str]) -> None:
    program = Program("system_monitor", "--no-follow", environment=tls_environment)
    assert program.end() == 0
    assert program.errors == []


@pytest.mark.parametrize("module", ["entry_gate", "sales_terminal", "system_monitor"])
def test_a_certificate_of_another_authority_is_refused_in_one_line(
    module: str, tls_server: Server, tls_environment: dict[str, str], tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    environment = tls_environment | {PREFIX + "REDIS_TLS_CA": str(tmp_path / "other.pem")}
    with Program(module, environment=environment) as program:
        line = program.wait_for_error(f"Redis at 127.0.0.1:{tls_server.port} has a certificate that")
        assert "has a certificate that is not trusted" in line
        program.stop()
        assert len([line for line in program.errors if "certificate" in line]) == 1
        assert not [line for line in program.errors if "Traceback" in line]


def test_a_gate_without_tls_stays_out_of_service(pi: VirtualPi, tls_environment: dict[str, str]) -> None:
    with Program("entry_gate", environment=tls_environment | {PREFIX + "REDIS_TLS": "no"}) as gate:
        gate.wait_for_error("no connection to Redis at")
        wait_for_lights(pi, RED, YELLOW)
