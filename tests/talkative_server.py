"""A server that answers whatever it is told to, RESP or not."""

import socket
import ssl
import threading
from contextlib import suppress


class TalkativeServer:
    """Accepts connections, one at a time; each ends after its answer.

    Attributes:
        port: where it listens.
        answer: what it sends, once to each connection.
        connections: how many it has accepted.
        greets: whether it answers before it is asked.
    """

    def __init__(self, answer: bytes = b"", tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.greets = False
        self.connections = 0
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "TalkativeServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with suppress(OSError), connection:
                connection.settimeout(5)
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        if self._tls:
            with self._tls.wrap_socket(connection, server_side=True) as secured:
                self._answer(secured)
        else:
            self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        if not self.greets:
            connection.recv(65536)
        connection.sendall(self.answer)
