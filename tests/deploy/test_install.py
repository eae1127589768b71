import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from common.daemon import version
from common.settings import PREFIX
from common.settings import SETTINGS as TABLE
from simulator.server import Server
from simulator.virtual_pi.station import VirtualPi
from tests import gpio_errors
from tests.common.test_pins import MESSAGES
from tests.deploy.debian_tree import DebianTree
from tests.deploy.without_devices import require_told_as_stand_ins
from tests.journal import entries
from tests.processes import REPOSITORY
from tests.rider import RED, SERIAL_NUMBER, tap, wait_for_lights

HOME = "/opt/transit-pass"
PYTHON = f"{HOME}/.venv/bin/python"
SETTINGS = "/etc/transit-pass/transit-pass.env"
CONFIG = "/boot/firmware/config.txt"
STAND_IN = """#!/bin/sh
[ "$1" = --version ] && echo "systemd 257 (257.8)" && exit
echo "${0##*/} $*" >>/tmp/commands
"""
UNITS = {
    "gate": "entry_gate/entry-gate.service",
    "terminal": "sales_terminal/sales-terminal.service",
    "monitor": "system_monitor/system-monitor.service",
}
LGPIO = "lgpio==0.2.2.0", "rpi-lgpio==0.6"
PIPE = {"LG_WD": "/tmp"}
PI_4, PI_OF_2012 = {"RPI_LGPIO_REVISION": "c03115"}, {"RPI_LGPIO_REVISION": "0003"}


pytestmark = [pytest.mark.process, pytest.mark.xdist_group("debian-tree")]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianTree]:
    missing = [] if os.geteuid() == 0 else ["root's rights"]
    missing += [tool for tool in ("mmdebstrap", "unshare", "dpkg-deb", "systemctl") if not shutil.which(tool)]
    if missing:
        reason = f"installing into a Debian tree needs {', '.join(missing)}"
        pytest.fail(reason) if "CI" in os.environ else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("debian")
    folder.chmod(0o755)
    try:
        yield DebianTree(folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def gate(tree: DebianTree) -> DebianTree:
    """The tree with a gate."""
    tree.install("gate")
    return tree


@pytest.fixture
def pi_in_tree(tree: DebianTree, monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualPi]:
    """A Pi that programs inside the tree can reach."""
    monkeypatch.setattr(tempfile, "tempdir", str(tree.path("/tmp")))
    with VirtualPi() as pi:
        socket = Path(pi.environment()["VIRTUAL_PI_SOCKET"])
        socket.parent.chmod(0o755)
        socket.chmod(0o777)
        yield pi


@pytest.fixture(scope="module")
def machine(gate: DebianTree) -> DebianTree:
    """The tree as the machine that runs the script, with the tools of Raspberry Pi OS."""
    gate.install("--remove")
    shutil.copytree(
        REPOSITORY, gate.path("/srv/clone"), ignore=shutil.ignore_patterns(".*", "tests", "simulator", "pictures")
    )
    gate.path("/srv/clone").chmod(0o700)
    gate.path("/run/systemd/system").mkdir(parents=True)
    for tool in ("systemctl", "raspi-config"):
        stand_in = gate.path(f"/usr/bin/{tool}")
        stand_in.write_text(STAND_IN)
        stand_in.chmod(0o755)
    return gate


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def is_enabled(tree: DebianTree, kind: str) -> bool:
    name = Path(UNITS[kind]).name
    unit = tree.path("/etc/systemd/system") / name
    link = unit.parent / "multi-user.target.wants" / name
    return link.is_symlink() and unit.read_text() == (REPOSITORY / UNITS[kind]).read_text()


def test_a_gate_starts_at_boot(gate: DebianTree) -> None:
    assert is_enabled(gate, "gate")
    assert not is_enabled(gate, "terminal")


def test_its_user_may_use_the_hardware_and_cannot_log_in(gate: DebianTree) -> None:
    assert set(gate.output("id", "-nG", "transit-pass").split()) == {"transit-pass", "gpio", "spi", "audio"}
    assert gate.output("getent", "passwd", "transit-pass").endswith(":/nonexistent:/usr/sbin/nologin")


def test_only_what_runs_there_is_installed(gate: DebianTree) -> None:
    home = gate.path(HOME)
    programs = {"common", "entry_gate", "sales_terminal", "system_monitor", "back_office", "doctor"}
    others = {".venv", "audio", "deploy", "requirements.txt", "pyproject.toml", "LICENSE", "README.md"}
    assert {path.name for path in home.iterdir()} == programs | others
    assert {path.suffix for path in (home / "audio").iterdir() if path.is_file()} == {".mp3", ".py"}
    assert list(home.glob("common/__pycache__/settings.*.pyc"))


def test_root_owns_it_and_all_may_read_it(gate: DebianTree) -> None:
    for path in gate.path(HOME).rglob("*"):
        about = path.lstat()
        assert (about.st_uid, about.st_gid) == (0, 0), path
        if not path.is_symlink():
            assert about.st_mode & 0o044 == 0o044, path
            assert not about.st_mode & 0o022, path


def test_the_settings_are_a_template_that_sets_nothing(gate: DebianTree) -> None:
    about = gate.path(SETTINGS).stat()
    assert (about.st_uid, str(about.st_gid)) == (0, gate.output("id", "-g", "transit-pass"))
    assert mode(gate.path(SETTINGS)) == 0o640
    lines = [line for line in gate.path(SETTINGS).read_text().splitlines() if line]
    assert all(line.startswith("#") for line in lines)
    for name, description, default, *_ in TABLE:
        assert lines.index(f"#{PREFIX}{name}=") == lines.index(f"# {description} ({default})") + 1


def test_the_environment_sees_the_systems_gpio_and_spi_and_has_the_pinned_packages(gate: DebianTree) -> None:
    script = """
import importlib.metadata, json, mfrc522, redis, spidev, RPi.GPIO
files = {module.__name__: module.__file__ for module in (mfrc522, redis, spidev, RPi.GPIO)}
own = importlib.metadata.distributions(path=[redis.__path__[0] + "/.."])
print(json.dumps([files, {each.name: each.version for each in own}]))
"""
    files, own = json.loads(gate.output(PYTHON, "-c", script))
    for module in ("mfrc522", "redis"):
        assert files[module].startswith(f"{HOME}/.venv/")
    for module in ("spidev", "RPi.GPIO"):
        assert files[module].startswith("/usr/lib/python3/dist-packages/")
    pins = dict(
        line.split()[0].split("==")
        for line in (REPOSITORY / "requirements.txt").read_text().splitlines()
        if "==" in line
    )
    assert {name: own.get(name) for name in ("redis", "mfrc522")} == {name: pins[name] for name in ("redis", "mfrc522")}
    assert not {"rpi.gpio", "spidev"} & {name.lower() for name in own}


@pytest.fixture(scope="module")
def with_lgpio(gate: DebianTree) -> DebianTree:
    """The tree, with the real rpi-lgpio in /srv/lgpio: Debian has it not, so it comes from PyPI."""
    gate.output(f"{HOME}/.venv/bin/pip", "install", "-q", "--no-deps", "--target=/srv/lgpio", *LGPIO)
    return gate


@pytest.mark.parametrize("program", ["entry_gate", "sales_terminal"])
@pytest.mark.parametrize(
    ("environment", "error"),
    [
        (PIPE, gpio_errors.NO_PI),
        (PIPE | PI_4, gpio_errors.NO_CHIP),
        (PIPE | PI_OF_2012, gpio_errors.OLD_PI),
        (PI_4, gpio_errors.NO_PIPE),  # this user may not write where it runs
    ],
    ids=["no Pi", "no chip", "an old Pi", "no pipe"],
)
def test_where_the_real_gpio_library_fails_it_is_told_as_with_its_stand_in(
    with_lgpio: DebianTree, program: str, environment: dict[str, str], error: Exception
) -> None:
    """Beside Debian's spidev, which has no device here either."""
    command = "setpriv", "--reuid=transit-pass", "--clear-groups", "env", "-C", HOME, PYTHON, "-m", program
    result = with_lgpio.run(*command, PYTHONPATH="/srv/lgpio", **environment)
    told = dict(MESSAGES)[error].removeprefix("it ")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == f"{program.replace('_', '-')}: GPIO {told}"
    assert "Traceback" not in result.stderr


def test_debians_spidev_and_mpg123_are_told_as_their_stand_ins(gate: DebianTree) -> None:
    require_told_as_stand_ins(gate.folder, HOME)


def test_it_runs_where_it_is_installed(gate: DebianTree, pi_in_tree: VirtualPi, server: Server, redis: Redis) -> None:
    shutil.copytree(REPOSITORY / "simulator", gate.path("/srv/simulator"))
    socket = Path(pi_in_tree.environment()["VIRTUAL_PI_SOCKET"]).relative_to(gate.folder)
    stand_ins = "/srv/simulator/virtual_pi"
    command = [
        *("chroot", str(gate.folder), "setpriv", "--reuid=transit-pass", "--regid=transit-pass", "--init-groups"),
        *("env", "-i", "-C", HOME, f"VIRTUAL_PI_SOCKET=/{socket}", f"PATH={stand_ins}/bin:/usr/bin:/bin"),
        *(f"PYTHONPATH={stand_ins}/stand_ins:/srv", f"{PREFIX}REDIS_PORT={server.port}", PYTHON, "-m", "entry_gate"),
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        try:
            wait_for_lights(pi_in_tree, RED)
            tap(pi_in_tree, "access-denied")
            program.terminate()
            assert program.wait(10) == 0
        finally:
            program.kill()
    last = entries(redis)[-1]
    assert last.channel == "pass-denied"
    assert last.event["cardSerialNumber"] == SERIAL_NUMBER


def test_run_again_it_upgrades_and_keeps_the_settings(gate: DebianTree) -> None:
    stale = [gate.path(f"{HOME}/{name}") for name in ("common/stale.py", "gone/__init__.py", ".new/half.py")]
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    gate.path(f"{HOME}/common/settings.py").unlink()
    gate.path(SETTINGS).write_text("mine")
    gate.path(SETTINGS).chmod(0o600)

    gate.install("gate")

    assert not any(path.exists() for path in stale)
    assert gate.path(f"{HOME}/common/settings.py").exists()
    assert (gate.path(SETTINGS).read_text(), mode(gate.path(SETTINGS))) == ("mine", 0o600)


def test_spi_is_enabled_once(gate: DebianTree) -> None:
    assert gate.path(CONFIG).read_text() == "dtparam=spi=on\n[cm4]\notg_mode=1"
    gate.path(CONFIG).write_text("[cm4]\notg_mode=1")
    for _ in range(2):
        gate.install("gate")
        assert gate.path(CONFIG).read_text() == "[cm4]\notg_mode=1\n[all]\ndtparam=spi=on\n"
    gate.path(CONFIG).unlink()
    assert "there is no config.txt" in gate.install("gate")


def test_all_programs_are_installed_and_removed_together(gate: DebianTree) -> None:
    gate.path(SETTINGS).write_text("mine")
    gate.install("monitor")
    assert [kind for kind in UNITS if is_enabled(gate, kind)] == ["gate", "monitor"]
    gate.path("/run/entry-gate").mkdir()  # which its unit preserves

    gate.install("--remove")

    assert not gate.path("/run/entry-gate").exists()
    assert not list(gate.path("/etc/systemd").rglob("*entry-gate*"))
    assert not any(is_enabled(gate, kind) for kind in UNITS)
    assert not gate.path(HOME).exists()
    assert gate.run("id", "transit-pass").returncode == 1
    assert gate.path(SETTINGS).read_text() == "mine"
    assert "nothing is installed" in gate.install("--remove")


class TestOnTheMachineItself:
    def install(self, machine: DebianTree, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        machine.path("/tmp/commands").write_text("")
        return machine.run("/srv/clone/scripts/install", *arguments, **environment)

    def commands(self, machine: DebianTree) -> list[str]:
        return machine.path("/tmp/commands").read_text().splitlines()

    def test_an_install_that_failed_can_be_run_again(self, machine: DebianTree) -> None:
        failed = self.install(machine, "gate", PIP_NO_INDEX="1", PIP_NO_CACHE_DIR="1", PIP_FIND_LINKS="")
        assert failed.returncode == 1
        assert failed.stderr.splitlines()[-1].endswith("can this machine reach PyPI?")
        assert "Traceback" not in failed.stderr

        result = self.install(machine, "gate")
        assert (result.returncode, result.stderr) == (0, "")
        assert "sudo reboot" in result.stdout
        assert self.commands(machine) == [
            "raspi-config nonint do_spi 0",
            "systemctl --quiet enable entry-gate.service",
            "systemctl --quiet daemon-reload",
            "systemctl --quiet --no-block restart entry-gate.service",
        ]
        assert f"cd {HOME} && sudo .venv/bin/python -m doctor gate --settings {SETTINGS}" in result.stdout

    @pytest.mark.parametrize("program", ["entry_gate", "sales_terminal", "system_monitor", "back_office", "doctor"])
    def test_each_program_runs_where_it_is_installed(self, machine: DebianTree, program: str) -> None:
        command = ("env", "-C", HOME, ".venv/bin/python", "-m", program)
        assert machine.output(*command, "--version") == f"{program.replace('_', '-')} {version()}"
        assert machine.output(*command, "--help").startswith("usage: ")

    def test_the_doctor_examines_an_installed_gate(self, machine: DebianTree, server: Server) -> None:
        machine.path(SETTINGS).write_text(f"{PREFIX}REDIS_PORT={server.port}\n")
        options = ("doctor", "gate", "--json", "--settings", SETTINGS)
        result = machine.run("env", "-C", HOME, ".venv/bin/python", "-m", *options)
        findings = {finding["name"]: finding for finding in map(json.loads, result.stdout.splitlines())}
        assert result.stderr == ""
        assert findings["redis"]["status"] == "OK"
        assert findings.keys() >= {"rights", "sound", "gpio library", "spi", "reader"}

    def test_what_made_version_1_0_0_wait_longer_at_each_restart_goes(self, machine: DebianTree) -> None:
        drop_ins = machine.path("/etc/systemd/system/entry-gate.service.d")
        drop_ins.mkdir()
        for name in ("back-off.conf", "mine.conf"):
            (drop_ins / name).touch()
        assert self.install(machine, "gate").returncode == 0
        assert [path.name for path in drop_ins.iterdir()] == ["mine.conf"]

    def test_the_other_programs_are_updated_too(self, machine: DebianTree) -> None:
        unit = machine.path("/etc/systemd/system/entry-gate.service")
        unit.write_text("old")
        assert self.install(machine, "monitor").returncode == 0
        assert unit.read_text() == (REPOSITORY / UNITS["gate"]).read_text()
        assert self.commands(machine) == [
            "systemctl --quiet enable system-monitor.service",
            "systemctl --quiet daemon-reload",
            "systemctl --quiet --no-block restart system-monitor.service",
            "systemctl --quiet --no-block try-restart entry-gate.service",
        ]

    def test_a_pi_is_one_device(self, machine: DebianTree) -> None:
        before = machine.path(HOME).stat()
        result = self.install(machine, "terminal")
        assert (result.returncode, result.stdout, self.commands(machine)) == (1, "", [])
        assert result.stderr == (
            "scripts/install: entry-gate is installed here and has the same pins: run scripts/install --remove first\n"
        )
        assert machine.path(HOME).stat() == before

    def test_rpi_gpio_stays_on_an_older_pi_and_goes_from_a_pi_5(self, machine: DebianTree) -> None:
        model = machine.path("/proc/device-tree/model")
        model.parent.mkdir(parents=True)
        machine.output("apt-get", "install", "-y", "python3-rpi.gpio")
        both = {"python3-rpi.gpio", "python3-rpi-lgpio"}
        for name, package in [
            ("Raspberry Pi 4 Model B Rev 1.5", "python3-rpi.gpio"),
            ("Raspberry Pi 5 Model B Rev 1.0", "python3-rpi-lgpio"),
            ("Raspberry Pi 4 Model B Rev 1.5", "python3-rpi-lgpio"),
        ]:
            model.write_text(f"{name}\0")
            assert self.install(machine, "gate").returncode == 0
            assert machine.installed_packages() & both == {package}

    @pytest.mark.parametrize("revision", ["0003", "100000e"])
    def test_the_first_generation_gets_rpi_gpio(self, machine: DebianTree, revision: str) -> None:
        """rpi-lgpio refuses old-style revision codes (RPi/GPIO/__init__.py, _get_rpi_info)."""
        machine.output("apt-get", "install", "-y", "python3-rpi-lgpio")
        machine.path("/proc/device-tree/model").write_text("Raspberry Pi Model B Rev 1\0")
        about = machine.path("/proc/cpuinfo")
        about.write_text(f"Hardware\t: BCM2835\nRevision\t: {revision}\nSerial\t\t: 00000000a1b2c3d4\n")
        assert self.install(machine, "gate").returncode == 0
        assert "python3-rpi.gpio" in machine.installed_packages()
        about.write_text("Revision\t: c03115\n")
        machine.path("/proc/device-tree/model").write_text("Raspberry Pi 4 Model B Rev 1.5\0")

    def test_a_clone_in_its_place_is_left_alone(self, machine: DebianTree) -> None:
        machine.path(f"{HOME}/.git").mkdir(parents=True)
        for argument in ("gate", "--remove"):
            result = self.install(machine, argument)
            assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
        machine.path(f"{HOME}/.git").rmdir()

    def test_a_program_is_stopped_before_its_removal(self, machine: DebianTree) -> None:
        self.install(machine, "gate")
        assert self.install(machine, "--remove").returncode == 0
        commands = self.commands(machine)
        assert commands[:2] == [
            "systemctl --quiet stop entry-gate.service",
            "systemctl --quiet reset-failed entry-gate.service",
        ]
        assert commands[-1] == "systemctl --quiet daemon-reload"

    def test_without_a_gpio_package_it_says_so(self, machine: DebianTree) -> None:
        machine.output("apt-get", "remove", "-y", "python3-rpi-lgpio", "python3-rpi.gpio")
        machine.path("/etc/apt/sources.list.d/pi.list").unlink()
        result = self.install(machine, "gate")
        assert result.returncode == 1
        problem = "apt has neither python3-rpi-lgpio nor python3-rpi.gpio: is this Raspberry Pi OS?"
        assert result.stderr == f"scripts/install: {problem}\n"


def install_as(user_id: int, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/install where everybody has this user id."""
    stand_in = folder / "id"
    stand_in.write_text(f"#!/bin/sh\necho {user_id}\n")
    stand_in.chmod(0o755)
    return subprocess.run(
        [REPOSITORY / "scripts/install", *arguments],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "arguments",
    [[], ["gates"], ["gate", "terminal"], ["gate", "--remove"], ["--root"], ["--root", "/nowhere"], ["--", "gate"]],
)
def test_bad_usage_is_a_line_and_status_2(tmp_path: Path, arguments: list[str]) -> None:
    result = install_as(1000, tmp_path, *arguments)
    assert result.returncode == 2
    assert result.stderr == "scripts/install: usage: scripts/install [--root DIR] gate|terminal|monitor|--remove\n"


def test_without_root_it_names_sudo(tmp_path: Path) -> None:
    result = install_as(1000, tmp_path, "--root", "/nowhere", "gate")
    assert result.returncode == 1
    assert result.stderr == "scripts/install: this needs root: sudo scripts/install --root /nowhere gate\n"


def test_a_folder_without_debian_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path / "nowhere", tmp_path):
        result = install_as(0, tmp_path, "--root", str(folder), "gate")
        assert result.returncode == 1
        assert str(folder) in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_help_needs_no_rights(tmp_path: Path) -> None:
    result = install_as(1000, tmp_path, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("usage: scripts/install")
