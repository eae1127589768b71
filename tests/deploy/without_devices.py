"""Debian's own packages for the reader's bus and the sound, on a machine without the devices."""

from pathlib import Path

from tests.deploy.debian_tree import run_outside

_PROBE = """
from pathlib import Path
from common.settings import Settings
from doctor.hardware import check_spi
from doctor.sound import check_sound
for finding in check_spi(), check_sound(Settings("test"), Path("/nowhere")):
    print(finding.status, finding.text)
"""
_TOLD = [
    "FAIL no /dev/spidev0.0: SPI is off",
    "FAIL mpg123 fails on alsa: out123 error 3: failure loading driver module",
]


def require_told_as_stand_ins(root: Path, home: str) -> None:
    """Let the doctor in `home` of this Debian try its python3-spidev and mpg123.

    Raises:
        RuntimeError: it does not tell what it tells of their stand-ins.
    """
    command = ["chroot", str(root), "env", "-C", home, "PYTHONDONTWRITEBYTECODE=1", "python3", "-c", _PROBE]
    result = run_outside(*command)
    told = result.stdout.replace(" as transit-pass", "").splitlines()  # whom an installed Debian has
    if result.returncode != 0 or told != _TOLD:
        raise RuntimeError(f"the doctor says {result.stdout}{result.stderr}")
