"""What a rider does, sees and hears at a device that runs as a process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from simulator.virtual_pi.cards import AnyCard, VirtualCard
from simulator.virtual_pi.station import Kind, Observation, VirtualPi
from tests.processes import wait_for

DEADLINE_S = 10.0
PRESENTATION_END_S = 0.3
RED, YELLOW, GREEN = 19, 13, 26

CARD = VirtualCard(bytes.fromhex("0a1b2c3d"))
SERIAL_NUMBER = "43405556992"
SECOND_CARD = VirtualCard(bytes.fromhex("5e6f7081"))
SEVEN_BYTE_CARD = VirtualCard(bytes.fromhex("04a1b2c3d4e5f6"))
TEN_BYTE_CARD = VirtualCard(bytes.fromhex("0401020304050607080a"))


def seen(pi: VirtualPi, kind: Kind, what: int | str) -> list[Observation]:
    return [observation for observation in pi.observations if (observation.kind, observation.what) == (kind, what)]


def heard(pi: VirtualPi) -> list[str]:
    """The names of all sounds so far."""
    return [str(observation.what) for observation in pi.observations if observation.kind == Kind.SOUND_BEGAN]


def wait_for_lights(pi: VirtualPi, *lamps: int, seconds: float = DEADLINE_S) -> None:
    pi.wait_for(lambda pi: pi.lit == set(lamps), seconds)


@contextmanager
def expect_sound(pi: VirtualPi, name: str, seconds: float = DEADLINE_S) -> Iterator[None]:
    """Expect one more sound of this name to begin than had before."""
    before = heard(pi).count(name)
    yield
    pi.wait_for(lambda pi: heard(pi).count(name) > before, seconds)


def tap(pi: VirtualPi, sound: str, card: AnyCard = CARD) -> None:
    """Hold a card to the reader until the sound begins; then wait until the presentation has ended."""
    with expect_sound(pi, sound):
        pi.lay(card)
    lift(pi, card)


def lift(pi: VirtualPi, card: AnyCard = CARD) -> None:
    """Take a card away and wait until its presentation has ended."""
    pi.lift(card)
    rest(pi)


def rest(pi: VirtualPi) -> None:
    """Wait for as long as the reader takes to notice that a card is away."""
    wait_for_polls(pi)
    time.sleep(PRESENTATION_END_S)
    wait_for_polls(pi)


def wait_for_polls(pi: VirtualPi) -> None:
    """Wait for two polls; the first may have begun already. One that finds the card gone takes 16 transfers."""
    start = pi.spi_transfers()
    wait_for(lambda: pi.spi_transfers() > start + 2 * 20)
