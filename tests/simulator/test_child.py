"""Child processes that end with their parent."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from simulator.child import ending_with_parent

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not shutil.which("setpriv"), reason="without setpriv, commands stay as they are"),
]


def test_the_arguments_stay_as_they_are() -> None:
    words = ["a b", "$PPID", "", '"', "-c"]
    shown = subprocess.run(ending_with_parent("printf", "%s\n", *words), check=True, capture_output=True, text=True)
    assert shown.stdout.splitlines() == words


def test_one_whose_parent_has_ended_before_does_not_begin(tmp_path: Path) -> None:
    command = ending_with_parent("touch", str(tmp_path / "begun"))
    subprocess.run(["sh", "-c", '"$@"; true', "sh", *command], check=True)  # its parent is another process
    assert list(tmp_path.iterdir()) == []
    subprocess.run(command, check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["begun"]


def test_one_ends_with_the_thread_that_has_started_it() -> None:
    command = ending_with_parent("sh", "-c", "echo begun; exec sleep 60")
    with ThreadPoolExecutor(1) as executor:
        child = executor.submit(subprocess.Popen, command, stdout=subprocess.PIPE).result()
        assert child.stdout
        assert child.stdout.readline() == b"begun\n"
        assert child.poll() is None
    assert child.wait(10) == -9
    child.stdout.close()
