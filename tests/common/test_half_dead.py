"""A Redis that is slow or half dead: what riders get at a gate and a terminal, what is told, and that it ends."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress

import pytest
from redis import Redis

from common import redis_link
from common.card_reader import CardReader
from common.cards import Card
from common.mfrc522_driver import Driver
from common.pass_store import PassStore
from common.rights import TO_SELL, TO_USE, Commands
from common.service_manager import ServiceManager
from common.settings import Settings
from entry_gate.gate import Gate
from entry_gate.traffic_light import TrafficLight
from sales_terminal.buttons import Buttons
from sales_terminal.dialogue import Dialogue
from sales_terminal.terminal import SalesTerminal
from simulator.fault_proxy import FaultProxy
from simulator.server import Server
from simulator.virtual_pi.board import Board
from simulator.virtual_pi.cards import VirtualCard
from tests.drills.drill import entries, sales
from tests.fake_clock import FakeClock
from tests.in_process import RecordingSpeaker, Rider, TimeIsUp
from tests.processes import wait_for
from tests.rider import CARD, GREEN, RED, SERIAL_NUMBER, YELLOW

pytestmark = pytest.mark.process  # for their real time

TRIPS = 100

IN_SERVICE = ("access-granted", {GREEN})
CLOSED = ("out-of-service", {RED, YELLOW})
THANKS = "thank-you-single-trip-pass"


class Station:
    """A gate and a terminal behind one network; they take turns on the board of this process."""

    def __init__(self, network: FaultProxy, board: Board, clock: FakeClock, cleanup: ExitStack) -> None:
        self._board = board
        self._clock = clock
        self._rider = Rider(board, clock)
        self._new_cards = iter(range(100))
        self._devices: list[PassStore] = []
        for needs in (TO_USE, TO_SELL):
            self._devices.append(cleanup.enter_context(closing(self._connected(network, needs))))

    def _connected(self, network: FaultProxy, needs: Commands) -> PassStore:
        return PassStore(Settings("test", redis_port=network.port), needs)

    @property
    def problems(self) -> list[str | None]:
        return [store.problem for store in self._devices]

    def wait_until_in_service(self) -> None:
        wait_for(lambda: self.problems == [None, None])

    def enter(self, card: VirtualCard = CARD) -> tuple[str, set[int]]:
        """Tap at the gate; return what is heard and seen."""
        light, reader = TrafficLight(self._clock), CardReader(Driver(self._clock), self._clock)
        with closing(light), closing(reader):
            speaker = RecordingSpeaker(self._board, self._clock)
            gate = Gate(reader, self._devices[0], light, speaker, ServiceManager(self._clock), self._clock)
            gate.serve(Card(card.uid))
            return speaker.clips[-1], set(self._board.lit)

    def buy(self) -> str:
        """Buy a pass for a card that has none; return what is heard at the end."""
        now, card = self._clock.now(), VirtualCard(bytes([0x20, 0, 0, next(self._new_cards)]))
        speaker = RecordingSpeaker(self._board, self._clock)

        def end() -> None:
            raise TimeIsUp

        def go_on_if_asked() -> None:
            if speaker.clips != ["select-a-pass"]:
                end()
            self._rider.press(now + 2, RED)
            self._rider.tap(now + 3, card)
            self._clock.at(now + 4, end)

        self._rider.tap(now + 1, card)
        self._clock.at(now + 1.5, go_on_if_asked)
        with closing(CardReader(Driver(self._clock), self._clock)) as reader, suppress(TimeIsUp):
            dialogue = Dialogue(
                reader, Buttons(self._clock), self._devices[1], speaker, ServiceManager(self._clock), self._clock
            )
            SalesTerminal(dialogue, self._devices[1], speaker, self._clock).run()
        return speaker.clips[-1]


@pytest.fixture
def network(server: Server) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as network:
        yield network


class Log(logging.Handler):
    """What is logged of Redis itself, also between the phases of a test, where caplog loses it."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())

    def lines(self, count: int) -> list[str]:
        """Wait for so many: devices are in service, or not, a moment before they say so."""
        wait_for(lambda: len(self._lines) >= count)
        return self._lines


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[Log]:
    logger, log = logging.getLogger(redis_link.__name__), Log()
    caplog.set_level(logging.INFO, logger.name)
    logger.addHandler(log)
    yield log
    logger.removeHandler(log)


@pytest.fixture
def station(network: FaultProxy, board: Board, clock: FakeClock, redis: Redis, log: Log) -> Iterator[Station]:
    redis.hset(SERIAL_NUMBER, mapping={"passType": "TEN_TRIP", "tripsRemaining": TRIPS})
    with ExitStack() as cleanup:
        yield Station(network, board, clock, cleanup)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let checks come soon after each other; the bounds with their own pauses are in test_redis_link.py."""
    monkeypatch.setattr(redis_link, "CHECK_INTERVAL_S", 0.1)
    monkeypatch.setattr(redis_link, "LONGEST_RETRY_S", 0.2)


def slow(network: FaultProxy) -> None:
    network.delay_s = 0.45  # each way


def fast(network: FaultProxy) -> None:
    network.delay_s = 0.0


def taken(redis: Redis) -> int:
    """Return how many trips the card has lost, which are those of the journal."""
    lost = TRIPS - int(str(redis.hget(SERIAL_NUMBER, "tripsRemaining")))
    if lost != entries(redis)[SERIAL_NUMBER]:
        raise ValueError(f"{lost} trips are gone, and the journal has {entries(redis)}")
    return lost


def test_answers_after_0_3_s_are_in_time(station: Station, network: FaultProxy, redis: Redis, log: Log) -> None:
    network.delay_s = 0.15
    station.wait_until_in_service()
    assert station.enter() == IN_SERVICE
    assert station.buy() == THANKS
    assert station.problems == [None, None]
    assert (taken(redis), sales(redis).total()) == (1, 1)
    connected = f"connected to Redis at 127.0.0.1:{network.port}"
    assert log.lines(2) == [connected] * 2


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("begin", "end"), [(slow, fast), (FaultProxy.black_hole, FaultProxy.pass_on)], ids=["after 0.9 s", "never"]
)
def test_answers_after_0_9_s_or_never_close_the_station_until_they_come_in_time(
    station: Station,
    network: FaultProxy,
    redis: Redis,
    log: Log,
    begin: Callable[[FaultProxy], None],
    end: Callable[[FaultProxy], None],
) -> None:
    connected = f"connected to Redis at 127.0.0.1:{network.port}"
    station.wait_until_in_service()
    assert log.lines(2) == [connected] * 2
    begin(network)
    late = f"Redis at 127.0.0.1:{network.port} does not answer in time: check the network"
    wait_for(lambda: station.problems == [late, late])
    assert (station.enter(), station.buy()) == (CLOSED, "out-of-service")
    assert log.lines(4)[2:] == [late] * 2
    end(network)
    station.wait_until_in_service()
    assert log.lines(6)[4:] == [connected] * 2
    assert (taken(redis), sales(redis).total()) == (0, 0)
    assert (station.enter(), station.buy()) == (IN_SERVICE, THANKS)
    assert (taken(redis), sales(redis).total()) == (1, 1)


@pytest.mark.usefixtures("hurried")
def test_each_third_answer_lets_nobody_pay_who_is_not_let_in(
    station: Station, network: FaultProxy, redis: Redis
) -> None:
    """The others are carried out, and their answers lost."""
    network.answers_every = 3
    entered, bought = 0, 0
    for _ in range(4):
        answer = station.enter()
        assert answer in (IN_SERVICE, CLOSED)
        entered += answer == IN_SERVICE
    for _ in range(2):
        bought += station.buy() == THANKS
    network.answers_every = 1
    station.wait_until_in_service()
    assert taken(redis) == entered
    assert sales(redis).total() >= bought  # a pass without a thank-you is on its card, and thanked for at its next tap
    assert station.enter() == IN_SERVICE
