"""Disks that are full or read-only, under the devices and under the server."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from common.cards import Card
from common.passes import PassType
from common.settings import PREFIX
from sales_terminal.buttons import PINS
from simulator.fault_proxy import FaultProxy
from simulator.server import Server
from simulator.virtual_pi.station import VirtualPi
from tests.mounts import require_root, small_disk, with_mounts
from tests.processes import Program
from tests.rider import CARD, RED, SECOND_CARD, SERIAL_NUMBER, YELLOW, expect_sound, rest, tap, wait_for_lights

MIB = 2**20
ALL_READ_ONLY = "mount -t tmpfs -o size=64k tmpfs {}; mount -o remount,bind,ro /; if touch /tmp/x 2>&-; then exit 1; fi"

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def _root() -> None:
    require_root("a disk that is full or read-only")


@pytest.fixture
def terminal_pi() -> Iterator[VirtualPi]:
    with VirtualPi() as pi:
        yield pi


def trips(redis: Redis) -> object:
    return redis.hget(SERIAL_NUMBER, "tripsRemaining")


def fill(folder: Path) -> Path:
    """Fill the disk, and return the file that does."""
    filler = folder / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


def test_devices_whose_root_is_read_only_and_whose_log_is_full_work(
    pi: VirtualPi, terminal_pi: VirtualPi, server: Server, redis: Redis, tmp_path: Path
) -> None:
    """The note of a tap without an answer is in the runtime folder."""
    runtime = tmp_path / "run"
    runtime.mkdir()
    wrapper = [*with_mounts(ALL_READ_ONLY.format(runtime)), "sh", "-c", 'exec "$@" 2>/dev/full', "sh"]
    with ExitStack() as cleanup:
        network = cleanup.enter_context(FaultProxy(server.port))
        settings = {"RUNTIME_DIRECTORY": str(runtime), f"{PREFIX}REDIS_PORT": str(network.port)}
        gate, terminal = (
            cleanup.enter_context(Program(name, environment={**each.environment(), **settings}, wrapper=wrapper))
            for name, each in [("entry_gate", pi), ("sales_terminal", terminal_pi)]
        )
        wait_for_lights(pi, RED)
        terminal_pi.wait_for(lambda pi: pi.running, 10)
        rest(terminal_pi)
        tap(terminal_pi, "select-a-pass")
        with expect_sound(terminal_pi, "tap-card-to-confirm"):
            terminal_pi.press(PINS[PassType.TEN_TRIP])
        terminal_pi.release(PINS[PassType.TEN_TRIP])
        tap(terminal_pi, "thank-you-ten-trip-pass")
        tap(pi, "access-granted")
        network.black_hole()
        tap(pi, "out-of-service", SECOND_CARD)
        noted = Path(f"/proc/{gate.process.pid}/root{runtime}/tap")
        assert noted.read_text().endswith(f" {Card(SECOND_CARD.uid).serial_number}")
        network.pass_on()
        wait_for_lights(pi, RED)
        assert not noted.exists()
        assert trips(redis) == "9"
        assert (gate.stop(), terminal.stop()) == (0, 0)


def test_a_gate_that_cannot_note_a_tap_is_out_of_service_and_takes_nothing(
    environment: dict[str, str], pi: VirtualPi, redis: Redis, tmp_path: Path
) -> None:
    redis.hset(SERIAL_NUMBER, mapping={"passType": "TEN_TRIP", "tripsRemaining": "10"})
    with (
        small_disk(tmp_path / "run", "8k") as runtime,
        Program("entry_gate", environment={**environment, "RUNTIME_DIRECTORY": str(runtime)}) as gate,
    ):
        wait_for_lights(pi, RED)
        filler = fill(runtime)
        wait_for_lights(pi, RED, YELLOW)
        for card in (CARD, SECOND_CARD):
            tap(pi, "out-of-service", card)
        filler.unlink()
        wait_for_lights(pi, RED)
        assert trips(redis) == "10"
        tap(pi, "access-granted")
        told = [line for line in gate.errors if "no entry" not in line and "No space left" in line]
        assert len(told) == 1
        assert told[0].startswith("no tap can be noted: ")


def test_a_server_on_a_full_disk_has_all_that_it_acknowledged(server_program: Path, tmp_path: Path) -> None:
    """It ends, or refuses, and starts again once there is room."""
    with small_disk(tmp_path / "disk", "1m") as folder:
        server = Server(server_program, folder, "--appendonly", "yes", "--appendfsync", "always")
        acknowledged = 0
        with server, server.client() as redis:
            with suppress(RedisError):
                while acknowledged < 1000:
                    redis.set(str(acknowledged), "x" * 100)
                    acknowledged += 1
                    filler = fill(folder) if acknowledged == 100 else folder / "filler"
            assert 100 <= acknowledged < 1000
            filler.unlink()
        with server, server.client() as redis:
            assert [number for number in range(acknowledged) if not redis.exists(str(number))] == []
