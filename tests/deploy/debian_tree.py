"""A small Debian in a folder, to install into."""

import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

from tests.processes import REPOSITORY

_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_BUNDLE_IN_TREE = "/etc/outer-certificates.crt"  # installing ca-certificates writes the other anew
_PACKAGES = Path("srv/packages")


class DebianTree:
    """Debian Bookworm with what Raspberry Pi OS adds that matters here: packages for the GPIO pins, and config.txt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_debian("bookworm", folder)
        share_the_network(folder)
        self.path("/boot/firmware").mkdir()
        self.path("/boot/firmware/config.txt").write_text("#dtparam=spi=on\n[cm4]\notg_mode=1")
        self._offer_package("python3-rpi-lgpio", "Provides: python3-rpi.gpio\nConflicts: python3-rpi.gpio\n")
        self._offer_package("python3-rpi.gpio", "")

    def path(self, inside: str) -> Path:
        return self.folder / inside.lstrip("/")

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return run_outside("chroot", str(self.folder), *command, **environment)

    def output(self, *command: str, **environment: str) -> str:
        """Run a command in it, and return what that prints.

        Raises:
            RuntimeError: the command failed; the message has what it said.
        """
        result = self.run(*command, **environment)
        if result.returncode != 0:
            raise RuntimeError(f"{command} ended with status {result.returncode}: {result.stderr}")
        return result.stdout.strip()

    def install(self, *arguments: str, **environment: str) -> str:
        """Run scripts/install from outside, and return what it prints.

        Raises:
            RuntimeError: it failed, or said something on stderr.
        """
        command = [str(REPOSITORY / "scripts/install"), "--root", str(self.folder), *arguments]
        result = run_outside(*command, **environment)
        if result.returncode != 0 or result.stderr:
            raise RuntimeError(f"scripts/install ended with status {result.returncode}: {result.stderr}")
        return result.stdout

    def installed_packages(self) -> set[str]:
        lines = self.output("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n").splitlines()
        return {package for status, package in map(str.split, lines) if status == "ii"}

    def _offer_package(self, name: str, relations: str) -> None:
        source = self.path(f"/tmp/{name}")
        library = source / "usr/lib/python3/dist-packages/RPi"
        library.mkdir(parents=True)
        for module in ("__init__.py", "GPIO.py"):
            (library / module).write_text("")
        control = (
            f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: stand-in\n{relations}"
        )
        (source / "DEBIAN").mkdir()
        (source / "DEBIAN/control").write_text(control)
        packages = self.folder / _PACKAGES
        packages.mkdir(exist_ok=True)
        archive = packages / f"{name}.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", source, archive], check=True, capture_output=True)
        shutil.rmtree(source)
        data = archive.read_bytes()
        with (packages / "Packages").open("a") as index:
            index.write(f"{control}Filename: {archive.name}\nSize: {len(data)}\nSHA256: {sha256(data).hexdigest()}\n\n")
        self.path("/etc/apt/sources.list.d/pi.list").write_text(f"deb [trusted=yes] file:/{_PACKAGES} ./\n")


def make_debian(suite: str, folder: Path, *options: str) -> None:
    """Put a small Debian of this release there; it need not survive a power cut. What it mounts ends with it."""
    command = ["unshare", "--mount", "mmdebstrap", "--mode=root", "--variant=minbase", "--dpkgopt=force-unsafe-io"]
    subprocess.run([*command, *options, suite, folder, "http://deb.debian.org/debian"], check=True, capture_output=True)


def share_the_network(tree: Path) -> None:
    """Let apt and pip in the tree reach what they reach outside."""
    if Path(_BUNDLE).exists():
        shutil.copy(_BUNDLE, tree / _BUNDLE_IN_TREE.lstrip("/"))
    if Path("/etc/pip.conf").exists():
        shutil.copy("/etc/pip.conf", tree / "etc")
    if Path("/etc/xdg/pip").exists():
        shutil.copytree("/etc/xdg/pip", tree / "etc/xdg/pip")
    proxies = subprocess.run(
        ["apt-config", "dump", "Acquire::http", "Acquire::https"], check=True, capture_output=True, text=True
    )
    (tree / "etc/apt/apt.conf.d/90outer").write_text(proxies.stdout)


def run_outside(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command outside of a tree, such as chroot, so that what it starts in the tree reaches the network."""
    outer = {name: _BUNDLE_IN_TREE if value == _BUNDLE else value for name, value in os.environ.items()}
    if Path(_BUNDLE).exists():
        outer["PIP_CERT"] = _BUNDLE_IN_TREE
    return subprocess.run(
        command, env={**outer, **environment}, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
