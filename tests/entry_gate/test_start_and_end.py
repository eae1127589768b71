"""The gate's light from the first moment of a start to any end, in this process and as a process."""

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from audio.speaker import Speaker
from common.card_reader import CardReader
from common.pass_store import PassStore
from common.settings import PREFIX, Settings
from entry_gate.gate import Gate
from sales_terminal.terminal import SalesTerminal
from simulator.server import free_port
from simulator.virtual_pi.board import Board
from simulator.virtual_pi.registers import Register
from simulator.virtual_pi.station import Kind, VirtualPi
from tests.processes import REPOSITORY, Program
from tests.rider import GREEN, RED, SERIAL_NUMBER, YELLOW, tap, wait_for_lights

STAND_INS = REPOSITORY / "tests" / "common"


class Flaw(Exception):  # noqa: N818  # a test's own
    """Something that nobody has foreseen."""


@pytest.fixture
def settings() -> Settings:
    """A gate's, without a server."""
    return Settings(device="test", redis_port=free_port())


@pytest.fixture
def program() -> str:
    return "entry_gate"


@pytest.fixture
def main(program: str) -> Iterator[Callable[[Settings], None]]:
    """The program's main function, whose module `python -m` does not expect to find loaded."""
    yield importlib.import_module(f"{program}.__main__").main
    del sys.modules[f"{program}.__main__"]


@pytest.mark.parametrize("part", [Speaker, CardReader, PassStore, Gate])
def test_out_of_service_is_lit_before_anything_else_is_built_and_dark_if_that_fails(
    main: Callable[[Settings], None],
    board: Board,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    part: type,
) -> None:
    lit: list[frozenset[int]] = []

    def fail(*_arguments: object, **_options: object) -> None:
        lit.append(board.lit)
        raise Flaw

    board.drive(GREEN, True)
    monkeypatch.setattr(part, "__init__", fail)
    with pytest.raises(Flaw):
        main(settings)
    assert lit == [{RED, YELLOW}]
    assert board.lit == set()


def test_lamps_that_light_at_low_are_dark_at_the_end(
    main: Callable[[Settings], None], board: Board, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels: list[list[bool]] = []

    def fail(*_arguments: object, **_options: object) -> None:
        levels.append([board.level(pin) for pin in (RED, YELLOW, GREEN)])
        raise Flaw

    monkeypatch.setattr(Gate, "run", fail)
    with pytest.raises(Flaw):
        main(Settings(device="test", redis_port=settings.redis_port, lamps_active_low=True))
    assert levels == [[False, False, True]]
    assert [board.level(pin) for pin in (RED, YELLOW, GREEN)] == [True, True, True]


@pytest.mark.parametrize(("program", "device"), [("entry_gate", Gate), ("sales_terminal", SalesTerminal)])
def test_the_readers_gain_is_that_of_the_settings(
    main: Callable[[Settings], None],
    device: type,
    board: Board,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gains: list[int] = []

    def fail(*_arguments: object) -> None:
        gains.append(board.reader.exchange([Register.RF_CFG << 1 | 0x80, 0])[1])
        raise Flaw

    monkeypatch.setattr(device, "run", fail)
    with pytest.raises(Flaw):
        main(replace(settings, reader_gain=48))
    assert gains == [0x78]


@pytest.mark.process
class TestProcess:
    @pytest.fixture
    def gate(self, environment: dict[str, str], pi: VirtualPi, redis: Redis) -> Iterator[Program]:
        """A gate that shows green."""
        redis.hset(SERIAL_NUMBER, mapping={"passType": "TEN_TRIP", "tripsRemaining": "10"})
        with Program("entry_gate", environment=environment) as gate:
            wait_for_lights(pi, RED)
            tap(pi, "access-granted")
            yield gate

    @pytest.mark.parametrize("name", ["SIGHUP", "SIGQUIT", "SIGABRT", "SIGUSR1", "SIGALRM"])
    def test_a_signal_turns_green_off(self, gate: Program, pi: VirtualPi, name: str) -> None:
        assert pi.lit == {GREEN}
        assert gate.stop(signal.Signals[name]) == 0
        pi.wait_for(lambda pi: not pi.running, 10)
        assert pi.lit == set()
        assert not [line for line in gate.errors if "Traceback" in line]

    def test_the_start_after_a_kill_darkens_before_the_reader_is_touched(
        self, gate: Program, pi: VirtualPi, environment: dict[str, str], tmp_path: Path
    ) -> None:
        gate.process.kill()
        pi.wait_for(lambda pi: not pi.running, 10)
        assert pi.lit == {GREEN}
        before = len(pi.observations)
        with Program("entry_gate", environment=hanging_reader(environment, tmp_path)):
            wait_for_lights(pi, RED, YELLOW)
            lamps = [each for each in pi.observations[before:] if each.kind in {Kind.LIT, Kind.DARK}]
            assert [(each.kind, each.what) for each in lamps] == [
                (Kind.DARK, GREEN),
                (Kind.LIT, YELLOW),
                (Kind.LIT, RED),
            ]

    def test_without_network_and_with_a_reader_that_hangs_it_is_out_of_service_at_once(
        self, pi: VirtualPi, environment: dict[str, str], tmp_path: Path
    ) -> None:
        environment = hanging_reader(environment, tmp_path) | {PREFIX + "REDIS_HOST": "192.0.2.1"}  # RFC 5737: nowhere
        began_at = time.monotonic()
        with Program("entry_gate", environment=environment):
            wait_for_lights(pi, RED, YELLOW)
            red = next(each for each in pi.observations if (each.kind, each.what) == (Kind.LIT, RED))
            assert red.at - began_at < 5.0, "a tenth of a second or two, on a machine that is not busy"

    def test_a_terminal_on_a_gates_pi_is_refused(self, pi: VirtualPi, environment: dict[str, str]) -> None:
        with Program("entry_gate", environment=environment) as gate:
            wait_for_lights(pi, RED)
            with Program("sales_terminal", environment=environment) as terminal:
                assert terminal.end() == 1
            assert terminal.errors == [
                f"sales-terminal: process {gate.process.pid} ({process_command(gate)}) has this Pi's reader and pins: "
                "stop it first, since a Pi is one device"
            ]
            assert pi.lit == {RED}

    def test_a_gate_on_a_terminals_pi_is_refused_and_touches_no_pin(
        self, pi: VirtualPi, environment: dict[str, str]
    ) -> None:
        with Program("sales_terminal", environment=environment) as terminal:
            terminal.wait_for_error("connected to Redis")
            with Program("entry_gate", environment=environment) as gate:
                assert gate.end() == 1
            assert len(gate.errors) == 1
            assert gate.errors[0].startswith(f"entry-gate: process {terminal.process.pid} (")
            assert not [each for each in pi.observations if each.kind == Kind.LIT]

    @pytest.mark.parametrize(
        ("module", "error"),
        [
            *[("entry_gate", "BUSY"), ("entry_gate", "NO_CHIP"), ("entry_gate", "NO_PI"), ("entry_gate", "NO_PIPE")],
            *[("sales_terminal", "NO_MEMORY_ACCESS"), ("sales_terminal", "OLD_PI")],
        ],
    )
    def test_a_gpio_package_that_does_not_work_is_told_in_one_line(
        self, environment: dict[str, str], module: str, error: str
    ) -> None:
        path = os.pathsep.join([str(STAND_INS / "failing_gpio"), environment["PYTHONPATH"]])
        with Program(module, environment={**environment, "PYTHONPATH": path, "GPIO_FAILS": error}) as program:
            assert program.end() == 1
        assert len(program.errors) == 1
        assert program.errors[0].startswith(module.replace("_", "-") + ": ")
        assert " cannot be used (" in program.errors[0]


def hanging_reader(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """Let the reader's bus hang from the start."""
    (folder / "hangs").touch()
    path = os.pathsep.join([str(STAND_INS / "stuck"), environment["PYTHONPATH"]])
    return {**environment, "PYTHONPATH": path, "SPI_HANGS": str(folder / "hangs")}


def process_command(program: Program) -> str:
    return Path(f"/proc/{program.process.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
