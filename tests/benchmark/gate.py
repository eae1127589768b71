"""From a card to the light, and riders one after another."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median

from redis import Redis

from common.cards import Card
from common.passes import PassType
from common.scripts import USE
from common.settings import PREFIX
from simulator.fault_proxy import Chunk, Direction, FaultProxy
from simulator.server import Server
from simulator.virtual_pi.cards import VirtualCard
from simulator.virtual_pi.station import Kind, VirtualPi
from tests.benchmark import tap
from tests.benchmark.row import Row
from tests.benchmark.tap import Tap
from tests.processes import Program, wait_for
from tests.rider import GREEN, RED, heard, seen, wait_for_lights

PI_3_TRANSFER_US = 40
HOLD_S = 0.15
SOUND_LIMIT_S = 5.0
SEED = 522
FOUR_BYTES, SEVEN_BYTES = "4-byte card", "7-byte card"


class Station:
    """A gate, its Redis behind a network, and cards that hold passes or not."""

    def __init__(self, redis: Redis, proxy: FaultProxy, pi: VirtualPi, gate: Program, uid_bytes: int) -> None:
        self.pi = pi
        self._redis = redis
        self._gate = gate
        self._uid_bytes = uid_bytes
        self._numbers = count(0x10000000)
        self._laid = 0
        self._chunks: list[Chunk] = []
        proxy.listener = self._chunks.append
        self._chance = random.Random(SEED)

    def card(self, has_pass: bool) -> VirtualCard:
        """Return a card that has not been here yet."""
        uid = next(self._numbers).to_bytes(4)
        card = VirtualCard(uid if self._uid_bytes == 4 else b"\x04\x00\x00" + uid)
        if has_pass:
            self._redis.hset(Card(card.uid).serial_number, "passType", PassType.SINGLE_USE)
        return card

    def tap(self) -> Tap:
        """Let a rider without a pass tap, so that the light is not green, and one with a pass."""
        self._lay(self.card(has_pass=False))
        card = self.card(has_pass=True)
        time.sleep(self._chance.uniform(0, 0.1))
        self._chunks.clear()
        laid_at = self._lay(card)
        asked_at = next(chunk.at for chunk in self._chunks if USE.sha.encode() in chunk.data)
        answered_at = next(
            chunk.at for chunk in self._chunks if chunk.direction is Direction.REPLY and chunk.at > asked_at
        )
        lit_at = wait_for(lambda: [each.at for each in seen(self.pi, Kind.LIT, GREEN) if each.at > laid_at])[0]
        looked_at = max(laid_at, self._last_look())
        return Tap(*(at - laid_at for at in (looked_at, asked_at, answered_at, lit_at)))

    def _last_look(self) -> float:
        """Return when the look began that found the last card."""
        wait_for(lambda: len(self._gate.output) == self._laid)
        return float(self._gate.output[-1])

    def _lay(self, card: VirtualCard) -> float:
        """Lay a card on the reader until its sound begins; return when it was laid."""
        sounds = len(heard(self.pi))
        laid_at = time.monotonic()
        self.pi.lay(card)
        self._laid += 1
        self.wait_for_sounds(sounds + 1)
        self.pi.lift(card)
        return laid_at

    def wait_for_sounds(self, number: int) -> None:
        """Wait until this many sounds have begun since the start."""
        self.pi.wait_for(lambda pi: len(heard(pi)) >= number, SOUND_LIMIT_S)


@contextmanager
def station(program: Path, folder: Path, uid_bytes: int = 4, round_trip_s: float = 0.0) -> Iterator[Station]:
    """Start a gate whose bus is as slow as a Pi 3's."""
    with (
        Server(program, folder) as server,
        server.client() as redis,
        FaultProxy(server.port) as proxy,
        VirtualPi() as pi,
    ):
        environment = {
            **pi.environment(),
            PREFIX + "REDIS_PORT": str(proxy.port),
            "VIRTUAL_PI_SPI_MICROSECONDS": str(PI_3_TRANSFER_US),
        }
        with Program("tests.benchmark.timed_gate", environment=environment) as gate:
            wait_for_lights(pi, RED)
            proxy.delay_s = round_trip_s / 2
            yield Station(redis, proxy, pi, gate, uid_bytes)


def taps(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Measure taps of cards with a UID of four bytes, and split the time."""
    with station(program, folder) as here:
        yield from tap.rows(FOUR_BYTES, [here.tap() for _ in range(30 if is_quick else 300)], 15, 24)


def taps_with_seven_bytes(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Measure taps of cards whose UID takes two cascade levels."""
    with station(program, folder, uid_bytes=7) as here:
        yield from tap.rows(SEVEN_BYTES, [here.tap() for _ in range(20 if is_quick else 300)], 18, 28)


def taps_with_redis_far_away(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Measure with Redis 20 and 50 ms away."""
    for milliseconds in (20, 50):
        here_folder = folder / str(milliseconds)
        here_folder.mkdir()
        with station(program, here_folder, round_trip_s=milliseconds / 1000) as here:
            all_taps = [here.tap() for _ in range(15 if is_quick else 100)]
        kind = far(milliseconds)
        yield from tap.rows(kind, all_taps)
        decision_ms = 1000 * median(each.answered - each.asked for each in all_taps)
        yield Row(f"decision, {kind}, in round trips", decision_ms / milliseconds, "", 1.1)


def far(milliseconds: int) -> str:
    return f"Redis {milliseconds} ms away"


def riders(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Let riders with a pass each go through one after another, each holding the card for 150 ms."""
    number = 30 if is_quick else 200
    with station(program, folder) as here:
        cards = [here.card(has_pass=True) for _ in range(number)]
        begun_at = time.monotonic()
        for served, card in enumerate(cards):
            here.pi.lay(card)
            time.sleep(HOLD_S)
            here.wait_for_sounds(served + 1)
            here.pi.lift(card)
        took_s = time.monotonic() - begun_at
        assert heard(here.pi) == ["access-granted"] * number
    yield Row("riders a minute, each holding the card for 150 ms", 60 * number / took_s, "", 120, more_is_better=True)
