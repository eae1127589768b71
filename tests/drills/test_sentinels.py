"""Sentinels of which a majority is cut off: what goes on, what does not, and that it ends by itself."""

from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from common.pass_store import PassStore
from common.passes import PassType, SaleOutcome, UseOutcome
from common.redis_link import Unavailable
from common.rights import TO_SELL, TO_USE
from tests.drills.drill import entries, require_balance, sales, until_answered
from tests.drills.failovers import SENTINELS, Cluster
from tests.processes import wait_for

FOUND_WITHIN_S = 6.0
FAIL_OVER_AFTER_S = 2.0
A_SENTINEL = b"sentinel-"  # begins the name that it gives each of its connections

pytestmark = pytest.mark.process


def test_a_majority_that_is_cut_off(server_program: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The primary that is there is found and used; one that is lost is not replaced until the majority is back."""
    with ExitStack() as cleanup:
        cluster = Cluster(server_program, tmp_path, cleanup)
        cluster.set_patience(FAIL_OVER_AFTER_S)
        for sentinel in cluster.sentinels:
            sentinel.retry_a_failover_after(2.0)
        *cut_off, reached = (sentinel.network for sentinel in cluster.sentinels)
        for network in cut_off:
            network.black_hole()
        reached.black_hole(A_SENTINEL)  # which only the devices reach

        settings = replace(cluster.settings, redis_replicas=1)
        gate = cleanup.enter_context(closing(PassStore(settings, TO_USE)))
        terminal = cleanup.enter_context(closing(PassStore(settings, TO_SELL)))
        wait_for(lambda: gate.problem is terminal.problem is None, FOUND_WITHIN_S)
        assert terminal.issue(terminal.new_request("1"), PassType.TEN_TRIP) is SaleOutcome.ISSUED
        assert gate.use("1") is UseOutcome.GRANTED

        caplog.clear()
        cluster.kill_the_primary()
        for store in (gate, terminal):
            wait_for(partial(_tells_each_sentinels_reason, store))
        with pytest.raises(Unavailable):
            gate.use("1")
        with pytest.raises(Unavailable):
            terminal.issue(terminal.new_request("2"), PassType.TEN_TRIP)
        refused, each_reason = (caplog.messages.count(message) for message in sorted(set(caplog.messages)))
        assert (refused, each_reason) == (2, 2), "each device tells each reason once"

        for sentinel in cluster.sentinels:
            sentinel.network.pass_on()
        assert until_answered(partial(gate.use, "1"))[0] is UseOutcome.GRANTED
        assert until_answered(partial(terminal.issue, terminal.new_request("3"), PassType.SINGLE_USE))
        with cluster.new_primary().client() as redis:
            assert entries(redis) == {"1": 2}
            require_balance(redis)
            assert sales(redis).keys() >= {"1", "3"}


def _tells_each_sentinels_reason(store: PassStore) -> bool:
    problem = store.problem or ""
    return problem.count("does not answer in time") == SENTINELS - 1 and "it says that" in problem
