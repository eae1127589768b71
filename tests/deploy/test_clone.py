"""What Git for Windows makes of the repository."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.processes import REPOSITORY


@pytest.mark.skipif(
    not (shutil.which("git") and (REPOSITORY / ".git").exists()), reason="this is no clone, or there is no git"
)
def test_scripts_have_the_line_ends_of_linux(tmp_path: Path) -> None:
    options = ["--quiet", "--shared", "--config", "core.autocrlf=true", "--config", "core.eol=crlf"]
    subprocess.run(["git", "clone", *options, REPOSITORY, tmp_path / "clone"], check=True)
    scripts = [path for path in (tmp_path / "clone").rglob("*") if path.is_file() and path.read_bytes()[:2] == b"#!"]
    assert {"install", "demo", "test", "environment", "run"} <= {path.name for path in scripts}
    assert [path for path in scripts if b"\r" in path.read_bytes()] == []
