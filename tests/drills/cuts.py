"""Connections cut at any byte of a request or of its reply, in sales and entries of every type of pass."""

from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path
from unittest.mock import patch

from redis import Redis

from common import redis_link
from common.passes import PassType, SaleOutcome, UseOutcome
from common.rights import TO_SELL, TO_USE
from common.settings import Settings
from simulator.fault_proxy import Cut, Direction, FaultProxy
from simulator.server import Server
from tests.drills.drill import Outcome, entries, require, require_balance, sales, seeded_random, until_answered
from tests.drills.history import ENDING, RecordedStore

FIRST_CARD = 10**10
REQUEST_BYTES = 420  # a few more than a request has
REPLY_BYTES = 16


def redis_py_by_default(settings: Settings, **_: object) -> Redis:
    """Return a client with redis-py's default retries and time-outs."""
    return Redis(port=settings.redis_port, decode_responses=True)


def cuts(program: Path, folder: Path, rounds: int = 500) -> Outcome:
    """Cut the connections of the devices' own client."""
    return _cut(program, folder, rounds)


def cuts_with_default_retries(program: Path, folder: Path, rounds: int = 500) -> Outcome:
    """Cut those of a client that retries up to ten times by itself."""
    with patch.object(redis_link, "redis_client", redis_py_by_default):
        return _cut(program, folder, rounds)


def _cut(program: Path, folder: Path, rounds: int) -> Outcome:
    chance = seeded_random()
    history = folder / f"cuts{ENDING}"
    unserved = 0
    longest_s = 0.0
    sold: list[str] = []
    used: list[str] = []
    with Server(program, folder) as server, server.client() as redis, FaultProxy(server.port) as proxy:
        near, far = Settings("drill", redis_port=server.port), Settings("drill", redis_port=proxy.port)
        with (
            closing(RecordedStore(history, near, TO_SELL)) as seller,
            closing(RecordedStore(history, far, TO_SELL)) as terminal,
            closing(RecordedStore(history, far, TO_USE)) as gate,
        ):
            for number in range(rounds):
                card, pass_type = str(FIRST_CARD + number), chance.choice(list(PassType))
                is_sale = chance.random() < 0.5
                if not is_sale:
                    until_answered(partial(seller.issue, seller.new_request(card), pass_type))
                direction = chance.choice(list(Direction))
                after = chance.randrange(REQUEST_BYTES if direction is Direction.REQUEST else REPLY_BYTES)
                reset, times = chance.random() < 0.5, chance.choice([1, 2, 3])
                proxy.cut(Cut(card.encode(), direction, after, reset, times))
                sale = partial(terminal.issue, terminal.new_request(card), pass_type)
                outcome, took_s = until_answered(sale if is_sale else partial(gate.use, card))
                unserved += outcome not in {UseOutcome.GRANTED, SaleOutcome.ISSUED}
                longest_s = max(longest_s, took_s)
                sold.append(card)
                used += [] if is_sale else [card]
        require(proxy.cuts_made >= rounds, "each round cuts a connection")
        require_balance(redis)
        surplus = (sales(redis) - Counter(sold)) + (entries(redis) - Counter(used))
        missing = (Counter(sold) - sales(redis)) + (Counter(used) - entries(redis))
    return Outcome(rounds, missing.total() + unserved, surplus.total(), longest_s)
