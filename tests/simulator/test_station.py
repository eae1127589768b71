"""A whole virtual Pi: its station, and a program as a process."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.virtual_pi.cards import VirtualCard, VirtualPhone
from simulator.virtual_pi.station import Kind, Observation, VirtualPi
from tests.simulator.card_lamp import BUTTON, BUTTON_LAMP, CARD_LAMP, FAULT_LAMP

pytestmark = pytest.mark.process

SOON_S = 10.0
CARD = VirtualCard(bytes.fromhex("0a1b2c3d"))
PROGRAM = Path(__file__).with_name("card_lamp.py")


@pytest.fixture
def program(pi: VirtualPi) -> Iterator["subprocess.Popen[bytes]"]:
    with start(pi) as process:
        pi.wait_for(lambda pi: pi.running, SOON_S)
        yield process
        process.kill()


def start(pi: VirtualPi) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, PROGRAM], env=pi.environment())


def run_gpio(pi: VirtualPi, code: str) -> None:
    """Run a program that ends without cleaning up."""
    code = f"import RPi.GPIO as GPIO; GPIO.setmode(GPIO.BCM); {code}"
    subprocess.run([sys.executable, "-c", code], env=pi.environment(), check=True, timeout=SOON_S)
    pi.wait_for(lambda pi: not pi.running and pi.observations[-1].kind is Kind.GONE, SOON_S)


def wait_until_lit(pi: VirtualPi, *pins: int) -> None:
    pi.wait_for(lambda pi: pi.lit == set(pins), SOON_S)


def test_the_environment_adds_and_keeps(pi: VirtualPi) -> None:
    environment = pi.environment({"PATH": "/usr/bin", "PYTHONPATH": "/elsewhere", "HOME": "/root"})
    assert environment["HOME"] == "/root"
    assert environment["PATH"].endswith("virtual_pi/bin:/usr/bin")
    first, root, last = environment["PYTHONPATH"].split(os.pathsep)
    assert (Path(first).name, last) == ("stand_ins", "/elsewhere")
    assert (Path(root) / "simulator" / "virtual_pi").is_dir()


@pytest.mark.usefixtures("program")
class TestActions:
    def test_lay_and_lift(self, pi: VirtualPi) -> None:
        for card in (CARD, VirtualPhone()):
            pi.lay(card)
            wait_until_lit(pi, CARD_LAMP)
            pi.lift(card)
            wait_until_lit(pi)

    def test_a_missing_card_cannot_be_lifted(self, pi: VirtualPi) -> None:
        with pytest.raises(ValueError, match="not in list"):
            pi.lift(CARD)

    def test_press_and_release(self, pi: VirtualPi) -> None:
        pi.press(BUTTON)
        wait_until_lit(pi, BUTTON_LAMP)
        pi.release(BUTTON)
        wait_until_lit(pi)

    @pytest.mark.parametrize("floating", [0x00, 0xFF])
    def test_unplug_and_plug_in(self, pi: VirtualPi, floating: int) -> None:
        pi.lay(CARD)
        wait_until_lit(pi, CARD_LAMP)
        pi.unplug_reader(floating)
        wait_until_lit(pi, FAULT_LAMP)
        pi.plug_in_reader()
        pi.wait_for(lambda pi: FAULT_LAMP not in pi.lit, SOON_S)


@pytest.mark.usefixtures("program")
class TestObservations:
    def test_observations_are_in_order_and_on_the_common_clock(self, pi: VirtualPi) -> None:
        before = time.monotonic()
        pi.press(BUTTON)
        wait_until_lit(pi, BUTTON_LAMP)
        pi.release(BUTTON)
        wait_until_lit(pi)
        lit, dark = pi.observations[-2:]
        assert [(each.kind, each.what) for each in (lit, dark)] == [(Kind.LIT, BUTTON_LAMP), (Kind.DARK, BUTTON_LAMP)]
        assert before <= lit.at <= dark.at <= time.monotonic()

    def test_the_transfers_are_counted(self, pi: VirtualPi) -> None:
        before = pi.spi_transfers(SOON_S)
        pi.lay(CARD)
        wait_until_lit(pi, CARD_LAMP)
        assert pi.spi_transfers(SOON_S) > before

    def test_so_is_the_processor_time_of_the_emulation(self, pi: VirtualPi) -> None:
        before = pi.emulated_s(SOON_S)
        pi.lay(CARD)
        wait_until_lit(pi, CARD_LAMP)
        assert pi.emulated_s(SOON_S) > before

    def test_a_timeout_shows_the_state(self, pi: VirtualPi) -> None:
        pi.press(BUTTON)
        wait_until_lit(pi, BUTTON_LAMP)
        with pytest.raises(TimeoutError, match=rf"lit=\[{BUTTON_LAMP}\].*last: started \d+ .*lit {BUTTON_LAMP} "):
            pi.wait_for(lambda pi: not pi.lit, 0.01)


class TestProcesses:
    def test_the_state_outlasts_a_killed_program(self, pi: VirtualPi, program: "subprocess.Popen[bytes]") -> None:
        pi.lay(CARD)
        pi.press(BUTTON)
        wait_until_lit(pi, CARD_LAMP, BUTTON_LAMP)
        program.kill()
        program.wait()
        pi.wait_for(lambda pi: not pi.running, SOON_S)
        assert (pi.observations[-1].kind, pi.observations[-1].what) == (Kind.GONE, program.pid)
        assert pi.lit == {CARD_LAMP, BUTTON_LAMP}
        with start(pi) as second:
            wait_until_lit(pi)  # it begins with its lamps low
            wait_until_lit(pi, CARD_LAMP, BUTTON_LAMP)
            second.kill()

    def test_a_pin_that_is_set_up_without_a_level_keeps_its_own(self, pi: VirtualPi) -> None:
        run_gpio(pi, "GPIO.setup([19, 26], GPIO.OUT); GPIO.output(26, 1)")
        assert pi.lit == {26}
        run_gpio(pi, "GPIO.setup([19, 26], GPIO.OUT); GPIO.output(19, GPIO.input(26))")
        assert pi.lit == {19, 26}
        assert [each.what for each in pi.observations if each.kind is Kind.LIT] == [26, 19]

    def test_a_pin_that_is_released_is_dark(self, pi: VirtualPi) -> None:
        run_gpio(pi, "GPIO.setup([19, 26], GPIO.OUT, initial=1); GPIO.cleanup(19)")
        assert pi.lit == {26}

    def test_the_program_outlives_the_station(self, tmp_path: Path) -> None:
        code = (
            "import sys, RPi.GPIO as GPIO; GPIO.setmode(GPIO.BCM); GPIO.setup(26, GPIO.OUT, initial=1)\n"
            "sys.stdin.read()\n"
            "for level in (0, 1) * 1000: GPIO.output(26, level)\n"
            "print(GPIO.input(26))"
        )
        with VirtualPi() as pi:
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                env=pi.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            wait_until_lit(pi, 26)
        output, _ = process.communicate(timeout=SOON_S)
        assert (process.returncode, output.strip()) == (0, b"1")

    def test_transfers_need_a_program(self, pi: VirtualPi) -> None:
        with pytest.raises(TimeoutError, match="running=False"):
            pi.spi_transfers(0.01)


def test_a_listener_gets_every_observation() -> None:
    heard: list[Observation] = []
    gone = threading.Event()

    def listen(observation: Observation) -> None:
        heard.append(observation)
        if observation.kind is Kind.GONE:
            gone.set()

    with VirtualPi(listen) as pi:
        pi.press(BUTTON)
        with start(pi) as process:
            wait_until_lit(pi, BUTTON_LAMP)
            process.kill()
        assert gone.wait(SOON_S)
        assert tuple(heard) == pi.observations
        assert [each.kind for each in heard] == [Kind.STARTED, Kind.LIT, Kind.GONE]
