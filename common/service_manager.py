"""Telling systemd how a program is: ready, in or out of service, alive (sd_notify(3))."""

import os
import socket
from contextlib import suppress

from common.clock import Clock

SIGN_OF_LIFE_INTERVAL_S = 1.0


class ServiceManager:
    """The service manager that started this program; without one that asks to be told, nothing is sent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._is_ready = False
        self._told: str | None = None
        self._last_sign_of_life = -SIGN_OF_LIFE_INTERVAL_S

    def report(self, problem: str | None, is_alive: bool = True) -> None:
        """Tell how it is going, each time round the main loop; the first time says that the program is ready.

        Args:
            problem: why the program is out of service, in words for an operator; None if it is not.
            is_alive: whether to feed the watchdog.
        """
        now = self._clock.now()
        is_due = is_alive and now - self._last_sign_of_life >= SIGN_OF_LIFE_INTERVAL_S
        if self._is_ready and problem == self._told and not is_due:
            return
        message = []
        if not self._is_ready:
            message.append("READY=1")
        if not self._is_ready or problem != self._told:
            message.append(f"STATUS=out of service: {problem}" if problem else "STATUS=in service")
        if is_due:
            message.append("WATCHDOG=1")
            self._last_sign_of_life = now
        self._is_ready, self._told = True, problem
        if self._address:
            with suppress(OSError):
                self._socket.sendto("\n".join(message).encode(), self._address)

    def close(self) -> None:
        """Tell no more."""
        self._socket.close()
