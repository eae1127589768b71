"""A network with faults: a proxy between a program and its server that delays, breaks and goes silent on demand."""

import asyncio
import contextlib
import itertools
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from simulator.loop_thread import LoopThread
from simulator.server import free_port

_CHUNK = 65536
_OPENING = 1000  # bytes, in which every program and server says what it is
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time: an RST in place of a FIN


class Direction(Enum):
    """The direction of a chunk, as the program sees it."""

    REQUEST = auto()
    REPLY = auto()


@dataclass
class Cut:
    """Breaks a connection within a request or within the reply to it.

    A request is taken to be one chunk: redis-py sends each command, and each pipeline, at once.

    Args:
        marker: the connection breaks at the first request that contains this.
        direction: whether it breaks within the request or within the reply.
        after: how many of its bytes pass.
        reset: break with an RST rather than with a FIN.
        times: how many connections that carry such a request break, one after the other.
    """

    marker: bytes
    direction: Direction
    after: int = 0
    reset: bool = False
    times: int = 1


@dataclass(frozen=True)
class Chunk:
    """Bytes that passed in one piece, and when they left or reached the program, by `time.monotonic()`."""

    direction: Direction
    data: bytes
    at: float


class FaultProxy:
    """Listens on a port of its own and forwards everything to the server, unless a fault is set. Thread-safe."""

    def __init__(self, server_port: int) -> None:
        self.listener: Callable[[Chunk], None] | None = None
        """Called with every chunk; it must not block."""
        self.delay_s = 0.0
        """How long each chunk takes in each direction."""
        self.bytes_per_s: float | None = None
        """The bandwidth of each direction of each connection."""
        self.replication_delay_s = 0.0
        """How much longer each chunk takes on a replica's connection."""
        self.answers_every = 1
        """Each so many-th reply passes; the others are lost, and their connections stay open."""
        self.cuts_made = 0
        self._server_port = server_port
        self._cut: Cut | None = None
        self._replies = itertools.count(1)
        self._held: Sequence[bytes] = ()
        self._passing = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = LoopThread("fault proxy")
        self.port = free_port()
        self.pass_on()
        self.accept()

    def __enter__(self) -> "FaultProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it, and all connections."""
        self.refuse()
        self._thread.close()

    # ------------------------------------------------------------------ faults

    def cut(self, cut: Cut) -> None:
        """Break the next connections that carry a matching request; this replaces the cut before."""
        self._cut = cut

    def clear_cut(self) -> None:
        """Break no more connections."""
        self._cut = None

    def black_hole(self, *marks: bytes) -> None:
        """Forward nothing: connections stay open, and new ones are accepted.

        Args:
            marks: only connections are held whose first requests contain one of these; without any, all are.
        """
        self._thread.run(self._hold(marks or (b"",)))

    def pass_on(self) -> None:
        """End the black hole; what was held back is forwarded."""
        self._thread.run(self._hold(()))

    def reset(self) -> None:
        """Break all connections with an RST."""
        self._thread.run(self._reset())

    def refuse(self) -> None:
        """Break all connections and accept no new ones."""
        self._thread.run(self._stop_listening())
        self.reset()

    def accept(self) -> None:
        """Accept connections, again after `refuse` on the same port."""
        self._thread.run(self._listen())

    # ------------------------------------------------------------------ wires

    async def _hold(self, marks: Sequence[bytes]) -> None:
        self._held = marks
        (self._passing.clear if marks else self._passing.set)()

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _stop_listening(self) -> None:
        self._listener.close()

    async def _reset(self) -> None:
        for writer in self._writers:
            _break(writer, reset=True)
        self._writers.clear()

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        # Cancelled when the proxy ends: asyncio's streams log such an end as an error.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._until_passing(b"")
            try:
                from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
            except OSError:
                _break(to_client, reset=True)
                raise
            connection = _Connection(self, to_server, to_client)
            self._writers |= {to_client, to_server}
            try:
                await asyncio.gather(
                    connection.carry(from_client, Direction.REQUEST), connection.carry(from_server, Direction.REPLY)
                )
            finally:
                self._writers -= {to_client, to_server}

    def take_cut(self, request: bytes) -> Cut | None:
        """Return the cut that matches this request."""
        cut = self._cut
        if cut is None or cut.marker not in request:
            return None
        cut.times -= 1
        self.cuts_made += 1
        if not cut.times:
            self._cut = None
        return cut

    def loses_reply(self) -> bool:
        """Return whether this reply is lost."""
        return next(self._replies) % self.answers_every > 0

    async def take_time(self, size: int, opening: bytes) -> None:
        """Wait as long as the network takes for a chunk of the connection with these first requests."""
        await self._until_passing(opening)
        delay_s = self.delay_s + (self.replication_delay_s if b"PSYNC" in opening else 0)
        await asyncio.sleep(delay_s + (size / self.bytes_per_s if self.bytes_per_s else 0))
        await self._until_passing(opening)

    async def _until_passing(self, opening: bytes) -> None:
        while any(mark in opening for mark in self._held):
            await self._passing.wait()

    def notify(self, direction: Direction, data: bytes) -> None:
        """Call the listener."""
        if self.listener:
            self.listener(Chunk(direction, data, time.monotonic()))


class _Connection:
    """A connection to the proxy, and the one from there to the server."""

    def __init__(self, proxy: FaultProxy, to_server: asyncio.StreamWriter, to_client: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._writers = {Direction.REQUEST: to_server, Direction.REPLY: to_client}
        self._cut: Cut | None = None
        self._opening = b""

    async def carry(self, reader: asyncio.StreamReader, direction: Direction) -> None:
        """Forward one direction until either end closes or the cut is due."""
        writer = self._writers[direction]
        try:
            while chunk := await reader.read(_CHUNK):
                if direction is Direction.REQUEST:
                    self._opening = (self._opening + chunk)[:_OPENING]
                    self._proxy.notify(direction, chunk)
                await self._proxy.take_time(len(chunk), self._opening)
                if direction is Direction.REQUEST:
                    self._cut = self._cut or self._proxy.take_cut(chunk)
                elif self._proxy.loses_reply():
                    continue
                if self._cut and self._cut.direction is direction:
                    writer.write(chunk[: self._cut.after])
                    await writer.drain()
                    return
                writer.write(chunk)
                if direction is Direction.REPLY:
                    self._proxy.notify(direction, chunk)
                await writer.drain()
        finally:
            for end in self._writers.values():
                _break(end, reset=bool(self._cut and self._cut.reset))


def _break(writer: asyncio.StreamWriter, reset: bool) -> None:
    sock = writer.get_extra_info("socket")
    if reset and sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    if reset:
        writer.transport.abort()
    else:
        writer.close()
