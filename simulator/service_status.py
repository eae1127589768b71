"""What a program reports of itself to the service manager: in service, or why not (sd_notify(3))."""

import socket
import threading

STARTING = "it is starting"
LONGEST_MESSAGE = 4096
_OUT_OF_SERVICE = "STATUS=out of service: "


class ServiceStatus:
    """A socket in systemd's place, for one program."""

    def __init__(self) -> None:
        self.problem: str | None = STARTING
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("")  # Linux chooses an abstract address (unix(7), autobind)
        threading.Thread(target=self._receive, name="service status", daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """What makes a program report here."""
        return {"NOTIFY_SOCKET": "@" + self._socket.getsockname()[1:].decode()}

    def close(self) -> None:
        """Receive no more."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def _receive(self) -> None:
        with self._socket:
            while message := self._socket.recv(LONGEST_MESSAGE):
                for line in message.decode(errors="replace").split("\n"):
                    if line.startswith("STATUS="):
                        self.problem = line.removeprefix(_OUT_OF_SERVICE) if _OUT_OF_SERVICE in line else None
