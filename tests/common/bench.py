"""A reader on a bench."""

from importlib import import_module

from common.card_reader import CardReader
from common.cards import Card
from common.presentations import Presentation
from simulator.virtual_pi.board import Board
from simulator.virtual_pi.cards import VirtualCard
from tests.fake_clock import FakeClock

FOUR = VirtualCard(bytes.fromhex("0a1b2c3d"))
SEVEN = VirtualCard(bytes.fromhex("04a1b2c3d4e5f6"))
TEN = VirtualCard(bytes.fromhex("0401020304050607080a"))


class Bench:
    """A reader that is polled at an interval."""

    def __init__(self, board: Board, clock: FakeClock, interval_s: float) -> None:
        self.board = board
        self.clock = clock
        self.interval_s = interval_s
        self.start()

    def start(self) -> None:
        self.reader = CardReader(import_module("common.mfrc522_driver").Driver(self.clock), self.clock)

    def place(self, *cards: VirtualCard) -> None:
        self.board.reader.place(cards)

    def presentations(self, seconds: float) -> list[Presentation]:
        """Poll for some time."""
        presentations = []
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            if presentation := self.reader.poll():
                presentations.append(presentation)
            self.clock.sleep(self.interval_s)
        return presentations

    def poll_for(self, seconds: float) -> list[bytes | None]:
        """Poll for some time; return the UIDs that were presented, and None for what could not be read."""
        return [each.card.uid if each.card else None for each in self.presentations(seconds)]

    def poll(self) -> Card | None:
        """Poll once; return the card that was presented."""
        presentation = self.reader.poll()
        return presentation.card if presentation else None

    def transfers_of_a_poll(self) -> int:
        before = self.board.reader.transfers
        self.reader.poll()
        return self.board.reader.transfers - before
