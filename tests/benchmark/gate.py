"""From a card to the light, and riders one after another."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

from redis import Redis

from common.cards import Card
from common.passes import PassType
from common.settings import PREFIX
from simulator.fault_proxy import Chunk, Direction, FaultProxy
from simulator.server import Server
from simulator.virtual_pi.cards import VirtualCard
from simulator.virtual_pi.station import Kind, VirtualPi
from tests.benchmark.row import Row, median_and_99th
from tests.processes import Program
from tests.rider import GREEN, RED, heard, seen, wait_for_lights

PI_3_TRANSFER_US = 40
HOLD_S = 0.15
LIGHT_LIMIT_S = 5.0
SEED = 522


@dataclass(frozen=True)
class Tap:
    """One tap that was granted, in seconds from the card's touch.

    Args:
        asked: until the gate's question to Redis left.
        answered: until the answer reached it.
        lit: until green.
    """

    asked: float
    answered: float
    lit: float


class Station:
    """A gate, its Redis behind a network, and cards that hold passes or not."""

    def __init__(self, redis: Redis, proxy: FaultProxy, pi: VirtualPi) -> None:
        self.pi = pi
        self._redis = redis
        self._numbers = count(0x10000000)
        self._chunks: list[Chunk] = []
        proxy.listener = self._chunks.append
        self._chance = random.Random(SEED)

    def card(self, has_pass: bool) -> VirtualCard:
        """Return a card that has not been here yet."""
        card = VirtualCard(next(self._numbers).to_bytes(4))
        if has_pass:
            self._redis.hset(Card(card.uid).serial_number, "passType", PassType.SINGLE_USE)
        return card

    def tap(self) -> Tap:
        """Let a rider without a pass tap, so that the light is not green, and one with a pass."""
        self._lay_until(self.card(has_pass=False), Kind.DARK if GREEN in self.pi.lit else Kind.LIT, None)
        card = self.card(has_pass=True)
        time.sleep(self._chance.uniform(0, 0.1))
        self._chunks.clear()
        laid_at, lit_at = self._lay_until(card, Kind.LIT, GREEN)
        asked = next(chunk.at for chunk in self._chunks if b"EVALSHA" in chunk.data)
        answered = next(chunk.at for chunk in self._chunks if chunk.direction is Direction.REPLY and chunk.at > asked)
        return Tap(asked - laid_at, answered - laid_at, lit_at - laid_at)

    def _lay_until(self, card: VirtualCard, kind: Kind, lamp: int | None) -> tuple[float, float]:
        """Return when the card was laid and when the lamp changed; without a lamp, wait for any sound."""
        sounds = len(heard(self.pi))
        changes = len(seen(self.pi, kind, lamp)) if lamp else 0
        laid_at = time.monotonic()
        self.pi.lay(card)
        if lamp:
            self.pi.wait_for(lambda pi: len(seen(pi, kind, lamp)) > changes, LIGHT_LIMIT_S)
        self.wait_for_sounds(sounds + 1)
        self.pi.lift(card)
        return laid_at, seen(self.pi, kind, lamp)[-1].at if lamp else laid_at

    def wait_for_sounds(self, number: int) -> None:
        """Wait until this many sounds have begun since the start."""
        self.pi.wait_for(lambda pi: len(heard(pi)) >= number, LIGHT_LIMIT_S)


@contextmanager
def station(program: Path, folder: Path, transfer_us: int = 0, round_trip_s: float = 0.0) -> Iterator[Station]:
    with (
        Server(program, folder) as server,
        server.client() as redis,
        FaultProxy(server.port) as proxy,
        VirtualPi() as pi,
    ):
        environment = {
            **pi.environment(),
            PREFIX + "REDIS_PORT": str(proxy.port),
            "VIRTUAL_PI_SPI_MICROSECONDS": str(transfer_us),
        }
        with Program("entry_gate", environment=environment):
            wait_for_lights(pi, RED)
            proxy.delay_s = round_trip_s / 2
            yield Station(redis, proxy, pi)


def taps(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Measure with a fast bus and a local Redis, and split the time."""
    with station(program, folder) as here:
        all_taps = [here.tap() for _ in range(30 if is_quick else 300)]
    yield from median_and_99th("card laid to green", [tap.lit for tap in all_taps], 40, 80)
    yield Row("  of which detection, median", 1000 * median(tap.asked for tap in all_taps), "ms")
    yield Row("  of which decision, median", 1000 * median(tap.answered - tap.asked for tap in all_taps), "ms")
    yield Row("  of which light, median", 1000 * median(tap.lit - tap.answered for tap in all_taps), "ms")


def taps_with_slow_spi(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Measure with a bus as slow as a Pi 3's."""
    with station(program, folder, PI_3_TRANSFER_US) as here:
        all_taps = [here.tap() for _ in range(20 if is_quick else 200)]
    seconds = [tap.lit for tap in all_taps]
    yield from median_and_99th(f"card laid to green, {PI_3_TRANSFER_US} us an SPI transfer", seconds, 60, 120)


def taps_with_redis_far_away(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Measure with Redis 20 and 50 ms away."""
    for milliseconds in (20, 50):
        here_folder = folder / str(milliseconds)
        here_folder.mkdir()
        with station(program, here_folder, round_trip_s=milliseconds / 1000) as here:
            all_taps = [here.tap() for _ in range(15 if is_quick else 100)]
        name = f"Redis {milliseconds} ms away"
        yield from median_and_99th(f"card laid to green, {name}", [tap.lit for tap in all_taps])
        decision_ms = 1000 * median(tap.answered - tap.asked for tap in all_taps)
        yield Row(f"decision, {name}, in round trips", decision_ms / milliseconds, "", 1.1)


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
    yield Row(f"riders a minute, {number} cards held 150 ms each", 60 * number / took_s, "", 120, more_is_better=True)
