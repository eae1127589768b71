"""A name server that does not answer: the look-up of Redis's name hangs, and no time-out of a socket limits it."""

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from common.settings import PREFIX
from simulator.server import Server
from simulator.virtual_pi.station import VirtualPi
from tests.mounts import require_root, with_mounts
from tests.processes import Program
from tests.rider import RED, SERIAL_NUMBER, YELLOW, rest, tap, wait_for_lights

NAME = "redis.test"
A_RECORD = 1
ANSWER = b"\xc0\x0c" + struct.pack("!HHIH", A_RECORD, 1, 0, 4) + socket.inet_aton("127.0.0.1")  # RFC 1035, 4.1.3

pytestmark = pytest.mark.process


class NameServer:
    """A name server that keeps its answers back until it is told to give them: 127.0.0.1 for every name."""

    def __init__(self) -> None:
        self.address = f"127.53.{os.getpid() >> 8 & 0xFF}.{os.getpid() & 0xFF}"
        self.may_answer = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.address, 53))
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            query, client = self._socket.recvfrom(512)
            self.may_answer.wait()
            question_end = query.index(b"\0", 12) + 5
            (kind,) = struct.unpack_from("!H", query, question_end - 4)
            answers = ANSWER if kind == A_RECORD else b""
            header = query[:2] + struct.pack("!HHHHH", 0x8180, 1, bool(answers), 0, 0)
            self._socket.sendto(header + query[12:question_end] + answers, client)


@pytest.fixture
def name_server() -> NameServer:
    require_root("a name server of the test's own")
    return NameServer()


@pytest.fixture
def programs(name_server: NameServer, server: Server, tmp_path: Path) -> Iterator[list[tuple[VirtualPi, Program]]]:
    """A gate and a terminal that ask this name server."""
    (tmp_path / "resolv.conf").write_text(f"nameserver {name_server.address}\n")
    wrapper = with_mounts(f"mount --bind {tmp_path}/resolv.conf /etc/resolv.conf")
    with ExitStack() as cleanup:
        programs = []
        for name in ("entry_gate", "sales_terminal"):
            pi = cleanup.enter_context(VirtualPi())
            environment = {**pi.environment(), f"{PREFIX}REDIS_HOST": NAME, f"{PREFIX}REDIS_PORT": str(server.port)}
            programs.append((pi, cleanup.enter_context(Program(name, environment=environment, wrapper=wrapper))))
        yield programs


def test_riders_are_told_at_once_and_served_once_it_answers(
    name_server: NameServer, programs: list[tuple[VirtualPi, Program]], redis: Redis, server: Server
) -> None:
    (gate_pi, gate), (terminal_pi, terminal) = programs
    redis.hset(SERIAL_NUMBER, mapping={"passType": "TEN_TRIP", "tripsRemaining": "10"})
    wait_for_lights(gate_pi, RED, YELLOW)
    rest(gate_pi)
    rest(terminal_pi)
    tap(gate_pi, "out-of-service")
    tap(terminal_pi, "out-of-service")
    name_server.may_answer.set()
    wait_for_lights(gate_pi, RED)
    terminal.wait_for_error("connected to Redis")
    tap(gate_pi, "access-granted")
    tap(terminal_pi, "trips-left-9")
    where = f"Redis at {NAME}:{server.port}"
    for program in (gate, terminal):
        about = [line for line in program.errors if where in line and "no answer" not in line]
        assert about == [f"{where} does not answer in time: check the network", f"connected to {where}"]
    assert redis.hget(SERIAL_NUMBER, "tripsRemaining") == "9"
