"""The ways to the demo's page: its port, the browser, and the tunnel for those who are on another machine."""

import ipaddress
import os
import pwd
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress

from common.text import printable
from simulator.child import ending_with_parent
from simulator.page.server import Page, PageError

PORT = 8765
PORTS_TO_TRY = 10
SSH_PORT = "22"


def serve(port: int | None) -> Page:
    """Serve the page at this port; without one, at the first of a few that is free.

    Raises:
        PageError: it is not available, or none is.
    """
    if port is not None:
        return Page(port)
    for each in range(PORT, PORT + PORTS_TO_TRY):
        with suppress(PageError):
            return Page(each)
    raise PageError(f"no port from {PORT} to {PORT + PORTS_TO_TRY - 1} is available: choose another with --port")


def directions(page: Page, wanted: int | None, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield how to come to the page, a line each.

    Args:
        page: the page.
        wanted: the port that was asked for, if any.
        environment: of this process.
    """
    if wanted is None and page.port != PORT:
        yield f"Port {PORT} is taken: the page has the next free one, {page.port}."
    yield f"The station is at {page.address}  Ctrl-C ends it."
    if connection := environment.get("SSH_CONNECTION"):
        yield f"From your own machine, run this, and open http://localhost:{page.port}/ there:"
        yield f"  {tunnel(page.port, connection)}"


def tunnel(port: int, connection: str) -> str:
    """Return the command that makes the port of this machine one of the user's own.

    Args:
        port: the page's port.
        connection: SSH_CONNECTION: the client's address and port, and those at which it reached this machine (ssh(1)).
            Without a sensible one, the command has this machine's name.
    """
    host, ssh_port = socket.gethostname(), SSH_PORT
    match connection.split():
        case [_, _, address, number] if _is_reachable(address) and number.isascii() and number.isdigit():
            host, ssh_port = address, number
    with suppress(KeyError):  # the user has no name
        host = f"{pwd.getpwuid(os.getuid()).pw_name}@{host}"
    option = f"-p {ssh_port} " if ssh_port != SSH_PORT else ""
    return f"ssh {option}-L {port}:localhost:{port} {printable(shlex.quote(host))}"


def _is_reachable(address: str) -> bool:
    """Whether it is an address that the client has for this machine: a scope would be the name of a device here."""
    with suppress(ValueError):
        return "%" not in str(ipaddress.ip_address(address))
    return False


def open_browser(address: str) -> None:
    """Open the page where there is a display, in a browser that stays when the demo ends; what it prints is lost."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return
    subprocess.Popen(
        ending_with_parent(sys.executable, "-m", "webbrowser", address),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
