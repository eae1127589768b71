"""Small worlds for outages: two gates and a terminal on a server of their own, and what can fail between them."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from common.settings import Settings
from simulator.fault_proxy import FaultProxy
from simulator.server import Server
from tests.drills.failovers import REPLICAS, Cluster
from tests.drills.gate_process import GateProcess
from tests.drills.riders import Gate, StoreGate, Terminal

NETWORK_DELAY_S = 0.002


@dataclass
class Scene:
    """What every world is built from; what it starts ends with `cleanup`, and `history` keeps what it asks."""

    program: Path
    folder: Path
    history: Path
    chance: Random
    cleanup: ExitStack

    def server(self, name: str, *options: str) -> Server:
        return self.cleanup.enter_context(Server(self.program, self.subfolder(name), *options))

    def network(self, port: int) -> FaultProxy:
        return self.cleanup.enter_context(FaultProxy(port))

    def terminal(self, settings: Settings) -> Terminal:
        return self.cleanup.enter_context(closing(Terminal(self.history, settings)))

    def gate(self, settings: Settings, name: str) -> StoreGate:
        return self.cleanup.enter_context(closing(StoreGate(self.history, settings, self.subfolder(name))))

    def gate_process(self, settings: Settings, name: str) -> GateProcess:
        return self.cleanup.enter_context(closing(GateProcess(self.history, settings, self.subfolder(name))))

    def subfolder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        return folder


@dataclass
class World:
    """Two gates, a terminal, and the server that holds the passes; what may fail is where a world has it."""

    chance: Random
    server: Server
    gates: Sequence[Gate]
    terminal: Terminal
    networks: Sequence[FaultProxy] = ()
    processes: Sequence[GateProcess] = ()
    replica: Server = field(init=False)
    cluster: Cluster = field(init=False)
    replicas: int = field(init=False)


def on_a_server(scene: Scene) -> World:
    """All connect to the server directly."""
    server = scene.server("server")
    settings = _settings(server.port)
    gates = [scene.gate(settings, "first"), scene.gate(settings, "second")]
    return World(scene.chance, server, gates, scene.terminal(settings))


def behind_networks(scene: Scene) -> World:
    """Each gate has a network of its own; the terminal is in the second gate's."""
    server = scene.server("server")
    networks = [scene.network(server.port) for _ in range(2)]
    first, second = (_settings(network.port) for network in networks)
    gates = [scene.gate(first, "first"), scene.gate(second, "second")]
    return World(scene.chance, server, gates, scene.terminal(second), networks)


def in_processes(scene: Scene) -> World:
    """The first gate is a process, on a network so slow that its requests are under way for a while."""
    server = scene.server("server")
    network = scene.network(server.port)
    network.delay_s = NETWORK_DELAY_S
    direct = _settings(server.port)
    process = scene.gate_process(_settings(network.port), "first")
    gates: list[Gate] = [process, scene.gate(direct, "second")]
    return World(scene.chance, server, gates, scene.terminal(direct), [network], [process])


def with_a_replica(scene: Scene) -> World:
    """What one replica does not hold does not count."""
    server = scene.server("server", "--repl-diskless-sync-delay", "0")
    replica = scene.server("replica", "--replicaof", "127.0.0.1", str(server.port))
    settings = replace(_settings(server.port), redis_replicas=1)
    gates = [scene.gate(settings, "first"), scene.gate(settings, "second")]
    world = World(scene.chance, server, gates, scene.terminal(settings))
    world.replica = replica
    return world


def on_a_cluster(scene: Scene) -> World:
    """A primary, replicas and Sentinels; one replica must hold each change, or all."""
    cluster = Cluster(scene.program, scene.folder, scene.cleanup)
    settings = replace(cluster.settings, redis_replicas=scene.chance.choice([1, REPLICAS]))
    gates = [scene.gate(settings, "first"), scene.gate(settings, "second")]
    world = World(scene.chance, cluster.primary, gates, scene.terminal(settings))
    world.cluster, world.replicas = cluster, settings.redis_replicas
    return world


def _settings(port: int) -> Settings:
    return Settings("drill", redis_port=port)
