"""The operator's desk: connections cut in each change, and races with gates and with another desk."""

import io
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch

from redis import Redis

from back_office import __main__ as back_office
from back_office import desk
from back_office.desk import Change, OwedTrip, RefusedError
from back_office.store import Store
from common import scripts
from common.keys import JOURNAL, SPENT_PREFIX
from common.pass_store import PassStore
from common.passes import PassType, UseOutcome
from common.request import Request
from common.rights import TO_USE
from common.scripts import CHANGE, REVERSE, USE
from common.settings import PREFIX, Settings
from simulator.fault_proxy import Cut, Direction, FaultProxy
from simulator.server import Server
from tests import journal
from tests.drills.drill import Outcome, passes, require, require_balance, seeded_random, until_answered
from tests.drills.history import ENDING, RecordedDesk, RecordedStore

FIRST_CARD, OTHERS = 10**10, 10**11
REQUEST_BYTES = 900  # a few more than a request has
REPLY_BYTES = 8
GATES = 6
DESK = "desk (drill)"


class Task(NamedTuple):
    """A command for a card that was prepared for it, and the event that it leaves."""

    arguments: Sequence[str]
    channel: str
    prepare: Callable[[Redis, Store, str], None]


def nothing(_redis: Redis, _store: Store, _card: str) -> None:
    """Leave the card empty."""


def sell(_redis: Redis, store: Store, card: str, pass_type: PassType = PassType.TEN_TRIP) -> None:
    make(store, desk.issue(store.look(card), pass_type))


def sell_and_use(redis: Redis, store: Store, card: str) -> None:
    sell(redis, store, card)
    scripts.run(redis, USE, Request(f"5e{card}", 1, card), ["gate", 10**6, 1])


def sell_and_block(redis: Redis, store: Store, card: str) -> None:
    sell(redis, store, card)
    make(store, desk.block(store.look(card), "lost"))


def owe(redis: Redis, store: Store, card: str) -> None:
    """Let a tap be owed: its single trip is used up, and not kept any more when the gate reverses it."""
    sell(redis, store, card, PassType.SINGLE_USE)
    request = Request(f"5e{card}", 1, card)
    for script in (USE, REVERSE):
        scripts.run(redis, script, request, ["gate", 10**6, 1])
        redis.delete(SPENT_PREFIX + card)


def make(store: Store, change: Change) -> None:
    """Make a change under an id of its own."""
    store.make(change, "drill", secrets.token_hex(8))


TASKS = [
    Task(["issue", "{card}", "ten"], "pass-issued:TEN_TRIP", nothing),
    Task(["block", "{card}", "--reason", "lost"], "pass-blocked", sell),
    Task(["unblock", "{card}"], "pass-unblocked", sell_and_block),
    Task(["move", "{card}", "{other}"], "pass-moved", sell),
    Task(["credit", "{card}", "1"], "pass-credited", sell_and_use),
    Task(["reverse", "5e{card}-1"], "pass-reversed:SINGLE_USE", owe),
    Task(["void", "{card}", "--reason", "refunded"], "pass-voided", sell),
]


def desk_cuts(program: Path, folder: Path, rounds: int = 1400) -> Outcome:
    """Cut connections at any byte of a change; whoever has no answer repeats it with its id."""
    chance = seeded_random()
    lost = doubled = repeated = 0
    with ExitStack() as cleanup:
        server = cleanup.enter_context(Server(program, folder))
        redis = cleanup.enter_context(server.client())
        proxy = cleanup.enter_context(FaultProxy(server.port))
        near = Store(Settings(DESK, redis_port=server.port), DESK)
        cleanup.enter_context(patch.dict("os.environ", {f"{PREFIX}REDIS_PORT": str(proxy.port)}))
        for number in range(rounds):
            task, card = TASKS[number % len(TASKS)], str(FIRST_CARD + number)
            task.prepare(redis, near, card)
            arguments = [each.format(card=card, other=OTHERS + number) for each in task.arguments]
            proxy.cut(_cut(chance))
            done = times = 0
            id_: str | None = None
            while not done:
                is_done, id_ = _run([*arguments, "--operator", "drill", *(["--id", id_] if id_ else [])], id_)
                found = _count(redis, task.channel, card)
                lost += is_done and not found
                doubled += found > 1
                done, times = done + is_done, times + 1
                require(times < 5, "a change is done in the end")
            repeated += times > 1
        require(proxy.cuts_made >= rounds, "each round cuts a connection")
        require_balance(redis)
    return Outcome(rounds, lost, doubled, remarks=f"{repeated} had to be repeated with their ids")


def _cut(chance: Random) -> Cut:
    direction = chance.choice(list(Direction))
    after = chance.randrange(REQUEST_BYTES if direction is Direction.REQUEST else REPLY_BYTES)
    return Cut(CHANGE.sha.encode(), direction, after, reset=chance.random() < 0.5, times=chance.choice([1, 2, 3]))


def _run(arguments: Sequence[str], id_: str | None) -> tuple[bool, str | None]:
    """Run a command; return whether it says that it is done, and its id."""
    output = io.StringIO()
    try:
        with redirect_stdout(output):
            back_office.main(arguments)
    except SystemExit:
        is_done = False
    else:
        is_done = True
    printed = re.search(r"\bid +([0-9a-f]{16})$", output.getvalue(), re.MULTILINE)
    return is_done, printed[1] if printed else id_


def _newest(redis: Redis) -> list[journal.Entry]:
    """Return the newest entries of the journal, those of this round among them, oldest first."""
    found: Any = redis.xrevrange(JOURNAL, count=50)
    return [journal.Entry(id_, fields["channel"], fields["payload"]) for id_, fields in reversed(found)]


def _count(redis: Redis, channel: str, card: str) -> int:
    return [(entry.channel, entry.event["cardSerialNumber"]) for entry in _newest(redis)].count((channel, card))


@contextmanager
def _everybody(
    program: Path, folder: Path, history: Path
) -> Iterator[tuple[Redis, Sequence[Store], Sequence[PassStore], ThreadPoolExecutor]]:
    """A server, two desks, gates, and a thread for each; what they ask is added to the history."""
    with ExitStack() as cleanup:
        server = cleanup.enter_context(Server(program, folder))
        redis = cleanup.enter_context(server.client())
        settings = Settings("drill", redis_port=server.port)
        gates = [cleanup.enter_context(closing(RecordedStore(history, settings, TO_USE))) for _ in range(GATES)]
        for gate in gates:
            until_answered(partial(gate.use, "0"))
        desks = [RecordedDesk(history, settings, DESK) for _ in range(2)]
        yield redis, desks, gates, cleanup.enter_context(ThreadPoolExecutor(GATES + 2))
        require_balance(redis)


def _at_once(threads: ThreadPoolExecutor, acts: Sequence[Callable[[], object]]) -> list[object]:
    all_ready = threading.Barrier(len(acts))

    def act(what: Callable[[], object]) -> object:
        all_ready.wait()
        return what()

    return list(threads.map(act, acts))


def _until_done(store: Store, plan: Callable[[], Change]) -> str:
    """Do as an operator does: where the pass has changed meanwhile, look again and start over."""
    while True:
        try:
            make(store, plan())
        except RefusedError as error:
            if "changed meanwhile" not in str(error):
                return "refused"
        else:
            return "done"


def desk_against_gates(program: Path, folder: Path, rounds: int = 60) -> Outcome:
    """Credit, move and block a pass while six gates use it, at the old card and at the new one."""
    lost = doubled = 0
    history = folder / f"desk-against-gates{ENDING}"
    with _everybody(program, folder, history) as (redis, (office, _), gates, threads):
        for number in range(rounds):
            card, other = str(FIRST_CARD + number), str(OTHERS + number)
            sell(redis, office, card)
            until_answered(partial(gates[0].use, card))  # nine trips are left
            change = ["credit", "move", "block"][number % 3]
            plan = partial(_plan, change, office, card, other)
            tapped = [card, other] if change == "move" else [card]
            taps = [partial(gate.use, tapped[index % len(tapped)]) for index, gate in enumerate(gates)]
            outcome, *answers = _at_once(threads, [partial(_until_done, office, plan), *taps])
            require(outcome == "done", "each change is made in the end")
            granted = answers.count(UseOutcome.GRANTED)
            left = sum(int(each.get("tripsRemaining", 0)) for each in map(passes(redis).get, (card, other)) if each)
            surplus = granted + left - 9 - (change == "credit")
            lost, doubled = lost + max(0, -surplus), doubled + max(0, surplus)
            channels = [entry.channel for entry in _newest(redis) if entry.event["cardSerialNumber"] == card]
            after_block = channels[channels.index("pass-blocked") + 1 :] if change == "block" else []
            require({*after_block} <= {"pass-denied"}, "no gate opens after a block")
    return Outcome(rounds, lost, doubled)


def two_desks(program: Path, folder: Path, rounds: int = 70) -> Outcome:
    """Let two desks do the same to one card: what may be done once only is done once."""
    lost = doubled = 0
    not_judged = folder / "two-desks"  # what prepares the cards is not in it
    with _everybody(program, folder, not_judged) as (redis, desks, _, threads):
        for number in range(rounds):
            card, other = str(FIRST_CARD + number), str(OTHERS + number)
            task = TASKS[number % len(TASKS)]
            task.prepare(redis, desks[0], card)
            plans = [partial(_plan, task.arguments[0], store, card, other) for store in desks]
            _at_once(threads, [partial(_until_done, *each) for each in zip(desks, plans, strict=True)])
            found = _count(redis, task.channel, card)
            lost, doubled = lost + (not found), doubled + max(0, found - 1)
    return Outcome(rounds, lost, doubled)


def _plan(command: str, store: Store, card: str, other: str) -> Change:
    seen = store.look(card)
    match command:
        case "issue":
            return desk.issue(seen, PassType.TEN_TRIP)
        case "block":
            return desk.block(seen, "lost")
        case "unblock":
            return desk.unblock(seen)
        case "move":
            return desk.move(seen, store.look(other))
        case "credit":
            return desk.credit(seen, 1)
        case "reverse":
            owed: OwedTrip = store.owed_trip(f"5e{card}-1")
            return desk.give_back(seen, owed)
        case _:
            return desk.void(seen, "refunded")
