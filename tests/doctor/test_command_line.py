"""The doctor as a program, on a virtual Pi: its options, its output, its end."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.settings import PREFIX
from doctor import hardware
from simulator.server import Server
from simulator.virtual_pi.station import VirtualPi
from tests.processes import REPOSITORY, Program
from tests.rider import YELLOW, heard

pytestmark = pytest.mark.process

REDIS = ["settings", "redis", "rights", "clock", "round trip", "durability", "eviction", "memory"]
HARDWARE = ["gpio library", "sound", "spi", "groups", "reader", "reset"]
Environment = dict[str, str]


@pytest.fixture
def server(server_program: Path, tmp_path: Path) -> Iterator[Server]:
    """A server that loses nothing."""
    with Server(server_program, tmp_path, "--appendonly", "yes", "--appendfsync", "always") as server:
        yield server


def run(environment: Environment, *arguments: str) -> tuple[int, list[str], list[str]]:
    """Return the exit status, the lines of output and those of errors."""
    with Program("doctor", *arguments, environment=environment) as doctor:
        return doctor.end(), doctor.output, doctor.errors


@pytest.mark.parametrize(
    ("device", "names", "count"),
    [
        ("gate", [*REDIS, *HARDWARE, "lights"], "all is well: 14 OK, 1 SKIP"),
        ("terminal", [*REDIS, *HARDWARE, "buttons"], "all is well: 15 OK"),
        ("monitor", REDIS, "all is well: 8 OK"),
        ("desk", REDIS, "all is well: 8 OK"),
        ("", [*REDIS, *HARDWARE], "all is well: 14 OK"),
    ],
)
def test_all_is_well(environment: Environment, pi: VirtualPi, device: str, names: list[str], count: str) -> None:
    status, output, errors = run(environment, *([device] if device else []))
    assert [line[6:].partition(":")[0] for line in output[:-1] if line[0] != " "] == names
    assert (status, output[-1], errors) == (0, count, [])
    assert heard(pi) == ([] if names == REDIS else ["access-granted"])


def test_a_fault_makes_the_exit_status_1(environment: Environment) -> None:
    status, output, _ = run({**environment, "VIRTUAL_PI_RESET_PIN": "15"})
    assert status == 1
    assert output[-3:] == [
        "FAIL  reset: the reader still answers while GPIO 25 is low",
        "      connect RST to pin 22 (GPIO 25)",
        "13 OK, 1 FAIL",
    ]


@pytest.mark.skipif((hardware.ROOT / hardware.MODEL).exists(), reason="this is a Pi")
def test_a_machine_that_is_no_pi_has_no_hardware_to_check(server: Server) -> None:
    status, output, errors = run({f"{PREFIX}REDIS_PORT": str(server.port)}, "gate")
    assert output[-2:] == [
        "SKIP  hardware: this machine is not a Raspberry Pi: there is no hardware to check",
        "all is well: 8 OK, 1 SKIP",
    ]
    assert (status, errors) == (0, [])


def test_json(environment: Environment) -> None:
    status, output, _ = run(environment, "monitor", "--json")
    findings = [json.loads(line) for line in output]
    assert status == 0
    assert [list(finding) for finding in findings] == [["name", "status", "text", "remedy", "commands"]] * len(REDIS)
    assert [(finding["name"], finding["status"]) for finding in findings] == [(name, "OK") for name in REDIS]


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_are_for_terminals(environment: Environment, variables: Environment, coloured: bool) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal, os.fdopen(theirs, "wb") as output:
        subprocess.run(
            [sys.executable, "-m", "doctor", "monitor"],
            cwd=REPOSITORY,
            env={**environment, "TERM": "xterm", **variables},
            stdout=output,
            check=True,
        )
        assert (b"\x1b[32mOK" in terminal.read(4096)) == coloured


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM])
def test_lights_are_off_after_a_signal(environment: Environment, pi: VirtualPi, with_signal: signal.Signals) -> None:
    with Program("doctor", "gate", "--lights", environment=environment) as doctor:
        pi.wait_for(lambda pi: pi.lit >= {YELLOW}, 10)
        assert doctor.stop(with_signal) == 128 + with_signal
        assert not doctor.errors
    assert not pi.lit


def test_a_closed_pipe_ends_it_quietly(environment: Environment) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "doctor"],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as doctor:
        assert doctor.stdout
        doctor.stdout.close()
        _, errors = doctor.communicate()
    assert errors == b""


def test_a_full_disk_ends_it_with_one_line(environment: Environment) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "doctor"]
        done = subprocess.run(
            command, cwd=REPOSITORY, env=environment, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert done.stderr == b"doctor: the output takes no more: [Errno 28] No space left on device\n"


@pytest.mark.parametrize(
    "arguments", [["gatekeeper"], ["terminal", "--lights"], ["--lights"], ["gate", "--settings", "/nowhere"]]
)
def test_bad_usage(environment: Environment, arguments: list[str]) -> None:
    status, output, errors = run(environment, *arguments)
    assert (status, output) == (2, [])
    assert errors[-1].startswith("python -m doctor: error: ")


def test_bad_setting(environment: Environment) -> None:
    status, output, errors = run({**environment, f"{PREFIX}REDIS_PORT": "x"})
    assert (status, output, len(errors)) == (2, [], 1)


@pytest.mark.parametrize("password", ['"a $secret"', "'a $secret'", "a $secret", "a $secret  "])
def test_settings_of_a_unit(environment: Environment, server: Server, tmp_path: Path, password: str) -> None:
    server.client().config_set("requirepass", "a $secret")
    file = tmp_path / "transit-pass.env"
    file.write_text(
        f"# the gate\nOTHER=1\n\n{PREFIX}DEVICE=gate-1\n#{PREFIX}REDIS_PORT=1\n{PREFIX}REDIS_PASSWORD={password}\n"
    )
    assert run(environment, "monitor", "--settings", str(file))[0] == 0


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (f'{PREFIX}REDIS_PASSWORD="a $secret', "line 1: a quote is not closed"),
        (f"{PREFIX}DEVICE=\0", "embedded null byte"),
    ],
)
def test_a_file_whose_meaning_is_uncertain(environment: Environment, tmp_path: Path, line: str, problem: str) -> None:
    (tmp_path / "file").write_text(line)
    status, output, errors = run(environment, "monitor", "--settings", str(tmp_path / "file"))
    assert (status, output) == (2, [])
    assert errors[-1].endswith(problem)


def test_a_setting_that_is_misspelt(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(f"{PREFIX}REDIS_PASWORD=secret\n")
    status, output, errors = run(environment, "monitor", "--settings", str(tmp_path / "file"))
    assert (status, errors) == (1, [])
    assert output[0].startswith(f"FAIL  settings: {PREFIX}REDIS_PASWORD ")
    assert output[0].endswith(f"{PREFIX}REDIS_PASSWORD")
    assert not any("secret" in line for line in output)


@pytest.mark.parametrize("module", ["redis", "mfrc522"])
def test_a_missing_package(environment: Environment, tmp_path: Path, module: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules[{module!r}] = None\n")
    python_path = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])
    status, output, errors = run({**environment, "PYTHONPATH": python_path}, "terminal")
    assert (status, errors) == (1, [])
    assert output[-4].startswith("FAIL  packages: ")
    assert output[-3:-1] == ["      install it", "      $ sudo scripts/install terminal"]


def test_a_bus_that_another_program_holds(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import spidev\ndef busy(*_): raise OSError(16, 'Device or resource busy')\nspidev.SpiDev.xfer2 = busy\n"
    )
    python_path = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])
    status, output, errors = run({**environment, "PYTHONPATH": python_path})
    assert (status, errors) == (1, [])
    assert output[-4:-2] == [
        "FAIL  reader: its bus fails: [Errno 16] Device or resource busy",
        "      stop what uses them, or remove its dtoverlay line from /boot/firmware/config.txt:",
    ]
