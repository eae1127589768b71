"""Programs of the system as processes, and devices: such programs on virtual Pis."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from common import wiring
from common.settings import PREFIX
from simulator.child import ending_with_parent
from simulator.service_status import STARTING, ServiceStatus
from simulator.virtual_pi.station import Kind, Observation, VirtualPi

LAMPS = {wire.bcm: wire.contact for wire in wiring.COLOURS}
READY_LIMIT_S = 15.0
STOP_LIMIT_S = 5.0

_REPOSITORY = Path(__file__).resolve().parent.parent


class OutputKind(StrEnum):
    """What an output is."""

    LAMP = "lamp"
    SOUND = "sound"
    LOG = "log"
    EVENT = "event"


@dataclass(frozen=True)
class Output:
    """Something that a device or the monitor shows, plays or prints.

    Args:
        source: the device's name, or `monitor`.
        kind: what it is.
        text: `green on`, a clip's name, a line of the device's log, or a line of the monitor.
        at: when, in seconds of `time.monotonic()`.
    """

    source: str
    kind: OutputKind
    text: str
    at: float


Report = Callable[[Output], None]


class Process:
    """A program of the system, whose output is reported line by line."""

    def __init__(self, arguments: list[str], environment: dict[str, str], report: Callable[[str], None]) -> None:
        self._process = subprocess.Popen(
            ending_with_parent(sys.executable, "-m", *arguments),
            env=environment,
            cwd=_REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the demo, which then ends its programs
        )
        self._is_ending = False
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout, report), daemon=True)
        self._reader.start()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """Ask the program to end, and kill it if it does not."""
        self._is_ending = True
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._reader.join(STOP_LIMIT_S)

    def kill(self) -> None:
        """End the program as a crash would."""
        self._process.kill()
        self._process.wait()

    def _read(self, output: IO[bytes], report: Callable[[str], None]) -> None:
        for line in output:
            report(line.decode(errors="replace").rstrip("\n"))
        status = self._process.wait()
        if not self._is_ending:
            report(f"has ended with status {status}")


class Device:
    """A gate or a terminal: its program on a virtual Pi.

    Args:
        name: its name, also in its events.
        module: its program, `entry_gate` or `sales_terminal`.
        redis_port: the port at which it connects to Redis.
        report: called with everything that it does, from several threads.
    """

    def __init__(self, name: str, module: str, redis_port: int, report: Report) -> None:
        self.name = name
        self.module = module
        self._report = report
        self.pi = VirtualPi(self._observe)
        self._log = lambda line: report(Output(name, OutputKind.LOG, line, time.monotonic()))
        self._status = ServiceStatus()
        self._environment = self.pi.environment() | self._status.environment
        self._environment |= {PREFIX + "REDIS_PORT": str(redis_port), PREFIX + "DEVICE": name}
        self._program = self._run()

    def wait_until_ready(self) -> None:
        """Wait until the program polls its reader.

        Raises:
            TimeoutError: it does not start.
        """
        self.pi.wait_for(lambda pi: pi.running, READY_LIMIT_S)

    @property
    def problem(self) -> str | None:
        """Why the device is out of service, in its own words; None if it is in service."""
        return self._status.problem if self.pi.running else "its program is not running"

    @property
    def is_running(self) -> bool:
        """Whether its program has not ended."""
        return self._program.is_running

    def kill(self) -> None:
        """Kill its program; the lamps stay as they are."""
        self._program.kill()
        self.pi.wait_for(lambda pi: not pi.running, READY_LIMIT_S)

    def start(self) -> None:
        """Start its program, which has ended, again."""
        self._status.problem = STARTING
        self._program = self._run()

    def _run(self) -> Process:
        return Process([self.module], self._environment, self._log)

    def close(self) -> None:
        """End the program, then the Pi."""
        self._program.close()
        self._status.close()
        self.pi.close()

    def _observe(self, observation: Observation) -> None:
        match observation.kind, observation.what:
            case Kind.LIT, int(pin) if pin in LAMPS:
                self._report(Output(self.name, OutputKind.LAMP, f"{LAMPS[pin]} on", observation.at))
            case Kind.DARK, int(pin) if pin in LAMPS:
                self._report(Output(self.name, OutputKind.LAMP, f"{LAMPS[pin]} off", observation.at))
            case Kind.SOUND_BEGAN, str(clip):
                self._report(Output(self.name, OutputKind.SOUND, clip, observation.at))
