"""Who holds a pin, from the files of a Pi that the tests write."""

from pathlib import Path

import pytest

from doctor import hardware
from doctor.hardware import hardware_findings
from doctor.pins import pins_held, pins_refused
from simulator.virtual_pi.board import Board
from tests.fake_clock import FakeClock

LINES = """\
gpiochip0: GPIOs 512-569, parent: platform/fe200000.gpio, pinctrl-bcm2711:
 gpio-525 (GPIO13              )
 gpio-529 (GPIO17              |sysfs               ) out hi
 gpio-531 (GPIO19              {owner}) out lo
"""
FUNCTIONS = """\
Pinmux settings per pin
Format: pin (name): mux_owner gpio_owner hog?
pin 13 (gpio13): (MUX UNCLAIMED) (GPIO UNCLAIMED)
pin 18 (gpio18): fe203000.i2s (GPIO UNCLAIMED) function alt0 group gpio18
pin 19 (gpio19): {owner} (GPIO UNCLAIMED)
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def owned(root: Path, line: str = "", function: str = "(MUX UNCLAIMED)") -> None:
    """Write the kernel's lists of a Pi 4, with these owners of GPIO 19."""
    write(root / "sys/kernel/debug/gpio", LINES.format(owner=f"|{line:<20}" if line else ""))
    owner = FUNCTIONS.format(owner=function)
    write(root / "sys/kernel/debug/pinctrl/fe200000.gpio-pinctrl-bcm2711/pinmux-pins", owner)


def run(root: Path, pid: int, name: str, group: str, device: str) -> None:
    """Write the files of a process that has the device open."""
    write(root / f"proc/{pid}/comm", f"{name}\n")
    write(root / f"proc/{pid}/cgroup", f"0::{group}\n")
    (root / f"proc/{pid}/fd").mkdir()
    (root / f"proc/{pid}/fd/3").symlink_to(device)


def test_nobody_holds_them(tmp_path: Path) -> None:
    owned(tmp_path)
    assert pins_held(tmp_path) is None


def test_lists_that_only_root_may_read(tmp_path: Path) -> None:
    assert pins_held(tmp_path) is None


@pytest.mark.parametrize(
    ("owners", "text"),
    [
        ({"line": "lg"}, "GPIO 19 is held by lg"),
        ({"line": "led one"}, "GPIO 19 is held by led one"),
        ({"function": "fe203000.i2s"}, "GPIO 19 is held by fe203000.i2s"),
    ],
)
def test_a_pin_is_held(tmp_path: Path, owners: dict[str, str], text: str) -> None:
    owned(tmp_path, **owners)
    finding = pins_held(tmp_path)
    assert finding
    assert (finding.status, finding.text) == ("FAIL", text)
    assert "remove its dtoverlay line" in finding.remedy


def test_the_other_chip_of_a_pi_5_has_pins_of_the_same_numbers(tmp_path: Path) -> None:
    owned(tmp_path)
    functions = FUNCTIONS.format(owner="107d50c000.serial")
    write(tmp_path / "sys/kernel/debug/pinctrl/107d504100.pinctrl-pinctrl-bcm2712/pinmux-pins", functions)
    assert pins_held(tmp_path) is None


@pytest.mark.parametrize(
    ("group", "command"),
    [
        ("/system.slice/lamp-test.service", "sudo systemctl stop lamp-test"),
        ("/user.slice/user-1000.slice/session-1.scope", "sudo kill 812"),
    ],
)
def test_the_program_that_holds_a_pin_is_named(tmp_path: Path, group: str, command: str) -> None:
    owned(tmp_path, line="lg")
    run(tmp_path, 812, "python3", group, "/dev/gpiochip0")
    run(tmp_path, 813, "bash", group, "/dev/pts/0")
    finding = pins_held(tmp_path)
    assert finding
    assert finding.text == "GPIO 19 is held by lg; python3 has /dev/gpiochip0 open"
    assert finding.commands == [command]


def test_a_held_pin_is_not_touched(
    clock: FakeClock, board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "ROOT", tmp_path)
    owned(tmp_path, line="lg")
    assert [finding.name for finding in hardware_findings("gate", True, clock)][3:] == ["pins"]
    assert not board.reader.transfers


@pytest.mark.parametrize(
    ("error", "command"),
    [
        (RuntimeError("No access to /dev/mem.  Try running as root!"), "sudo usermod -aG gpio $USER"),
        (RuntimeError("Cannot determine SOC peripheral base address"), "sudo apt install python3-rpi-lgpio"),
        (Exception("'GPIO busy'"), "sudo systemctl stop lamp-test"),
    ],
)
def test_what_the_library_says(tmp_path: Path, error: Exception, command: str) -> None:
    run(tmp_path, 812, "python3", "/system.slice/lamp-test.service", "/dev/gpiochip0")
    finding = pins_refused(error, tmp_path)
    assert finding.status == "FAIL"
    assert finding.text.startswith(f"{type(error).__name__}: {error}")
    assert finding.commands == [command]
