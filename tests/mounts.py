"""Programs with mounts of their own: another file in the place of one, small disks, a root that is read-only."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


def require_root(what: str) -> None:
    """Skip the test where nothing can be mounted; in CI that is a failure."""
    missing = [] if os.geteuid() == 0 else ["root's rights"]
    missing += [tool for tool in ("unshare", "mount") if not shutil.which(tool)]
    if missing:
        reason = f"{what} needs {', '.join(missing)}"
        pytest.fail(reason) if "CI" in os.environ else pytest.skip(reason)


def with_mounts(script: str) -> Sequence[str]:
    """Return what to put before a command that is to run after this shell script, in a mount namespace of its own."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", f'{script}\nexec "$@"', "sh"]


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a file system with so little room, such as `8k`, on a new folder."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
