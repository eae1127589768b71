"""A practised rider's sale, and what taps and sales put on the wire."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

from common.cards import Card
from common.passes import PassType
from common.scripts import CHECK, USE
from common.settings import PREFIX
from simulator.fault_proxy import Chunk, Direction, FaultProxy
from simulator.server import Server
from simulator.virtual_pi.cards import VirtualCard
from simulator.virtual_pi.station import Kind, VirtualPi
from tests.benchmark.row import Row, median_and_99th
from tests.processes import Program
from tests.rider import PRESENTATION_END_S, heard

BUTTON = 13
PROMPT_LIMIT_S = 5.0
AWAY_S = PRESENTATION_END_S + 0.1


class Site:
    """A terminal and a gate on one Redis behind a network, all that goes over the wire, and new cards."""

    def __init__(self, program: Path, folder: Path, cleanup: ExitStack) -> None:
        server = cleanup.enter_context(Server(program, folder))
        self.redis = cleanup.enter_context(server.client())
        self.terminal, self.gate = cleanup.enter_context(VirtualPi()), cleanup.enter_context(VirtualPi())
        self.chunks: dict[VirtualPi, list[Chunk]] = {self.terminal: [], self.gate: []}
        for pi, module in ((self.terminal, "sales_terminal"), (self.gate, "entry_gate")):
            proxy = cleanup.enter_context(FaultProxy(server.port))
            proxy.listener = self.chunks[pi].append
            environment = {**pi.environment(), PREFIX + "REDIS_PORT": str(proxy.port)}
            device = cleanup.enter_context(Program(module, environment=environment))
            device.wait_for_error("connected to Redis")
        self._numbers = count(0x20000000)

    def new_card(self) -> VirtualCard:
        return VirtualCard(next(self._numbers).to_bytes(4))

    def new_holder(self) -> VirtualCard:
        """Return a new card with a ten trip pass."""
        card = self.new_card()
        self.redis.hset(Card(card.uid).serial_number, mapping=PassType.TEN_TRIP.new_pass())
        return card

    def tell(self) -> float:
        """Let a holder tap at the terminal; return how long the answer took to begin."""
        card = self.new_holder()
        to_answer = until_sound(self.terminal, "card-already-has-pass", lambda: self.terminal.lay(card))
        self.terminal.lift(card)
        time.sleep(AWAY_S)
        return to_answer

    def sell(self) -> tuple[float, float, float]:
        """Sell a pass; return how long the prompts took to come after the tap, the press and the second tap."""
        card, pi = self.new_card(), self.terminal
        to_select = until_sound(pi, "select-a-pass", lambda: pi.lay(card))
        pi.lift(card)
        to_confirm = until_sound(pi, "selected-ten-trip-pass", lambda: pi.press(BUTTON))
        pi.release(BUTTON)
        time.sleep(AWAY_S)
        to_thanks = until_sound(pi, "thank-you-ten-trip-pass", lambda: pi.lay(card))
        pi.lift(card)
        time.sleep(AWAY_S)
        return to_select, to_confirm, to_thanks


def until_sound(pi: VirtualPi, clip: str, act: Callable[[], None]) -> float:
    """Return the seconds from an act to the sound that it brings about."""
    before = heard(pi).count(clip)
    began_at = time.monotonic()
    act()
    pi.wait_for(lambda pi: heard(pi).count(clip) > before, PROMPT_LIMIT_S)
    sounds = [each for each in pi.observations if (each.kind, each.what) == (Kind.SOUND_BEGAN, clip)]
    return sounds[-1].at - began_at


def practised_sales(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Measure sales by a rider who waits for no prompt to end; the time the rider takes does not count."""
    with ExitStack() as cleanup:
        site = Site(program, folder, cleanup)
        waits = [site.sell() for _ in range(5 if is_quick else 50)]
    yield from median_and_99th("practised sale, the rider's own time excluded", [sum(each) for each in waits], 90)
    for number, part in enumerate(("tap to question", "press to prompt", "second tap to thanks")):
        yield Row(f"  of which {part}, median", 1000 * median(each[number] for each in waits), "ms")


def holders_taps(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Measure the answers to taps of holders, each of which cuts the answer before it short."""
    with ExitStack() as cleanup:
        site = Site(program, folder, cleanup)
        waits = [site.tell() for _ in range(5 if is_quick else 50)]
    yield from median_and_99th("a holder's tap to the first sound of the answer", waits, 100)


def wire(program: Path, folder: Path, is_quick: bool) -> Iterator[Row]:
    """Count round trips and bytes; the checks that come every second belong to no tap."""
    number = 5 if is_quick else 50
    with ExitStack() as cleanup:
        site = Site(program, folder, cleanup)
        for _ in range(number):
            card = site.new_holder()
            until_sound(site.gate, "access-granted", partial(site.gate.lay, card))
            site.gate.lift(card)
        for _ in range(number):
            site.sell()
        taps, all_of_sales = without_checks(site.chunks[site.gate]), without_checks(site.chunks[site.terminal])
    looks = sum(map(is_look, all_of_sales))
    yield Row("round trips per tap", trips(taps) / number, "", 1)
    yield Row("round trips per sale, after the first look", (trips(all_of_sales) - looks) / number, "", 1)
    yield Row("bytes per tap, both ways", sum(len(chunk.data) for chunk in taps) / number, "B")
    yield Row("bytes per sale, both ways", sum(len(chunk.data) for chunk in all_of_sales) / number, "B")


def without_checks(chunks: list[Chunk]) -> list[Chunk]:
    """Leave out what comes before the first tap or look, and the checks with their answers."""
    kept: list[Chunk] = []
    is_kept = False
    for chunk in chunks:
        if chunk.direction is Direction.REQUEST:
            is_kept = CHECK.sha.encode() not in chunk.data and (bool(kept) or is_tap(chunk) or is_look(chunk))
        kept += [chunk] if is_kept else []
    return kept


def is_tap(chunk: Chunk) -> bool:
    return USE.sha.encode() in chunk.data


def is_look(chunk: Chunk) -> bool:
    return b"\r\nEXISTS\r\n" in chunk.data


def trips(chunks: list[Chunk]) -> int:
    return sum(chunk.direction is Direction.REQUEST for chunk in chunks)
