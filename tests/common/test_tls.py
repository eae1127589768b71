"""TLS, against a real server with certificates made here."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from redis.exceptions import RedisError

from common.redis_client import redis_client
from common.redis_errors import explain
from common.settings import PREFIX, Settings
from simulator.server import Server, find_server
from simulator.virtual_pi.station import VirtualPi
from tests.processes import Program
from tests.rider import RED, YELLOW, tap, wait_for_lights
from tests.talkative_server import TalkativeServer

pytestmark = [
    pytest.mark.usefixtures("no_authorities"),
    pytest.mark.skipif(
        not (shutil.which("redis-server") or os.environ.get("CI")), reason="no redis-server, which knows TLS, on PATH"
    ),
]
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


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
    options = ["--tls-cert-file", "server.pem", "--tls-key-file", "server.pem", "--tls-ca-cert-file", "authority.pem"]
    options += ["--tls-auth-clients", "no"]
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


@pytest.mark.process
def test_a_gate_works_over_tls(pi: VirtualPi, tls_environment: dict[str, str]) -> None:
    with Program("entry_gate", environment=tls_environment):
        wait_for_lights(pi, RED)
        tap(pi, "access-denied")


@pytest.mark.process
def test_the_monitor_works_over_tls(tls_environment: dict[str, str]) -> None:
    program = Program("system_monitor", "--no-follow", environment=tls_environment)
    assert program.end() == 0
    assert program.errors == []


@pytest.mark.process
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


@pytest.mark.process
def test_a_gate_without_tls_stays_out_of_service(pi: VirtualPi, tls_environment: dict[str, str]) -> None:
    with Program("entry_gate", environment=tls_environment | {PREFIX + "REDIS_TLS": "no"}) as gate:
        line = gate.wait_for_error("no connection to Redis at")
        assert line.endswith(f"before its first answer): if it talks TLS, set {PREFIX}REDIS_TLS to yes")
        wait_for_lights(pi, RED, YELLOW)


@pytest.fixture
def tls_settings(tls_server: Server) -> Settings:
    return Settings("test", redis_port=tls_server.port, redis_tls=True, redis_tls_ca=str(tls_server.authority))


def said_to(settings: Settings, timeout_s: float = 1.0) -> str:
    """Return what an operator is told of a call that fails."""
    with redis_client(settings, retries=0, socket_timeout_s=timeout_s) as redis:
        try:
            redis.ping()
        except RedisError as error:
            return explain(error, settings)
    raise AssertionError("it did not fail")


@contextmanager
def configured(server: Server, **values: str) -> Iterator[None]:
    """Change the server's settings, over a connection that was there before."""
    with server.client(single_connection_client=True) as redis:
        names = [name.replace("_", "-") for name in values]
        before = [item for name in names for item in redis.config_get(name).items()]
        redis.execute_command(
            "CONFIG", "SET", *(word for pair in zip(names, values.values(), strict=True) for word in pair)
        )
        try:
            yield
        finally:
            redis.execute_command("CONFIG", "SET", *(word for pair in before for word in pair))


@pytest.fixture
def issue(tmp_path: Path) -> Callable[..., str]:
    def issue(authority: trustme.CA, name: str, not_before: datetime | None = None, days: int = 1) -> str:
        path = tmp_path / "certificate.pem"
        issued = authority.issue_cert(name, not_before=not_before, not_after=NOW + days * DAY)
        issued.private_key_and_cert_chain_pem.write_to_path(str(path))
        return str(path)

    return issue


@pytest.mark.parametrize(
    ("name", "not_before", "days", "words", "remedy"),
    [
        ("redis.depot.example", None, 1, "is for another name (IP address mis", f"set {PREFIX}REDIS_HOST to a name"),
        ("127.0.0.1", NOW - 9 * DAY, -1, "has expired (", "check this device's clock, then renew the certificate"),
        ("127.0.0.1", NOW + DAY, 9, "is not valid yet (", "check this device's clock, then the certificate"),
    ],
    ids=["another name", "expired", "not yet valid"],
)
def test_what_is_wrong_with_a_server_s_certificate(
    name: str,
    not_before: datetime | None,
    days: int,
    words: str,
    remedy: str,
    authority: trustme.CA,
    tls_server: Server,
    tls_settings: Settings,
    issue: Callable[..., str],
) -> None:
    certificate = issue(authority, name, not_before, days)
    with configured(tls_server, tls_cert_file=certificate, tls_key_file=certificate):
        line = said_to(tls_settings)
    assert line.startswith(f"Redis at 127.0.0.1:{tls_server.port} has a certificate that {words}")
    assert f"): {remedy}" in line
    assert "TLS_CA" not in line


@pytest.mark.parametrize("password", [None, "any"])
@pytest.mark.parametrize("protocol", ["TLSv1.2", "TLSv1.3"])
def test_a_server_that_asks_for_a_client_s_certificate(
    protocol: str,
    password: str | None,
    authority: trustme.CA,
    tls_server: Server,
    tls_settings: Settings,
    issue: Callable[..., str],
) -> None:
    own = f"{PREFIX}REDIS_TLS_CERT and {PREFIX}REDIS_TLS_KEY"
    settings = replace(tls_settings, redis_password=password)
    with configured(tls_server, tls_auth_clients="yes", tls_protocols=protocol):
        line = said_to(settings)
        assert "asks for a client's certificate (" in line
        assert line.endswith(f": set {own}")
        foreign = issue(trustme.CA(), "gate-1")
        line = said_to(replace(settings, redis_tls_cert=foreign, redis_tls_key=foreign))
        assert "refuses this device's certificate (tlsv1 alert unknown ca)" in line
        assert line.endswith(f": check {own}")
        mine = issue(authority, "gate-1")
        with redis_client(replace(tls_settings, redis_tls_cert=mine, redis_tls_key=mine), 0, 1) as redis:
            assert redis.ping()


def test_a_server_without_tls(settings: Settings, tls_settings: Settings) -> None:
    assert said_to(replace(tls_settings, redis_port=settings.redis_port), timeout_s=0.1) == (
        f"no TLS with Redis at 127.0.0.1:{settings.redis_port} (its handshake was not answered in time): "
        f"if it does not talk TLS, set {PREFIX}REDIS_TLS to no"
    )


def test_a_server_without_tls_that_answers_the_handshake(tls_settings: Settings) -> None:
    with TalkativeServer(b"-ERR unknown command\r\n") as server:
        line = said_to(replace(tls_settings, redis_port=server.port))
    assert "(wrong version number): if it does not talk TLS" in line
