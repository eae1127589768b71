"""A socket in systemd's place."""

import socket

from tests.processes import wait_for


class Systemd:
    """What a program notifies systemd of (sd_notify(3))."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)
        self._lines: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self._address}

    @property
    def received(self) -> list[str]:
        """All lines so far."""
        while True:
            try:
                self._lines += self._socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self._lines

    def wait_for(self, beginning: str, more_than: int = 0) -> None:
        """Wait until more than that many lines have been received that begin so."""
        wait_for(lambda: sum(line.startswith(beginning) for line in self.received) > more_than)

    def close(self) -> None:
        self._socket.close()
