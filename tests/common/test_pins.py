"""The errors of the GPIO packages, in one line each, and the one program that uses the pins."""

import os
from pathlib import Path

import pytest
import RPi.GPIO as GPIO

from common.clock import Clock
from common.pins import PinError, only_user, open_gpio, pin_errors
from entry_gate.traffic_light import TrafficLight
from sales_terminal.buttons import Buttons
from simulator.virtual_pi.board import Board
from tests import gpio_errors

MESSAGES = [
    (
        gpio_errors.BUSY,
        "it cannot be used (GPIO busy): another program or an overlay has it: 'python -m doctor' names it",
    ),
    (
        gpio_errors.NO_CHIP,
        "it cannot be used (can not open gpiochip): "
        "check that there is a /dev/gpiochip0, and that this user is in the group gpio",
    ),
    (
        gpio_errors.NO_MEMORY_ACCESS,
        "it cannot be used (No access to /dev/mem.  Try running as root!): add this user to the group gpio",
    ),
    (
        gpio_errors.UNKNOWN_PI,
        "it cannot be used (Cannot determine SOC peripheral base address): "
        "RPi.GPIO does not work on this Pi: 'sudo apt install python3-rpi-lgpio'",
    ),
    (
        gpio_errors.NO_PI,
        "it cannot be used (This module can only be run on a Raspberry Pi!): run it on a Raspberry Pi",
    ),
    (gpio_errors.NOT_ON_A_PI, "it cannot be used (Not running on a RPi!): run it on a Raspberry Pi"),
    (
        gpio_errors.OLD_PI,
        "it cannot be used (This module does not understand old-style revision codes): "
        "rpi-lgpio does not work on this Pi: 'sudo apt install python3-rpi.gpio'",
    ),
    (
        gpio_errors.NO_PIPE,
        "it cannot be used ([Errno 2] No such file or directory: '.lgd-nfy-3'): "
        "set LG_WD to a folder in which this user may make files",
    ),
    (
        gpio_errors.LgpioError("bad GPIO\x1b write"),
        "it cannot be used (bad GPIO\\x1b write): 'python -m doctor' tells more",
    ),
]


@pytest.mark.parametrize(("error", "message"), MESSAGES)
def test_each_error_is_one_line_that_says_what_to_do(error: Exception, message: str) -> None:
    with pytest.raises(PinError) as raised, pin_errors("it"):
        raise error
    assert str(raised.value) == message
    assert message.isprintable()


def test_the_inner_message_and_a_missing_package_are_left_alone() -> None:
    for error in (PinError("the green lamp"), ImportError("no package")):
        with pytest.raises(type(error), match=f"^{error}$"), pin_errors("it"):
            raise error


@pytest.mark.parametrize("function", ["setmode", "setup"])
def test_lights_and_buttons_raise_them(board: Board, monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise gpio_errors.NO_CHIP

    monkeypatch.setattr(GPIO, function, fail)
    for device in (TrafficLight, Buttons):
        with pytest.raises(PinError, match="cannot be used \\(can not open gpiochip\\): check that there is"):
            device(Clock())


def test_pins_that_a_killed_program_left_set_up_are_no_warning(board: Board, recwarn: pytest.WarningsRecorder) -> None:
    board.drive(26, True)
    gpio = open_gpio()
    gpio.setup(26, gpio.OUT, initial=0)
    assert recwarn.list == []


class TestOnlyUser:
    @pytest.fixture(autouse=True)
    def _pi(self, board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let all programs of this process be on one Pi."""
        monkeypatch.setenv("VIRTUAL_PI_SOCKET", str(tmp_path / "station"))

    def test_the_second_is_told_who_is_the_first(self) -> None:
        expected = rf"^process {os.getpid()} \(.*python.+\) has this Pi's reader and pins: stop it first, since a Pi is"
        with only_user(), pytest.raises(PinError, match=expected), only_user():
            pass
        with only_user():  # the first is gone
            pass

    def test_a_command_that_this_user_may_not_see_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As under ProtectProc=invisible."""

        def fail(_path: Path) -> bytes:
            raise FileNotFoundError

        monkeypatch.setattr(Path, "read_bytes", fail)
        expected = f"^process {os.getpid()} has this Pi's reader and pins"
        with only_user(), pytest.raises(PinError, match=expected), only_user():
            pass

    def test_a_holder_that_the_kernel_does_not_list(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Path, "read_text", lambda _path: "")
        with only_user(), pytest.raises(PinError, match="another program has"), only_user():
            pass

    def test_each_virtual_pi_has_its_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "second").mkdir()
        with only_user():
            monkeypatch.setenv("VIRTUAL_PI_SOCKET", str(tmp_path / "second" / "station"))
            with only_user():
                pass

    def test_without_a_bus_there_is_no_lock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_arguments: object) -> None:
            raise FileNotFoundError(2, "No such file or directory")

        monkeypatch.setattr("spidev.SpiDev.open", fail)
        with only_user(), only_user():
            pass
