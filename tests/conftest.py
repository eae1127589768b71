"""What all tests share: a real server."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

import simulator.virtual_pi
from common.settings import PREFIX, Settings
from simulator.server import Server, find_server
from simulator.virtual_pi.board import Board, the_board
from simulator.virtual_pi.station import VirtualPi
from tests.fake_clock import FakeClock

STAND_INS = Path(simulator.virtual_pi.__file__).parent / "stand_ins"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--server", choices=["valkey", "redis"], help="run against this server (default: what is there)")


@pytest.fixture(scope="session")
def server_program(request: pytest.FixtureRequest) -> Path:
    return find_server(request.config.getoption("--server"))


@pytest.fixture(scope="session")
def shared_server(server_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(server_program, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(shared_server: Server) -> Server:
    """A server that holds nothing yet."""
    shared_server.client().flushall()
    return shared_server


@pytest.fixture
def redis(server: Server) -> Iterator[Redis]:
    with server.client() as client:
        yield client


@pytest.fixture
def settings(server: Server) -> Settings:
    return Settings(device="test", redis_port=server.port)


@pytest.fixture
def pi() -> Iterator[VirtualPi]:
    with VirtualPi() as pi:
        yield pi


@pytest.fixture
def environment(pi: VirtualPi, server: Server) -> dict[str, str]:
    """What makes a device run on the virtual Pi, against the server."""
    return {**pi.environment(), f"{PREFIX}REDIS_PORT": str(server.port), f"{PREFIX}DEVICE": "device-1"}


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    """A board in this process, for the modules that drive hardware: each test imports them anew."""
    monkeypatch.syspath_prepend(STAND_INS)
    monkeypatch.delenv("VIRTUAL_PI_SOCKET", raising=False)
    monkeypatch.delenv("VIRTUAL_PI_SPI_MICROSECONDS", raising=False)
    _forget_hardware()
    yield the_board()
    _forget_hardware()


@pytest.fixture
def clock(board: Board) -> FakeClock:
    """The time of the board in this process, and of what the test runs on it."""
    board.clock = FakeClock()
    return board.clock


def _forget_hardware() -> None:
    the_board.cache_clear()
    for name in list(sys.modules):
        if name.split(".")[0] in {"RPi", "spidev", "mfrc522"} or name == "common.mfrc522_driver":
            del sys.modules[name]
