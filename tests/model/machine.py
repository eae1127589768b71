"""The whole system against the model: gates, terminals and desks in this process, on a real server.

The devices' and the desks' own code runs; what they send goes through `_carry`, where an answer can be lost or a
message held back, and each message may arrive again, however late. Time is the server's: to let it pass, what expires
is made to expire sooner. A fail-over goes back to what a replica has that lacks the last messages, none of which was
answered; how Redis replaces a primary is tried by the drills.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from functools import partial
from itertools import count
from typing import Any, NamedTuple, cast
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from redis import Redis
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as SlowAnswerError

from back_office import desk
from back_office.desk import Change, RefusedError
from back_office.store import Store
from common import scripts
from common.keys import JOURNAL, RECEIPT_PREFIX
from common.pass_store import PassStore
from common.passes import PassType, UseOutcome
from common.redis_link import Unavailable
from common.request import Request as Call
from common.request import RequestNote
from common.rights import TO_SELL, TO_USE
from common.scripts import CHECK, Script
from common.settings import Settings
from tests.drills.drill import require
from tests.journal import Entry
from tests.model import rules
from tests.model.books import Books
from tests.model.scene import CARDS, DESKS, Line, Scene
from tests.model.values import Card, Pass, Receipt, Request, Station
from tests.model.wire import read_call

GATES, TERMINALS = range(2), range(2)
RIGHTS = ["SETEX", "XADD", "PUBLISH", "HSET", "HINCRBY", "RENAME", "EXPIRE", "PERSIST", "RENAMENX", "HGETALL", "GET"]
COMMANDS = ["issue", "block", "unblock", "credit", "credit", "move", "settle", "settle", "settle", "void"]
REASON = "lost"
SLACK_MS = 30_000  # real time goes on while the model's stands still


class Fate(Enum):
    """What becomes of a message."""

    ANSWERED = "answered"
    UNANSWERED = "its answer is lost"
    HELD_BACK = "held back: it may arrive later"


class Message(NamedTuple):
    """What was sent, and what makes it arrive again."""

    request: Request
    arrive: Callable[[], object]


a_place, a_gate = st.sampled_from(range(8)), st.sampled_from(GATES)
a_pass_type = st.sampled_from([PassType.SINGLE_USE, PassType.TEN_TRIP, *PassType])
a_fate = st.sampled_from([Fate.ANSWERED, Fate.ANSWERED, *Fate])
_run = scripts.run


class Machine(RuleBasedStateMachine):
    """One run: `station` is the model, `books` are what the journal says."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene = scene
        self.station, self.books = Station(), Books()
        self.replica: tuple[Station, Books] | None = None
        self.fate = Fate.ANSWERED
        self.steps_without = 0  # one of its rights
        self.is_sound = True
        self.sent: list[Message] = []
        self.held_back: list[Message] = []
        self.entries: list[Entry] = []
        self.greens = 0
        self.ids = count(1)
        self.patch = patch.object(scripts, "run", self._carry)
        self.patch.start()
        scene.redis.flushall()
        for number in GATES:
            self._note(number).clear()
        self.gates = [self._gate(number) for number in GATES]
        self.terminals = [PassStore(Settings(f"terminal-{number}"), TO_SELL) for number in TERMINALS]

    def teardown(self) -> None:
        self.patch.stop()
        self.scene.permit_all()
        told = [(each.channel, f'{each.payload[:-1]},"id":"{each.id}"}}') for each in self.entries]
        heard = list(self.scene.new_messages())
        require(heard == told or not self.is_sound, "each event is a message, too")

    # ------------------------------------------------------------------ what happens

    @rule(terminal=st.sampled_from(TERMINALS), place=a_place, pass_type=a_pass_type, fate=a_fate)
    def sell(self, terminal: int, place: int, pass_type: PassType, fate: Fate) -> None:
        self.fate, store = fate, self.terminals[terminal]
        with suppress(Unavailable):
            store.issue(store.new_request(self._card(place, holds=False)), pass_type)

    @rule(gate=a_gate, place=a_place, fate=a_fate, seconds=st.sampled_from([0, 0, 0, 600]))
    def tap(self, gate: int, place: int, fate: Fate, seconds: int = 0) -> None:
        if seconds:
            self.let_time_pass(seconds)
        if self.gates[gate]._unsettled:
            self.check(gate, fate)
        self.fate, card = fate, self._card(place)
        with suppress(Unavailable):
            if self.gates[gate].use(card) is UseOutcome.GRANTED:
                receipt = self.station.receipts[self.sent[-1].request.session]
                self.greens += receipt.what != PassType.TWO_HOUR

    @precondition(lambda self: self._ten_trips())
    @rule(gate=a_gate, fate=a_fate, left=st.sampled_from([0, 0, 5, 7]))
    def use_up(self, gate: int, fate: Fate, left: int) -> None:
        """Take all trips of a pass, or many; what comes of the last tap may vary."""
        card, trips = self._ten_trips()[0]
        for number in range(trips, left, -1):
            self.tap(gate, CARDS.index(card), Fate.ANSWERED if number > left + 1 else fate)

    @rule(gate=a_gate, terminal=st.sampled_from(TERMINALS), place=a_place, pass_type=a_pass_type)
    def buy_before_the_reversal(self, gate: int, terminal: int, place: int, pass_type: PassType) -> None:
        """See no green for what may have been the last trip, and buy another pass."""
        card = self._card(place)
        self.tap(gate, place, Fate.UNANSWERED)
        self.fate, store = Fate.ANSWERED, self.terminals[terminal]
        with suppress(Unavailable):
            store.issue(store.new_request(card), pass_type)

    @precondition(lambda self: any(gate._unsettled for gate in self.gates))
    @rule(gate=a_gate, fate=a_fate)
    def check(self, gate: int, fate: Fate) -> None:
        """Let a gate reverse what has no answer, as it does before any other tap."""
        self.fate = fate
        with suppress(Unavailable):
            cast("Line", self.gates[gate]._link).check()

    @precondition(lambda self: any(gate._unsettled for gate in self.gates))
    @rule(gate=a_gate)
    def restart(self, gate: int) -> None:
        self.gates[gate] = self._gate(gate)

    @precondition(lambda self: self.held_back)
    @rule(number=a_place)
    def arrive_late(self, number: int) -> None:
        with suppress(RedisError):
            self._arrive(self.held_back.pop(number % len(self.held_back)), is_answered=False)

    @precondition(lambda self: self.sent)
    @rule(back=a_place)
    def arrive_again(self, back: int) -> None:
        with suppress(RedisError):
            self._arrive(self.sent[-1 - back % len(self.sent)], is_answered=False)

    @rule(
        number=st.sampled_from(DESKS),
        place=a_place,
        pass_type=a_pass_type,
        trips=st.sampled_from([1, 1, 2]),
        choice=st.sampled_from(range(100)),
        fate=a_fate,
    )
    def change(self, number: int, place: int, pass_type: PassType, trips: int, choice: int, fate: Fate) -> None:
        """Let a desk do what it may, or try anything; and more trips than ten."""
        cards = [self._card(place, holds=command != "issue") for command in COMMANDS]
        wishes = [self._wish(*each, place, pass_type, trips) for each in zip(COMMANDS, cards, strict=True)]
        allowed = [wish for wish in wishes if self._may(wish)]
        self._make(number, [*(3 * allowed), *wishes][choice % (3 * len(allowed) + len(wishes))], fate)
        for card, left in self._ten_trips():
            wish = self._wish("credit", card, place, pass_type, 1)
            self._make(number, wish._replace(trips=11 - left), Fate.ANSWERED)

    @precondition(lambda self: self.station.owed)
    @rule(place=a_place, pass_type=a_pass_type, fate=a_fate)
    def settle_at_both_desks(self, place: int, pass_type: PassType, fate: Fate) -> None:
        """Let both desks give the same trip back, maybe to different cards; the first message arrives last."""
        wishes = list(filter(self._may, (self._wish("settle", card, place, pass_type, 1) for card in CARDS)))
        if wishes:
            self._make(0, wishes[0], Fate.HELD_BACK)
            self._make(1, wishes[-1], fate)
            self.arrive_late(-1)

    @precondition(lambda self: any(each and each.ends for card in self.station.cards.values() for each in card))
    @rule(seconds=st.sampled_from([30, 600, 3600, 7140, 7200]))
    def let_time_pass(self, seconds: int) -> None:
        self.scene.let_time_pass(seconds)
        self.station = rules.wait(self.station, seconds)
        self.books = self.books.without({card for card, (held, _) in self.station.cards.items() if not held})
        self.replica = None

    @precondition(lambda self: self.books.owed or len(self.entries) > 20)
    @rule()
    def trim_the_journal(self) -> None:
        self.scene.redis.xtrim(JOURNAL, maxlen=0, approximate=False)
        self.station = self.station._replace(owed={})
        self.replica = None

    @rule(right=st.sampled_from(RIGHTS), gate=a_gate, place=a_place)
    def tap_without_a_right(self, right: str, gate: int, place: int) -> None:
        """Revoke a right, for the next step, too."""
        self.steps_without = 2
        self.scene.revoke(right)
        self.tap(gate, place, Fate.ANSWERED)

    @precondition(lambda self: self.replica)
    @rule()
    def fail_over(self) -> None:
        if self.replica:
            self.scene.fail_over()
            self.station, self.books = self.replica
            self.replica = None

    # ------------------------------------------------------------------ what is so after each step

    @invariant()
    def all_is_as_it_must_be(self) -> None:
        if self.steps_without:
            self.steps_without -= 1
            if not self.steps_without:
                self.scene.permit_all()
        self._compare()

    def _compare(self) -> None:
        self.is_sound, station = False, self.station
        receipts = [RECEIPT_PREFIX + session for session in station.receipts]
        size, entries, found, hashes = self.scene.look(receipts, self.books.read_to)

        told = [f"{each.number} {each.card} {each.outcome} {each.what}" for each in station.receipts.values()]
        require(found == told, "the receipts are the model's")

        require([entry.channel for entry in entries] == [*station.events], "the journal has each event once")
        self.station = station._replace(events=())
        self.entries += entries
        for entry in entries:
            self.books = self.books.read(entry)

        cards = [station.cards.get(card, Card()) for card in CARDS]
        passes = [*(card.held for card in cards), *(card.spent for card in cards)]
        for held, (fields, left_ms) in zip(passes, hashes, strict=True):
            require(fields == _fields(held), "the passes are the model's")
            until_ms = 1000 * (held.ends - station.now) if held and held.ends else -1
            require(left_ms <= until_ms, "no pass lives longer than it was sold for")
            require(until_ms - left_ms <= SLACK_MS, "no pass ends too early")
        require(size == len(receipts) + len([*filter(None, passes)]), "there are no other keys")

        on_cards = {key: each for key, (each, _) in zip(CARDS, hashes, strict=False) if each}
        require(self.books.held == on_cards, "the passes are those that the journal adds up to")
        left = sum(held.trips for held in passes[: len(CARDS)] if held and held.type is not PassType.TWO_HOUR)
        require(left == self.books.left, "each trip that was sold is used, left, voided or owed")
        require(self.greens == self.books.entered - self._unsettled(), "each trip that was taken has its green")
        self.is_sound = True

    # ------------------------------------------------------------------ how it comes about

    def _card(self, place: int, holds: bool = True) -> str:
        """Return a card that holds a pass, or none; at some places, or if there is none, any."""
        likely = [card for card in CARDS if bool(self.station.cards.get(card, Card()).held) is holds]
        cards = likely if likely and place < 6 else CARDS
        return cards[place % len(cards)]

    def _ten_trips(self) -> list[tuple[str, int]]:
        held = [(card, self.station.cards[card].held) for card in CARDS if card in self.station.cards]
        return [(card, each.trips) for card, each in held if each and each.type is PassType.TEN_TRIP]

    def _wish(self, command: str, card: str, place: int, pass_type: PassType, trips: int) -> Request:
        owed = self.station.owed
        taps = [*owed, *(f"{each.request.session}-{each.request.number}" for each in self.sent[-2:])] or ["ab-1"]
        tap = taps[place % len(taps)]
        if command == "settle":
            pass_type = PassType(owed.get(tap, pass_type))
        held = self.station.cards.get(card, Card()).held
        seen = held and held._replace(ends=None)
        other = {"move": CARDS[place // 4], "settle": tap}.get(command, "")
        if held and trips > 1:
            trips = 11 - held.trips  # one too many
        return Request(command, f"{next(self.ids):016x}", 1, card, pass_type, seen, other, trips)

    def _may(self, wish: Request) -> bool:
        is_owed = wish.kind != "settle" or wish.other in self.station.owed
        return is_owed and rules.deliver(self.station, wish)[1] == "done"

    def _note(self, number: int) -> RequestNote:
        folder = self.scene.folder / f"{number}"
        folder.mkdir(exist_ok=True)
        return RequestNote(str(folder))

    def _gate(self, number: int) -> PassStore:
        return PassStore(Settings(f"gate-{number}"), TO_USE, self._note(number))

    def _carry(
        self, redis: Redis, script: Script, call: Call, arguments: Sequence[str | int], *rest: Any, **more: Any
    ) -> object:
        arrive = partial(_run, redis, script, call, arguments, *rest, **more)
        if script is CHECK:
            return arrive()
        message = Message(read_call(script, call, arguments), arrive)
        self.sent.append(message)
        if self.fate is Fate.HELD_BACK:
            self.held_back.append(message)
            raise SlowAnswerError
        answer = self._arrive(message, self.fate is Fate.ANSWERED)
        if self.fate is Fate.UNANSWERED:
            raise SlowAnswerError
        return answer

    def _arrive(self, message: Message, is_answered: bool) -> object:
        if not is_answered and not self.replica:
            self._compare()
            self.scene.fall_behind()
            self.replica = self.station, self.books
        try:
            answer = message.arrive()
        except ResponseError as error:
            require(bool(self.steps_without), f"{message.request}: {error}")
            raise
        self.station, expected = rules.deliver(self.station, message.request)
        require(answer == expected, f"{message.request} is answered {expected}, not {answer}")
        self.scene.answers[message.request.kind, expected] += 1
        if is_answered:
            self.replica = None
        return answer

    def _make(self, number: int, wish: Request, fate: Fate) -> None:
        self.fate, store, may = fate, self.scene.desks[number], self._may(wish)
        try:
            change = _plan(store, wish)
        except RefusedError as refusal:
            require(not may, f"{wish}: {refusal}")
            return
        require(may, f"the desk may not do this: {wish}")
        with suppress(RefusedError):
            store.make(change, f"reverse:{wish.other}" if wish.kind == "settle" else wish.kind, wish.session)

    def _unsettled(self) -> int:
        """The trips that were taken by taps which are to be reversed."""
        taps = filter(None, (gate._unsettled for gate in self.gates))
        pairs = [(self.station.receipts.get(tap.session, Receipt()), tap.number) for tap in taps]
        taken = [last.what for last, number in pairs if (last.number, last.outcome) == (number, "granted")]
        return len(taken) - taken.count(PassType.TWO_HOUR)


def _fields(held: Pass | None) -> dict[str, str]:
    if not held:
        return {}
    trips = {"tripsRemaining": f"{held.trips}"} if held.type is PassType.TEN_TRIP else {}
    return {"passType": held.type, **trips, **({"blocked": REASON} if held.is_blocked else {})}


def _plan(store: Store, wish: Request) -> Change:
    if wish.kind == "settle":
        return desk.give_back(store.look(wish.card), store.owed_trip(wish.other))
    seen = store.look(wish.card)
    match wish.kind:
        case "issue" if wish.type:
            return desk.issue(seen, wish.type)
        case "move":
            return desk.move(seen, store.look(wish.other))
        case "credit":
            return desk.credit(seen, wish.trips)
        case "block":
            return desk.block(seen, REASON)
        case "unblock":
            return desk.unblock(seen)
        case _:
            return desk.void(seen, REASON)
