"""The systemd units, as systemd-analyze judges them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.processes import REPOSITORY

UNITS = sorted(REPOSITORY.glob("*/*.service"))
MOST_EXPOSED = 20  # tenths: systemd-analyze security counts from 0 to 10

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        not (shutil.which("systemd-analyze") or os.environ.get("CI")), reason="no systemd-analyze on PATH"
    ),
]


def analyze(*arguments: str) -> tuple[int, str]:
    """Return systemd-analyze's exit status and what it complains about."""
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with this machine's systemd units, ours, and what ours start."""
    root = tmp_path_factory.mktemp("root")
    shutil.copytree("/usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
    for unit in UNITS:
        place = root / "etc/systemd/system" / unit.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(unit, place)
    python = root / "opt/transit-pass/.venv/bin/python"
    python.parent.mkdir(parents=True)
    python.touch(0o755)
    return root


def test_each_program_has_one() -> None:
    assert [unit.name for unit in UNITS] == ["entry-gate.service", "sales-terminal.service", "system-monitor.service"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_is_valid(installed: Path, unit: Path) -> None:
    assert analyze("verify", f"--root={installed}", "--recursive-errors=one", unit.name) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_is_confined(unit: Path) -> None:
    assert analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit)) == (0, "")
