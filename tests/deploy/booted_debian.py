"""A small Debian whose systemd runs, in namespaces of its own and without a network."""

import shutil
import subprocess
from pathlib import Path

from tests.deploy.debian_tree import make_debian, run_outside, share_the_network
from tests.processes import REPOSITORY, wait_for

PROGRAM = "/opt/transit-pass/.venv/bin/python"
BOOT_LIMIT_S = 120.0
BEHAVIOUR = "/etc/transit-pass/behaviour"

_BOOT = """
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t cgroup2 cgroup2 mnt
mkdir -p "mnt/$2"
echo 0 >"mnt/$2/cgroup.procs"
umount mnt
exec unshare --cgroup sh -ec '
    mount -t proc proc proc
    mount -t sysfs sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs tmpfs run
    mount -t tmpfs tmpfs dev
    mkdir dev/pts dev/shm
    ln -s pts/ptmx dev/ptmx
    mount -t devpts -o newinstance devpts dev/pts
    for device in "null 1 3" "zero 1 5" "random 1 8" "urandom 1 9"; do
        set -- $device
        mknod -m 666 "dev/$1" c "$2" "$3"
    done
    exec chroot . /lib/systemd/systemd
'
"""
_STAND_IN = """
[Service]
NotifyAccess=all
WatchdogSec=0
# In a chroot there are no new user namespaces.
PrivateUsers=no
"""
_NEVER_ONLINE = """
[Unit]
DefaultDependencies=no
Before=network-online.target
[Service]
Type=oneshot
ExecStart=sleep infinity
TimeoutStartSec=infinity
[Install]
WantedBy=network-online.target
"""


class BootedDebian:
    """Debian with our units, a shell script in the programs' place, and a network that never comes up.

    Args:
        folder: where to put it; it must not exist.
        suite: Debian's release, such as `bookworm`.
    """

    def __init__(self, folder: Path, suite: str) -> None:
        self.suite = suite
        self._folder = folder
        self._group = f"booted-{folder.parent.name}-{suite}"
        make_debian(suite, folder, "--include=systemd")
        shutil.copytree(REPOSITORY / "scripts", self.path("/srv/clone/scripts"))
        for unit in REPOSITORY.glob("*/*.service"):
            shutil.copy(unit, self.path("/etc/systemd/system"))
        self.path("/etc/systemd/system/never-online.service").write_text(_NEVER_ONLINE)
        for name in ("entry-gate", "system-monitor"):
            self.path(f"/etc/systemd/system/{name}.service.d").mkdir()
            self.path(f"/etc/systemd/system/{name}.service.d/stand-in.conf").write_text(_STAND_IN)
        self.path(PROGRAM).parent.mkdir(parents=True)
        self.path(PROGRAM).write_text(f"#!/bin/sh\n. {BEHAVIOUR}\n")
        self.path(PROGRAM).chmod(0o755)
        self.path(BEHAVIOUR).parent.mkdir()
        self.behave("systemd-notify --ready; exec sleep infinity")
        for group in ("gpio", "spi", "audio"):
            subprocess.run(["chroot", folder, "groupadd", "--system", "--force", group], check=True)
        subprocess.run(["chroot", folder, "useradd", "--system", "transit-pass"], check=True)
        units = ["never-online", "entry-gate"]
        subprocess.run(["systemctl", f"--root={folder}", "--quiet", "enable", *units], check=True)
        namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts", "--net"]
        self._process = subprocess.Popen(
            ["unshare", *namespaces, "sh", "-ec", _BOOT, "sh", str(folder), self._group], stdin=subprocess.DEVNULL
        )
        try:
            wait_for(lambda: self.is_active("basic.target"), BOOT_LIMIT_S)
        except TimeoutError:
            self.close()
            raise

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for group in Path("/sys/fs/cgroup").glob(f"**/{self._group}"):
            wait_for(lambda events=group / "cgroup.events": "populated 0" in events.read_text())  # type: ignore[misc]
            for each in sorted(group.glob("**/"), reverse=True):
                each.rmdir()

    def path(self, inside: str) -> Path:
        return self._folder / inside.lstrip("/")

    def install(self, *packages: str) -> None:
        """Install Debian's packages, over the network outside.

        Raises:
            RuntimeError: apt-get failed; the message has what it said.
        """
        share_the_network(self._folder)
        for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *packages]):
            result = run_outside("chroot", str(self._folder), "apt-get", *command, DEBIAN_FRONTEND="noninteractive")
            if result.returncode != 0:
                raise RuntimeError(f"apt-get {command[0]} ended with status {result.returncode}: {result.stderr}")

    def behave(self, script: str) -> None:
        """Let the programs do this from their next start on."""
        self.path(BEHAVIOUR).write_text(script)

    def is_active(self, unit: str) -> bool:
        return self.run("systemctl", "is-active", unit).stdout == "active\n"

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        enter = ["nsenter", "--target", children[0], "--all"] if children else ["false"]
        return subprocess.run(
            [*enter, "chroot", str(self._folder), *command], check=False, capture_output=True, text=True
        )

    def output(self, *command: str) -> str:
        """Run a command in it, and return what that prints.

        Raises:
            RuntimeError: the command failed; the message has what it said.
        """
        result = self.run(*command)
        if result.returncode != 0:
            raise RuntimeError(f"{command} ended with status {result.returncode}: {result.stdout}{result.stderr}")
        return result.stdout.strip()
