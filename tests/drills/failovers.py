"""A primary killed under load, with two replicas and three Sentinels, and a monitor that follows the change."""

import json
import subprocess
import threading
import time
from collections.abc import Mapping, Set
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from common.pass_store import PassStore
from common.passes import PassType
from common.rights import TO_SELL
from common.settings import PREFIX, Settings
from simulator.fault_proxy import FaultProxy
from simulator.server import Server, free_port
from tests.drills.drill import Outcome, sales, seeded_random, until_answered
from tests.processes import Program, wait_for

SENTINELS, REPLICAS, TERMINALS = 3, 2, 4
MASTER = "transit-pass"
SHORTEST_OUTAGE_S = 1.0  # before the Sentinels replace a primary
PATIENCE_S = 20.0  # theirs otherwise: a busy machine must not have them replace one that runs
IN_PLACE_WITHIN_S = 60.0
REPLICATION_DELAY_S = 0.02  # as between two towns
CONFIGURATION = """
port {port}
bind 127.0.0.1
sentinel announce-ip 127.0.0.1
sentinel announce-port {announced}
sentinel monitor {master} 127.0.0.1 {primary} 2
sentinel down-after-milliseconds {master} {patience_ms}
sentinel failover-timeout {master} 5000
"""


class Sentinel:
    """One Sentinel as a process; the others and all devices reach it through its network."""

    def __init__(self, program: Path, folder: Path, primary: int) -> None:
        self._port = free_port()
        self.network = FaultProxy(self._port)
        folder.mkdir()
        file = folder / "sentinel.conf"
        patience_ms = round(PATIENCE_S * 1000)
        about = {"port": self._port, "announced": self.network.port, "primary": primary, "patience_ms": patience_ms}
        file.write_text(CONFIGURATION.format(master=MASTER, **about))
        command = [str(program), str(file), "--sentinel"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self.network.close()

    def _client(self) -> Redis:
        return Redis(port=self._port, decode_responses=True, driver_info=None)

    def wait_before_a_failover(self, seconds: float) -> None:
        with self._client() as client:
            client.sentinel_set(MASTER, "down-after-milliseconds", round(seconds * 1000))

    def retry_a_failover_after(self, seconds: float) -> None:
        """Set how long after an election without a winner the next one begins."""
        with self._client() as client:
            client.sentinel_set(MASTER, "failover-timeout", round(seconds * 1000 / 2))

    def names_another_than(self, port: int) -> bool:
        """Whether it sends devices to another primary than that at this port."""
        with self._client() as client:
            state: Any = client.sentinel_masters()[MASTER]
        return bool(state["port"] != port)

    def sees_all(self) -> bool:
        """Whether it knows the replicas and the other Sentinels."""
        try:
            with self._client() as client:
                state: Any = client.sentinel_masters()[MASTER]
        except (RedisError, KeyError):
            return False
        return (state["num-slaves"], state["num-other-sentinels"]) == (REPLICAS, SENTINELS - 1)


def failovers_with_replication(program: Path, folder: Path, rounds: int = 3) -> Outcome:
    """Acknowledge a sale once a replica holds it."""
    return _fail_over(program, folder, rounds, replicas=1)


def failovers_without(program: Path, folder: Path, rounds: int = 3) -> Outcome:
    """Acknowledge a sale at once."""
    return _fail_over(program, folder, rounds, replicas=0)


def _fail_over(program: Path, folder: Path, rounds: int, replicas: int) -> Outcome:
    chance = seeded_random()
    lost = doubled = 0
    longest_s = 0.0
    for number in range(rounds):
        here = folder / f"{number}"
        here.mkdir()
        with ExitStack() as cleanup:
            cluster = Cluster(program, here, cleanup)
            monitor = cleanup.enter_context(cluster.monitor())
            settings = replace(cluster.settings, redis_replicas=replicas)
            terminals = [cleanup.enter_context(closing(Terminal(settings, name))) for name in range(TERMINALS)]
            time.sleep(chance.uniform(1, 2))
            new_primary = cluster.lose_the_primary()
            failed_over_at = time.monotonic()
            for terminal in terminals:
                wait_for(partial(terminal.has_sold_since, failed_over_at), 60)
                terminal.close()
            with new_primary.client() as redis:
                recorded = sales(redis)
            wait_for(partial(_are_shown, monitor, recorded.keys()), 30)
            sold = [card for terminal in terminals for card in terminal.sold]
            lost += sum(card not in recorded for card in sold)
            doubled += sum(count - 1 for count in recorded.values())
            longest_s = max(longest_s, *(terminal.longest_s for terminal in terminals))
    return Outcome(rounds, lost, doubled, longest_s)


class Cluster:
    """A primary, replicas that are a while behind, and the Sentinels."""

    def __init__(self, program: Path, folder: Path, cleanup: ExitStack) -> None:
        for name in ("primary", *map(str, range(REPLICAS))):
            (folder / name).mkdir()
        self.primary = cleanup.enter_context(Server(program, folder / "primary", "--repl-diskless-sync-delay", "0"))
        self.network = cleanup.enter_context(FaultProxy(self.primary.port))
        self.network.replication_delay_s = REPLICATION_DELAY_S
        self.replicas: list[Server] = []
        self.replica_networks: list[FaultProxy] = []
        for number in range(REPLICAS):
            replica = cleanup.enter_context(Server(program, folder / str(number)))
            network = cleanup.enter_context(FaultProxy(replica.port))
            with replica.client() as redis:
                redis.config_set("replica-announce-ip", "127.0.0.1")
                redis.config_set("replica-announce-port", network.port)
                redis.replicaof("127.0.0.1", self.network.port)
            self.replicas.append(replica)
            self.replica_networks.append(network)
        self.sentinels = [
            cleanup.enter_context(closing(Sentinel(program, folder / f"sentinel-{number}", self.network.port)))
            for number in range(SENTINELS)
        ]
        for replica in self.replicas:
            wait_for(partial(_follows, replica), IN_PLACE_WITHIN_S, interval_s=0.05)
        for sentinel in self.sentinels:
            wait_for(sentinel.sees_all, IN_PLACE_WITHIN_S, interval_s=0.2)
        self.settings = Settings(
            device="terminal",
            redis_sentinels=tuple(("127.0.0.1", sentinel.network.port) for sentinel in self.sentinels),
            redis_sentinel_master=MASTER,
        )

    def monitor(self) -> Program:
        """Start a monitor that knows the Sentinels alone, and wait until it is subscribed."""
        sentinels = ",".join(f"{host}:{port}" for host, port in self.settings.redis_sentinels)
        environment = {PREFIX + "REDIS_SENTINELS": sentinels, PREFIX + "REDIS_SENTINEL_MASTER": MASTER}
        program = Program("system_monitor", "--json", environment=environment)
        with self.primary.client() as redis:
            wait_for(redis.pubsub_numpat)
        return program

    def kill_the_primary(self) -> None:
        """Kill it, with all that it was sending."""
        self.network.refuse()
        self.primary.kill()

    def lose_the_primary(self, for_s: float = SHORTEST_OUTAGE_S) -> Server:
        """Kill the primary, with all that it was sending; return the server that replaces it after about so long."""
        self.kill_the_primary()
        return self.new_primary(for_s)

    def replace_the_primary(self, for_s: float) -> Server:
        """Suspend the primary, until another has replaced it after about so long; return that one."""
        self.primary.suspend()
        new_primary = self.new_primary(for_s)
        self.primary.resume()
        return new_primary

    def new_primary(self, after_s: float = SHORTEST_OUTAGE_S) -> Server:
        """Return the server that replaces the primary after about so long."""
        self.set_patience(max(after_s, SHORTEST_OUTAGE_S))
        new_primary = wait_for(
            lambda: next(filter(is_primary, self.replicas), None), after_s + IN_PLACE_WITHIN_S, interval_s=0.3
        )
        self.set_patience(PATIENCE_S)
        return new_primary

    def set_patience(self, seconds: float) -> None:
        """Let the Sentinels wait for so long before they replace a primary."""
        for sentinel in self.sentinels:
            sentinel.wait_before_a_failover(seconds)


def _are_shown(monitor: Program, cards: Set[str]) -> bool:
    return cards <= {json.loads(line)["cardSerialNumber"] for line in list(monitor.output)}


def _replication(server: Server) -> Mapping[str, Any]:
    with server.client() as redis:
        facts: Mapping[str, Any] = redis.info("replication")
        return facts


def _follows(replica: Server) -> bool:
    return bool(_replication(replica).get("master_link_status") == "up")


def is_primary(server: Server) -> bool:
    """Return whether it is the primary; one that is just being promoted drops its clients."""
    try:
        return bool(_replication(server)["role"] == "master")
    except RedisError:
        return False


class Terminal:
    """A terminal that sells without a pause."""

    def __init__(self, settings: Settings, number: int) -> None:
        self.sold: list[str] = []
        self.longest_s = 0.0
        self._last_sale_began_at = 0.0
        self._number = number
        self._store = PassStore(settings, TO_SELL)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._sell)
        self._thread.start()

    def close(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._store.close()

    def has_sold_since(self, moment: float) -> bool:
        return self._last_sale_began_at > moment

    def _sell(self) -> None:
        while not self._is_over.is_set():
            card = f"{self._number}0{len(self.sold)}"
            began_at = time.monotonic()
            sale = self._store.new_request(card)
            _, took_s = until_answered(partial(self._store.issue, sale, PassType.TEN_TRIP))
            self.sold.append(card)
            self._last_sale_began_at = began_at
            self.longest_s = max(self.longest_s, took_s)
