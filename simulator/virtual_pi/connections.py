"""The connections between a virtual Pi's station and the programs on it: lines of JSON on a Unix socket."""

import contextlib
import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

LONG_PATH = 80  # a socket's address takes 107 bytes (unix(7))

Message = dict[str, Any]


class Connections:
    """Listens at a Unix socket, to any number of programs, each in a thread of its own.

    Args:
        receive: called with every message and the connection that it came by.
        on_close: called when a connection has ended.
    """

    def __init__(
        self, receive: Callable[[socket.socket, Message], None], on_close: Callable[[socket.socket], None]
    ) -> None:
        self._receive = receive
        self._on_close = on_close
        self._connections: set[socket.socket] = set()
        parent = tempfile.gettempdir()
        self._folder = Path(tempfile.mkdtemp(prefix="virtual-pi-", dir=parent if len(parent) < LONG_PATH else "/tmp"))
        self.address = str(self._folder / "station")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(self.address)
        self._listening.listen()
        threading.Thread(target=self._accept, name="station", daemon=True).start()

    def close(self) -> None:
        """End all connections."""
        for each in (self._listening, *self._connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self._connections.add(connection)
                threading.Thread(target=self._listen, args=(connection,), name="virtual Pi", daemon=True).start()

    def _listen(self, connection: socket.socket) -> None:
        with connection, connection.makefile("r", encoding="utf-8") as lines:
            with contextlib.suppress(OSError, ValueError):
                for line in lines:
                    self._receive(connection, json.loads(line))
            self._connections.discard(connection)
            self._on_close(connection)


def send(connection: socket.socket, message: Message) -> None:
    """Send a message; a program that has just ended does not get it."""
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(message).encode() + b"\n")
