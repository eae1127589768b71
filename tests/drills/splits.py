"""A network that splits: the primary is replaced on the other side, and goes on with the devices on its own."""

import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from redis.exceptions import RedisError

from common.pass_store import PassStore
from common.passes import PassType, SaleOutcome, UseOutcome
from common.redis_link import Unavailable
from common.rights import TO_SELL, TO_USE
from common.settings import Settings
from simulator.server import Server
from tests.drills.drill import Outcome, entries, require_balance, sales, until_answered
from tests.drills.failovers import IN_PLACE_WITHIN_S, REPLICAS, Cluster, is_primary
from tests.processes import wait_for

SPLIT_S = 10.0
RIDER_EVERY_S = 0.05
SHARED = 20  # cards
AT_ONCE = 3
A_SENTINEL = b"sentinel-"  # begins the name that it gives each of its connections


class Count(NamedTuple):
    """What one split cost.

    Attributes:
        sales: those that were acknowledged and are gone.
        entries: likewise.
        twice: the trips that were used on both sides.
        went_on_s: how long after the split the last of these was acknowledged.
        longest_s: how long riders on the old primary's side could not buy.
    """

    sales: int
    entries: int
    twice: int
    went_on_s: float
    longest_s: float


@dataclass(frozen=True)
class Splits:
    """A drill.

    Args:
        replicas: TRANSIT_PASS_DEMO_REDIS_REPLICAS of the devices.
        min_replicas: `min-replicas-to-write` of the primary.
        max_lag_s: its `min-replicas-max-lag`.
        keeps_a_replica: whether one of the two replicas is on the old primary's side.
    """

    replicas: int = 0
    min_replicas: int = 0
    max_lag_s: int = 10
    keeps_a_replica: bool = False

    def __call__(self, program: Path, folder: Path, rounds: int, split_s: float = SPLIT_S) -> Outcome:
        """Split the network for so long, while riders buy and enter on both sides."""
        with ThreadPoolExecutor(AT_ONCE) as threads:
            folders = [folder / str(each) for each in range(rounds)]
            counts = list(threads.map(partial(self._split, program, split_s), folders))
        went_on_s = max(each.went_on_s for each in counts)
        return Outcome(
            rounds,
            sum(each.sales + each.entries for each in counts),
            sum(each.twice for each in counts),
            max(each.longest_s for each in counts),
            remarks=f"lost is what was acknowledged for {went_on_s:.1f} s at most" if went_on_s else "",
        )

    def _split(self, program: Path, split_s: float, folder: Path) -> Count:
        folder.mkdir()
        with ExitStack() as cleanup:
            cluster = Cluster(program, folder, cleanup)
            for sentinel in cluster.sentinels:
                sentinel.retry_a_failover_after(4.0)
            with cluster.primary.client() as redis:
                redis.config_set("min-replicas-to-write", self.min_replicas)
                redis.config_set("min-replicas-max-lag", self.max_lag_s)
            settings = replace(cluster.settings, redis_replicas=self.replicas)
            shared = _sell(replace(settings, redis_replicas=REPLICAS), range(SHARED))
            old_gate = cleanup.enter_context(closing(PassStore(settings, TO_USE)))
            until_answered(partial(old_gate.look, "0"))
            old = cleanup.enter_context(closing(Side(settings, 1)))
            wait_for(lambda: old.entered)

            began_at = time.monotonic()
            self._part(cluster)
            new_primary = cluster.new_primary()
            for sentinel in cluster.sentinels:
                wait_for(partial(sentinel.names_another_than, cluster.network.port))
            new_gate = cleanup.enter_context(closing(PassStore(settings, TO_USE)))
            new = cleanup.enter_context(closing(Side(settings, 2)))
            time.sleep(max(0.0, began_at + split_s - SHARED * RIDER_EVERY_S - time.monotonic()))
            twice = _let_in(old_gate, shared) & _let_in(new_gate, shared)
            time.sleep(max(0.0, began_at + split_s - time.monotonic()))

            _heal(cluster)
            wait_for(partial(_is_replica, cluster.primary), IN_PLACE_WITHIN_S, interval_s=0.1)
            told_at = time.monotonic()
            for side in (old, new):
                wait_for(partial(side.has_served_since, told_at), IN_PLACE_WITHIN_S)
                side.close()
            until_answered(partial(old_gate.look, "0"))  # now what had no answer is reversed
            return _count(new_primary, old, new, len(twice), began_at)

    def _part(self, cluster: Cluster) -> None:
        """Leave the old primary with its devices, and maybe with a replica."""
        cut_off = cluster.replica_networks[self.keeps_a_replica :]
        cluster.network.black_hole(A_SENTINEL, *(f"listening-port\r\n$5\r\n{each.port}".encode() for each in cut_off))
        if self.keeps_a_replica:
            cluster.replica_networks[0].black_hole(A_SENTINEL)


def _heal(cluster: Cluster) -> None:
    for network in (cluster.network, *cluster.replica_networks):
        network.pass_on()


def _is_replica(server: Server) -> bool:
    with suppress(RedisError):
        return not is_primary(server)
    return False


class Side:
    """A terminal and a gate: rider after rider buys a single trip and uses it."""

    def __init__(self, settings: Settings, number: int) -> None:
        self.sold: dict[str, float] = {}
        self.entered: list[str] = []
        self._number = number
        self._stores = PassStore(settings, TO_SELL), PassStore(settings, TO_USE)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def close(self) -> None:
        self._is_over.set()
        self._thread.join()
        for store in self._stores:
            store.close()

    def has_served_since(self, moment: float) -> bool:
        return max(self.sold.values(), default=0.0) > moment

    def _work(self) -> None:
        terminal, gate = self._stores
        card = 10**11 * self._number
        while not self._is_over.wait(RIDER_EVERY_S):
            card += 1
            with suppress(Unavailable):
                if terminal.issue(terminal.new_request(str(card)), PassType.SINGLE_USE) is SaleOutcome.ISSUED:
                    self.sold[str(card)] = time.monotonic()
                if gate.use(str(card)) is UseOutcome.GRANTED:
                    self.entered.append(str(card))


def _sell(settings: Settings, cards: Iterable[int]) -> set[str]:
    """Sell a single trip to each card, which all replicas hold, and return the cards."""
    names = {str(10**10 + card) for card in cards}
    with closing(PassStore(settings, TO_SELL)) as store:
        for name in names:
            until_answered(partial(store.issue, store.new_request(name), PassType.SINGLE_USE))
    return names


def _let_in(gate: PassStore, cards: set[str]) -> set[str]:
    """Return the cards that are let in, until one has no answer."""
    greens = set()
    with suppress(Unavailable):
        for card in cards:
            if gate.use(card) is UseOutcome.GRANTED:
                greens.add(card)
    return greens


def _count(new_primary: Server, old: Side, new: Side, twice: int, began_at: float) -> Count:
    with new_primary.client() as redis:
        require_balance(redis)
        sold, used = sales(redis), entries(redis)
    lost = [at for side in (old, new) for card, at in side.sold.items() if not sold[card]]
    lost_entries = sum(not used[card] for side in (old, new) for card in side.entered)
    longest_s = max(later - sooner for sooner, later in pairwise(sorted(old.sold.values())))
    return Count(len(lost), lost_entries, twice, max(lost, default=began_at) - began_at, longest_s)


SPLITS: Mapping[str, Splits] = {
    "split": Splits(replicas=1),
    "split-beside-a-replica": Splits(replicas=REPLICAS, keeps_a_replica=True),
    "split-one-of-two": Splits(replicas=1, keeps_a_replica=True),
    "split-without": Splits(),
    "split-max-lag-10": Splits(min_replicas=1, max_lag_s=10),
    "split-max-lag-1": Splits(min_replicas=1, max_lag_s=1),
}
"""The last four lose what was acknowledged: that is what their settings cost."""
