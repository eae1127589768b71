"""Notifying systemd of a program's state: ready, in or out of service, alive (sd_notify(3))."""

import os
import socket

from common.clock import Clock


class ServiceManager:
    """The service manager that started this program; without NOTIFY_SOCKET, nothing is sent."""

    def __init__(self, clock: Clock) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._clock = clock
        self._status: str | None = None
        self._next_sign_of_life = clock.now()

    def report(self, problem: str | None) -> None:
        """Report the program's state, in each round of the main loop; the first report says that it is ready.

        Args:
            problem: why the program is out of service, in words for an operator; None if it is not.
        """
        message = []
        status = f"STATUS=out of service: {problem}" if problem else "STATUS=in service"
        if status != self._status:
            message += [status] if self._status else ["READY=1", status]
        is_due = self._clock.now() >= self._next_sign_of_life
        if is_due:
            message.append("WATCHDOG=1")
        if message and self._send("\n".join(message)):
            self._status = status
            if is_due:
                self._next_sign_of_life = self._clock.now() + 1.0

    def _send(self, message: str) -> bool:
        """Send without blocking; return whether it need not be sent again. A busy systemd must not stop a gate."""
        if not self._address:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as systemd:
                systemd.sendto(message.encode(), self._address)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True
