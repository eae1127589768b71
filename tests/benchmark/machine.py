"""On what a run was made: the machine and the versions."""

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from common import daemon
from tests.processes import REPOSITORY

Facts = Mapping[str, str | int | float | bool | None]


def facts(server: Path) -> Facts:
    """Return them as fields; what this machine does not tell is None.

    Args:
        server: the server's program.
    """
    cpu = _cpu()
    return {
        "cpu": cpu.get("model name") or cpu.get("Model") or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "virtual": "hypervisor" in cpu["flags"].split() if "flags" in cpu else None,
        "python": platform.python_version(),
        "redis_py": version("redis"),
        "hiredis": _version_or_none("hiredis"),
        "server": _server_version(server),
        "project": daemon.version(),
        "commit": _commit(),
    }


def sentence(of: Facts) -> str:
    """Return the facts on one line."""
    virtual = ", virtual" if of["virtual"] else ""
    hiredis = f" with hiredis {of['hiredis']}" if of["hiredis"] else ""
    commit = f" at {of['commit']}" if of["commit"] else ""
    return (
        f"{of['cpu']}, {of['cores']} cores, {of['memory_gb']} GB{virtual}, {of['kernel']}; Python {of['python']},"
        f" redis-py {of['redis_py']}{hiredis}, {of['server']}; Transit Pass {of['project']}{commit}"
    )


def _cpu() -> dict[str, str]:
    """Return what the kernel says of the first core, and on a Raspberry Pi of the board."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    fields = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return dict(reversed(fields))


def _version_or_none(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _server_version(program: Path) -> str:
    """Return a version such as `Valkey 9.1.2`; both servers print `<kind> server v=<version>` and more."""
    said = subprocess.run([program, "--version"], capture_output=True, check=True, text=True).stdout
    found = re.match(r"(\w+) server v=(\S+)", said)
    return " ".join(found.groups()) if found else program.name


def _commit() -> str | None:
    """Return the commit of this repository, with `-dirty` if files have changed since."""
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
