"""What all tests share: a real server."""

import gc
import importlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
import RPi.GPIO as GPIO
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.settings import PREFIX, Settings
from simulator.server import Server, find_server
from simulator.virtual_pi.board import Board, the_board
from simulator.virtual_pi.station import VirtualPi
from tests.fake_clock import FakeClock
from tests.in_process import RecordingSpeaker, Rider
from tests.simulator.chromium import CHROMIUM, QUIET
from tests.systemd import Systemd
from tests.troubles import guarded_server

if TYPE_CHECKING:  # there is no playwright for every machine
    from playwright.sync_api import Browser

hypothesis.settings.register_profile("quick", max_examples=30, deadline=None)  # a busy machine is slow
hypothesis.settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--server", choices=["valkey", "redis"], help="run against this server (default: what is there)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long tests first: xdist starts tests in their order, after those that have a group."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the thousands of tests themselves, each time and at the end."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _interrupts() -> None:
    """Let signals end programs also where the tests run in the background: shells and nohup have some ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for each in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(each, signal.SIG_DFL)


@pytest.fixture(scope="session")
def server_program(request: pytest.FixtureRequest) -> Path:
    return find_server(request.config.getoption("--server"))


@pytest.fixture(scope="session")
def shared_server(server_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(server_program, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def lasting_client(shared_server: Server) -> Iterator[Redis]:
    """Making a client takes longer than flushing the server. It connects again if a test has ended its connection."""
    with shared_server.client(retry=Retry(NoBackoff(), 1)) as client:
        yield client


@pytest.fixture
def server(shared_server: Server, lasting_client: Redis) -> Server:
    """A server that holds nothing yet."""
    lasting_client.flushall()
    return shared_server


@pytest.fixture
def guarded(server_program: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, which may be brought into trouble."""
    with guarded_server(server_program, tmp_path) as server:
        yield server


@pytest.fixture
def redis(server: Server) -> Iterator[Redis]:
    with server.client() as client:
        yield client


@pytest.fixture
def settings(server: Server) -> Settings:
    return Settings(device="test", redis_port=server.port)


@pytest.fixture
def in_zone() -> Iterator[Callable[[str], None]]:
    """Sets this process's time zone."""

    def set_zone(name: str) -> None:
        patch.setenv("TZ", name)
        time.tzset()

    with pytest.MonkeyPatch.context() as patch:
        yield set_zone
    time.tzset()


@pytest.fixture
def in_utc(in_zone: Callable[[str], None]) -> None:
    in_zone("UTC")


@pytest.fixture
def in_berlin(in_zone: Callable[[str], None]) -> None:
    in_zone("Europe/Berlin")


@pytest.fixture
def in_india(in_zone: Callable[[str], None]) -> None:
    """Five and a half hours ahead of UTC."""
    in_zone("IST-5:30")


@pytest.fixture
def no_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that trusts no authority by itself: each connection loads those that it trusts, a hundred elsewhere."""
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    with closing(Systemd(str(tmp_path / "notify"))) as systemd:
        yield systemd


@pytest.fixture
def pi() -> Iterator[VirtualPi]:
    with VirtualPi() as pi:
        yield pi


@pytest.fixture
def environment(pi: VirtualPi, server: Server) -> dict[str, str]:
    """What makes a device run on the virtual Pi, against the server."""
    return {**pi.environment(), f"{PREFIX}REDIS_PORT": str(server.port), f"{PREFIX}DEVICE": "device-1"}


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    """The board of this process, which the stand-ins drive, as after power-on."""
    monkeypatch.delenv("VIRTUAL_PI_SOCKET", raising=False)
    monkeypatch.delenv("VIRTUAL_PI_SPI_MICROSECONDS", raising=False)
    the_board.cache_clear()
    importlib.reload(GPIO)  # forgets its mode and its channels
    return the_board()


@pytest.fixture
def clock(board: Board) -> FakeClock:
    """The time of the board in this process, and of what the test runs on it."""
    board.clock = FakeClock()
    return board.clock


@pytest.fixture
def rider(board: Board, clock: FakeClock) -> Rider:
    return Rider(board, clock)


@pytest.fixture
def speaker(board: Board, clock: FakeClock) -> RecordingSpeaker:
    return RecordingSpeaker(board, clock)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """A browser, for each process of the tests; from then on, playwright's event loop runs in this thread."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="there is no playwright for this machine")
    if not CHROMIUM and "CI" not in os.environ:
        pytest.skip("no chromium on PATH")
    with (
        sync_api.sync_playwright() as driver,
        driver.chromium.launch(executable_path=CHROMIUM, args=QUIET) as browser,
    ):
        yield browser
