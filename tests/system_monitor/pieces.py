"""A proxy that passes on what a server sends in two pieces, some time apart."""

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

PAUSE_S = 0.002


class Pieces:
    """Listens on a port of its own while its context is entered."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Pieces":
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _start(self, work: Callable[..., None], *sockets: socket.socket) -> None:
        def until_closed() -> None:
            with suppress(OSError):
                work(*sockets)

        self._threads.append(threading.Thread(target=until_closed))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._server_port))
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets += [client, server]
            self._start(self._pass_on, client, server)
            self._start(self._cut, server, client)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

    def _cut(self, source: socket.socket, target: socket.socket) -> None:
        chance = random.Random(1)
        while data := source.recv(65536):
            cut = chance.randrange(len(data))
            target.sendall(data[:cut])
            time.sleep(PAUSE_S)
            target.sendall(data[cut:])
        target.shutdown(socket.SHUT_WR)
