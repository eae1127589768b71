"""The units under the systemd of Bookworm (252) and of Trixie (257)."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.deploy.booted_debian import BootedDebian
from tests.deploy.without_devices import require_told_as_stand_ins
from tests.processes import REPOSITORY, wait_for

GATE, MONITOR = "entry-gate.service", "system-monitor.service"
RESTARTS = {"RestartUSec": "3s", "RestartSteps": "0", "StartLimitIntervalUSec": "0"}
DEVICES = {"sound": 116, "spi": 153, "another": 250}  # by their major numbers

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("booted")]


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def debian(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BootedDebian]:
    missing = [] if os.geteuid() == 0 else ["root's rights"]
    missing += [tool for tool in ("mmdebstrap", "systemctl", "unshare", "nsenter") if not shutil.which(tool)]
    if missing:
        reason = f"booting a Debian needs {', '.join(missing)}"
        pytest.fail(reason) if "CI" in os.environ else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("booted") / "debian"
    try:
        debian = BootedDebian(folder, request.param)
        try:
            yield debian
        finally:
            debian.close()
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def gate(debian: BootedDebian) -> BootedDebian:
    """The same, with a gate that has started."""
    wait_for(lambda: debian.is_active(GATE))
    return debian


def test_a_gate_is_in_its_place_before_the_network(gate: BootedDebian) -> None:
    assert not gate.is_active("network-online.target")


def test_the_units_are_valid(gate: BootedDebian) -> None:
    units = [path.name for path in gate.path("/etc/systemd/system").glob("*-*.service") if path.is_file()]
    result = gate.run("systemd-analyze", "verify", *units)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert len(units) == len(["entry-gate", "sales-terminal", "system-monitor", "never-online"])


def test_a_device_reaches_a_sound_card_and_a_reader_whose_drivers_come_later(gate: BootedDebian) -> None:
    said = {}
    for name, major in DEVICES.items():
        gate.output("mknod", "-m", "666", f"/dev/{name}", "c", str(major), "255")
        join = f"echo $$ >/sys/fs/cgroup/system.slice/{GATE}/cgroup.procs"
        said[name] = gate.run("sh", "-c", f"{join}; exec cat /dev/{name}").stderr.strip().rpartition(": ")[2]
    assert said["another"] == "Operation not permitted"
    assert "Operation not permitted" not in {said["sound"], said["spi"]}


@pytest.mark.parametrize("commands", [("restart",), ("stop", "start"), ("kill --signal=KILL",)], ids=" ".join)
def test_a_start_finds_the_note_of_a_tap(gate: BootedDebian, commands: tuple[str, ...]) -> None:
    gate.behave('echo note >"$RUNTIME_DIRECTORY/tap"; systemd-notify --ready; exec sleep infinity')
    gate.output("systemctl", "restart", GATE)
    gate.behave('cat "$RUNTIME_DIRECTORY/tap" >"$RUNTIME_DIRECTORY/found"; systemd-notify --ready; exec sleep infinity')
    for command in commands:
        gate.output("systemctl", *command.split(), GATE)
    found = "/run/entry-gate/found"
    wait_for(lambda: gate.run("cat", found).stdout == "note\n")
    gate.output("rm", found)


def test_a_restart_of_the_monitor_finds_its_place(debian: BootedDebian) -> None:
    debian.behave('echo 1-0 >"$STATE_DIRECTORY/place"; systemd-notify --ready; exec sleep infinity')
    debian.output("systemctl", "start", MONITOR)
    debian.behave('cat "$STATE_DIRECTORY/place" >"$STATE_DIRECTORY/found"; systemd-notify --ready; exec sleep infinity')
    debian.output("systemctl", "restart", MONITOR)
    assert debian.output("cat", "/var/lib/system-monitor/found") == "1-0"
    assert debian.output("stat", "--format=%U %a", "/var/lib/system-monitor") == "transit-pass 700"
    debian.output("systemctl", "stop", MONITOR)


def test_a_unit_that_fails_again_and_again_is_restarted_after_three_seconds(gate: BootedDebian) -> None:
    about = {name: gate.output("systemctl", "show", "--property", name, "--value", GATE) for name in RESTARTS}
    about["RestartSteps"] = about["RestartSteps"] or "0"  # unknown before systemd 254
    assert about == RESTARTS


def test_removing_a_unit_that_fails_leaves_nothing_of_it(gate: BootedDebian) -> None:
    gate.behave("trap 'exit 1' TERM; systemd-notify --ready; sleep infinity & wait")
    gate.output("systemctl", "restart", GATE)
    result = gate.run("/srv/clone/scripts/install", "--remove")
    assert (result.returncode, result.stderr) == (0, "")
    assert "removing entry-gate" in result.stdout
    assert gate.output("systemctl", "list-units", "--all", "--plain", "--no-legend", GATE) == ""


def test_debians_spidev_and_mpg123_are_told_as_their_stand_ins(debian: BootedDebian) -> None:
    if debian.suite == "bookworm":
        pytest.skip("test_install.py has a tree with them")
    debian.install("python3-spidev", "mpg123")
    for package in ("audio", "common", "doctor"):
        shutil.copytree(REPOSITORY / package, debian.path(f"/srv/clone/{package}"))
    require_told_as_stand_ins(debian.path("/"), "/srv/clone")
