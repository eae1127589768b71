"""Cards torn off the reader at any moment of a read, and a reader whose wires come loose."""

import time
from pathlib import Path

from common.cards import Card
from common.settings import PREFIX
from simulator.server import Server
from simulator.virtual_pi.cards import VirtualCard
from simulator.virtual_pi.station import VirtualPi
from tests import journal
from tests.drills.drill import Outcome, require, require_clean_log, seeded_random
from tests.processes import Program
from tests.rider import RED, YELLOW, expect_sound, rest, wait_for_lights

READ_S = 0.04  # from one poll to the end of the next
SLOW_SPI_US = "40"  # as on a Pi 3: a read takes longer, and more of them are torn
CARDS = [VirtualCard(bytes.fromhex(uid)) for uid in ("0a1b2c3d", "04a1b2c3d4e5f6", "0401020304050607080a")]


def torn_cards(program: Path, folder: Path, rounds: int = 200) -> Outcome:
    """Lay a card on a gate's reader for less than a poll or two; no number but the cards' own may be seen."""
    chance = seeded_random()
    numbers = {Card(card.uid).serial_number for card in CARDS}
    with Server(program, folder) as server, server.client() as redis, VirtualPi() as pi:
        environment = {**pi.environment(), PREFIX + "REDIS_PORT": str(server.port)}
        environment["VIRTUAL_PI_SPI_MICROSECONDS"] = SLOW_SPI_US
        with Program("entry_gate", environment=environment) as gate:
            wait_for_lights(pi, RED)
            for _ in range(rounds):
                card = chance.choice(CARDS)
                pi.lay(card)
                time.sleep(chance.uniform(0, READ_S))
                pi.lift(card)
                time.sleep(chance.uniform(0, 0.1))
            rest(pi)
            require_clean_log(gate)
        seen = [entry.event["cardSerialNumber"] for entry in journal.entries(redis)]
    require(0 < len(seen) < rounds, "some reads are torn, and some are not")
    return Outcome(rounds, doubled=sum(number not in numbers for number in seen))


def loose_wires(program: Path, folder: Path, rounds: int = 20) -> Outcome:
    """Disconnect the reader's wires and reconnect them; the gate must show it, and read cards afterwards."""
    chance = seeded_random()
    longest_s = 0.0
    with Server(program, folder) as server, VirtualPi() as pi:
        environment = {**pi.environment(), PREFIX + "REDIS_PORT": str(server.port)}
        with Program("entry_gate", environment=environment) as gate:
            wait_for_lights(pi, RED)
            for _ in range(rounds):
                time.sleep(chance.uniform(0, 0.1))
                pi.unplug_reader(chance.choice([0x00, 0xFF]))
                pi.wait_for(lambda pi: YELLOW in pi.lit, 10)
                start = time.monotonic()
                pi.plug_in_reader()
                pi.wait_for(lambda pi: YELLOW not in pi.lit, 10)
                longest_s = max(longest_s, time.monotonic() - start)
            with expect_sound(pi, "access-denied"):
                pi.lay(CARDS[0])
            require_clean_log(gate)
    return Outcome(rounds, longest_outage_s=longest_s)
