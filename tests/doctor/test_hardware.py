"""The doctor's checks of the Pi, on the board of this process: each finds the fault that the test has caused."""

import grp
import os
import sys
from collections.abc import Iterable
from itertools import cycle
from pathlib import Path

import pytest
import spidev

from common.pins import only_user
from doctor import hardware
from doctor.finding import Finding
from doctor.hardware import check_gpio_library, check_groups, check_spi, hardware_findings
from simulator.virtual_pi.board import Board
from tests.fake_clock import FakeClock
from tests.in_process import Rider, shown
from tests.rider import GREEN, RED, YELLOW

COLOURS = (RED, YELLOW, GREEN)
PI_4 = "Raspberry Pi 4 Model B Rev 1.4"
PI_5 = "Raspberry Pi 5 Model B Rev 1.0"
SHARED = ["gpio library", "spi", "groups", "reader", "reset"]


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The files of a Pi 4 on which no device runs."""
    monkeypatch.setattr(hardware, "ROOT", tmp_path)
    write(tmp_path / hardware.MODEL, f"{PI_4}\0")
    return tmp_path


@pytest.fixture
def model(root: Path) -> Path:
    return root / hardware.MODEL


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def reset_wire_on_pin_15(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader's reset wire is on another pin."""
    monkeypatch.setenv("VIRTUAL_PI_RESET_PIN", "15")


def by_name(findings: Iterable[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def statuses(findings: Iterable[Finding]) -> dict[str, str]:
    return {finding.name: finding.status for finding in findings}


class TestHealthy:
    @pytest.mark.parametrize(
        ("device", "more"), [("gate", {"lights": "SKIP"}), ("terminal", {"buttons": "OK"}), (None, {})]
    )
    def test_nothing_is_wrong(self, clock: FakeClock, board: Board, device: str | None, more: dict[str, str]) -> None:
        found = statuses(hardware_findings(device, False, clock))
        assert found == dict.fromkeys(SHARED, "OK") | more
        assert not board.trace, "without --lights no lamp is lit"
        assert not any(map(board.is_output, range(28))), "no pin is held"

    def test_what_a_running_device_uses_is_not_touched(self, clock: FakeClock, board: Board, root: Path) -> None:
        write(root / "sys/fs/cgroup/system.slice/sales-terminal.service/cgroup.procs", "812\n")
        found = by_name(hardware_findings("gate", True, clock))
        assert list(found) == ["gpio library", "spi", "groups", "reader"]
        assert found["reader"].status == "SKIP"
        assert found["reader"].commands == ["sudo systemctl stop sales-terminal"]
        assert not board.reader.transfers

    def test_what_a_program_without_a_unit_uses_is_not_touched(
        self, clock: FakeClock, board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VIRTUAL_PI_SOCKET", str(tmp_path / "station"))  # all in this process are on one Pi
        with only_user():
            finding = list(hardware_findings("gate", True, clock))[-1]
        assert (finding.name, finding.status) == ("reader", "SKIP")
        assert "has this Pi's reader and pins: stop it first" in finding.text
        assert not board.reader.transfers

    def test_a_unit_that_has_been_stopped_uses_nothing(self, clock: FakeClock, root: Path) -> None:
        write(root / "sys/fs/cgroup/system.slice/entry-gate.service/cgroup.procs", "")
        (root / "run/entry-gate").mkdir(parents=True)  # which systemd may preserve
        assert by_name(hardware_findings("gate", False, clock))["reader"].status == "OK"

    def test_a_machine_that_is_not_a_pi(self, clock: FakeClock, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        model.unlink()
        monkeypatch.setitem(sys.modules, "RPi.GPIO", None)
        assert [(each.status, each.text) for each in hardware_findings("gate", True, clock)] == [
            ("SKIP", "this machine is not a Raspberry Pi: there is no hardware to check")
        ]


class TestGpioLibrary:
    @pytest.fixture(autouse=True)
    def installed(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        """A folder of packages before all others."""
        monkeypatch.syspath_prepend(tmp_path / "packages")
        return tmp_path / "packages"

    def install(self, folder: Path, name: str, version: str) -> None:
        information = folder / f"{name}-{version}.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")

    @pytest.mark.parametrize(
        ("package", "pi", "status", "text"),
        [
            ("rpi-lgpio", PI_5, "OK", f"rpi-lgpio 0.6 on a {PI_5}"),
            ("RPi.GPIO", PI_4, "OK", f"RPi.GPIO 0.6 on a {PI_4}"),
            ("RPi.GPIO", PI_5, "FAIL", f"RPi.GPIO does not work on a {PI_5}"),
            ("RPi.GPIO", "Raspberry Pi 500 Rev 1.0", "FAIL", "RPi.GPIO does not work on a Raspberry Pi 500 Rev 1.0"),
            ("RPi.GPIO", "Raspberry Pi Compute Module 5 Rev 1.0", "FAIL", "RPi.GPIO does not work on a Raspberry Pi C"),
            ("other", PI_4, "OK", f"a library in place of RPi.GPIO on a {PI_4}"),
        ],
    )
    def test_it_fits_the_pi(self, installed: Path, model: Path, package: str, pi: str, status: str, text: str) -> None:
        self.install(installed, package, "0.6")
        model.write_text(f"{pi}\0")
        finding = check_gpio_library()
        assert finding.status == status
        assert finding.text.startswith(text)

    def test_a_package_in_the_environment_hides_the_systems(
        self, installed: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.install(installed, "RPi.GPIO", "0.7.1")
        self.install(tmp_path / "system", "rpi-lgpio", "0.6")
        monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "system")])
        model.write_text(f"{PI_5}\0")
        finding = check_gpio_library()
        assert finding.status == "FAIL"
        assert finding.commands == [
            f"sudo {sys.prefix}/bin/pip uninstall RPi.GPIO",
            "sudo apt install python3-rpi-lgpio",
        ]

    @pytest.mark.parametrize(
        ("error", "package"),
        [
            ("RuntimeError('only on a Raspberry Pi!')", "python3-rpi-lgpio"),
            ("NotImplementedError('old-style revision codes')", "python3-rpi.gpio"),
        ],
    )
    def test_a_library_that_does_not_load(
        self, installed: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, error: str, package: str
    ) -> None:
        (installed / "RPi").mkdir(parents=True)
        (installed / "RPi/__init__.py").touch()
        (installed / "RPi/GPIO.py").write_text(f"raise {error}")
        for name in ("RPi", "RPi.GPIO"):
            monkeypatch.delitem(sys.modules, name)
        found = by_name(hardware_findings("gate", False, clock))
        assert statuses(found.values()) == {"gpio library": "FAIL", "spi": "OK", "groups": "OK", "reader": "SKIP"}
        assert found["gpio library"].text == f"it does not load: {error[:-2].partition('(')[2][1:]}"
        assert found["gpio library"].commands == [f"sudo apt install {package}"]


class TestBusAndGroups:
    @pytest.mark.parametrize(
        ("files", "error", "text", "command"),
        [
            ({}, PermissionError, "no access to /dev/spidev0.0", "sudo usermod -aG spi $USER"),
            ({}, FileNotFoundError, "SPI is off", "sudo raspi-config nonint do_spi 0"),
            (
                {"sys/class/spi_master/spi0/uevent": "", "sys/bus/spi/devices/spi0.0/modalias": "spi:mcp2515\n"},
                FileNotFoundError,
                "SPI is on, but an overlay took chip select 0 for mcp2515",
                "sudo nano /boot/firmware/config.txt",
            ),
            (
                {"sys/class/spi_master/spi0/uevent": ""},
                FileNotFoundError,
                "SPI is on, but an overlay took chip select 0 for another device",
                "sudo nano /boot/firmware/config.txt",
            ),
            (
                {"sys/class/spi_master/spi0/uevent": "", "sys/bus/spi/devices/spi0.0/modalias": "spi:spidev\n"},
                FileNotFoundError,
                "its driver is not loaded",
                "sudo modprobe spidev",
            ),
        ],
    )
    def test_no_bus(
        self,
        clock: FakeClock,
        root: Path,
        monkeypatch: pytest.MonkeyPatch,
        files: dict[str, str],
        error: type[OSError],
        text: str,
        command: str,
    ) -> None:
        for name, content in files.items():
            write(root / name, content)

        def refuse(*_: object) -> None:
            raise error

        monkeypatch.setattr(spidev.SpiDev, "open", refuse)
        found = by_name(hardware_findings("gate", False, clock))
        assert found["spi"].status == "FAIL"
        assert text in found["spi"].text
        assert found["spi"].commands == [command]
        assert found["reader"].status == "SKIP"
        assert "lights" not in found

    def test_a_bus_that_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise OSError(110, "Connection timed out")

        monkeypatch.setattr(spidev.SpiDev, "open", refuse)
        finding = check_spi()
        assert (finding.status, finding.text.rpartition("] ")[2]) == ("FAIL", "Connection timed out")

    @pytest.mark.parametrize(
        ("mine", "user", "commands"),
        [([999], 1, ["sudo usermod -aG gpio $USER"]), ([997, 999], 1, []), ([999], 0, [])],
    )
    def test_groups(self, monkeypatch: pytest.MonkeyPatch, mine: list[int], user: int, commands: list[str]) -> None:
        groups = [grp.struct_group((name, "x", number, [])) for name, number in (("gpio", 997), ("spi", 999))]
        monkeypatch.setattr(grp, "getgrall", lambda: groups)
        monkeypatch.setattr(os, "getgroups", lambda: mine)
        monkeypatch.setattr(os, "geteuid", lambda: user)
        finding = check_groups()
        assert list(finding.commands) == commands
        assert finding.status == ("FAIL" if commands else "OK")


class TestReader:
    @pytest.mark.parametrize("floating_miso", [0x00, 0xFF])
    def test_unplugged(self, board: Board, clock: FakeClock, floating_miso: int) -> None:
        board.reader.unplug(floating_miso)
        found = by_name(hardware_findings(None, False, clock))
        assert found["reader"].text == f"it does not answer: its version reads 0x{floating_miso:02X}"
        assert "SDA to pin 24, SCK to pin 23, MOSI to pin 19, MISO to pin 21" in found["reader"].remedy
        assert (found["reader"].status, found["reset"].status) == ("FAIL", "SKIP")

    def test_loose_wire(self, board: Board, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
        answers = cycle([0x92, 0x92, 0x00])
        monkeypatch.setattr(board, "transfer", lambda sent: [next(answers)] * len(sent))
        found = by_name(hardware_findings(None, False, clock))
        assert found["reader"].text == "a wire is loose or too long: its version reads 0x00, 0x92"
        assert (found["reader"].status, found["reset"].status) == ("FAIL", "SKIP")

    def test_a_bus_that_fails(self, board: Board, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_: object) -> list[int]:
            raise OSError(110, "Connection timed out")

        monkeypatch.setattr(board, "transfer", fail)
        finding = list(hardware_findings("gate", True, clock))[-1]
        assert (finding.name, finding.status) == ("reader", "FAIL")
        assert finding.text == "its bus fails: [Errno 110] Connection timed out"

    @pytest.mark.usefixtures("reset_wire_on_pin_15")
    def test_reset_wire_on_another_pin(self, clock: FakeClock) -> None:
        finding = by_name(hardware_findings(None, False, clock))["reset"]
        assert finding.status == "FAIL"
        assert finding.text == "the reader still answers while GPIO 25 is low"
        assert finding.remedy == "connect RST to pin 22 (GPIO 25)"

    def test_a_reader_that_fails_after_a_reset(self, board: Board, clock: FakeClock) -> None:
        clock.at(0.015, board.reader.unplug)  # during the second reset, which lasts from 0.011 to 0.017
        finding = by_name(hardware_findings(None, False, clock))["reset"]
        assert (finding.status, finding.text) == ("FAIL", "after a reset, the version reads 0x00")


def test_a_button_that_is_stuck(rider: Rider, clock: FakeClock) -> None:
    rider.press(0.0, YELLOW, hold_s=60.0)
    finding = by_name(hardware_findings("terminal", False, clock))["buttons"]
    assert (finding.status, finding.text) == ("FAIL", "read as pressed: yellow to pin 33 (GPIO 13)")


class TestLights:
    def test_they_are_lit_one_after_another(self, board: Board, clock: FakeClock) -> None:
        finding = by_name(hardware_findings("gate", True, clock))["lights"]
        assert shown(board) == [(0.0, {RED}), (1.0, {YELLOW}), (2.0, {GREEN}), (3.0, set())]
        assert (finding.status, finding.remedy) == ("SKIP", "check that you saw each of them")

    def test_they_are_lit_by_a_low_level_if_set_so(self, board: Board, clock: FakeClock) -> None:
        list(hardware_findings("gate", True, clock, lamps_active_low=True))
        high = set(COLOURS)
        assert shown(board) == [(0.0, high - {RED}), (1.0, high - {YELLOW}), (2.0, high - {GREEN}), (3.0, set())]
        assert not any(map(board.is_output, COLOURS))
        assert all(map(board.level, COLOURS)), "pulled to what is dark"

    def test_they_are_off_after_an_interruption(self, board: Board, clock: FakeClock) -> None:
        def stop() -> None:
            raise SystemExit

        clock.at(1.5, stop)
        with pytest.raises(SystemExit):
            list(hardware_findings("gate", True, clock))
        assert shown(board) == [(0.0, {RED}), (1.0, {YELLOW}), (1.5, set())]
        assert not any(map(board.is_output, COLOURS))
