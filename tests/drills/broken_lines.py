"""The monitor, whose connections are killed, whose server is restarted and whose network falls silent."""

import json
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from common.pass_store import PassStore
from common.rights import TO_USE
from common.settings import PREFIX, Settings
from simulator.fault_proxy import FaultProxy
from simulator.server import Server
from tests import journal
from tests.drills.drill import Outcome, require, seeded_random, until_answered
from tests.processes import Program, wait_for

KILLS, RESTARTS = 20, 5
SILENCE_S = 12.0
NOTICED_WITHIN_S = 10.0
EVENTS = 5000
TRAFFIC_S = 20.0  # at least: events are published all through the trouble


def broken_lines(program: Path, folder: Path, rounds: int = EVENTS) -> Outcome:
    """Publish events meanwhile; every one must be shown once, in order."""
    with (
        Server(program, folder, "--appendonly", "yes", "--appendfsync", "always") as server,
        FaultProxy(server.port) as proxy,
        Program("system_monitor", "--json", environment={PREFIX + "REDIS_PORT": str(proxy.port)}) as monitor,
        closing(PassStore(Settings("gate", redis_port=server.port), TO_USE)) as gate,
    ):
        with server.client() as redis:
            wait_for(redis.pubsub_numpat)
        traffic = threading.Thread(target=_ride, args=(gate, rounds))
        traffic.start()
        noticed_after_s = _trouble(server, proxy, monitor)
        traffic.join()
        with server.client() as redis:
            published = [entry.id for entry in journal.entries(redis)]
        wait_for(lambda: len(monitor.output) >= len(published), 30)
        shown = [json.loads(line)["id"] for line in list(monitor.output)]
    require(len(published) >= rounds, "each use is in the journal; one without an answer was made again")
    require(noticed_after_s < NOTICED_WITHIN_S, f"a silent network is noticed within {NOTICED_WITHIN_S:g} s")
    lost, doubled = set(published) - set(shown), len(shown) - len(set(shown))
    require(bool(lost or doubled) or shown == published, "events are shown in order")
    return Outcome(rounds, len(lost), doubled, noticed_after_s)


def _ride(gate: PassStore, rounds: int) -> None:
    for number in range(rounds):
        until_answered(partial(gate.use, str(number)))
        time.sleep(TRAFFIC_S / rounds)


def _trouble(server: Server, proxy: FaultProxy, monitor: Program) -> float:
    """Return how many seconds it took the monitor to notice the silent network."""
    chance = seeded_random()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0, 0.3))
        with server.client() as redis:
            redis.client_kill_filter(_type="pubsub")
    for _ in range(RESTARTS):
        time.sleep(chance.uniform(0.2, 1))
        server.kill()
        time.sleep(chance.uniform(0, 0.3))
        server.start()
    monitor.wait_for_more_errors("connected again", than=RESTARTS)
    wait_for(lambda: monitor.errors[-1].endswith(("connected again", "recovered")))
    before = len(monitor.errors)
    silent_since = time.monotonic()
    proxy.black_hole()
    wait_for(lambda: any("connection lost" in line for line in monitor.errors[before:]))
    noticed_after_s = time.monotonic() - silent_since
    time.sleep(SILENCE_S - noticed_after_s)
    proxy.pass_on()
    return noticed_after_s
