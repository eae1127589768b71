"""The speaker, with players made for the test in place of mpg123."""

import logging
import threading
import time
from pathlib import Path

import pytest

from audio import speaker as audio
from audio.speaker import Speaker, clip_path, failure_reason, player_command
from tests.processes import wait_for


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder on PATH, beside the system's."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def put_player(folder: Path, script: str) -> None:
    player = folder / "mpg123"
    player.write_text(f"#!/bin/sh\n{script}\n")
    player.chmod(0o755)


def wait_for_players() -> None:
    """Wait until every player has ended and its status was checked."""
    wait_for(lambda: not [each for each in threading.enumerate() if "_supervise" in each.name])


def test_a_clip_is_played_by_mpg123_with_the_output_of_the_setting(folder: Path) -> None:
    put_player(folder, f'echo "$@" > {folder}/heard.new; mv {folder}/heard.new {folder}/heard')
    Speaker("pulse").play("access-granted")
    wait_for((folder / "heard").exists)
    assert (folder / "heard").read_text() == f"-q -o pulse {clip_path('access-granted')}\n"


def test_it_does_not_block_and_a_new_clip_stops_the_last(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "TIME_LIMIT_S", 1000)
    put_player(folder, f"echo $$ >> {folder}/players; exec sleep 60")
    speaker = Speaker("alsa")
    began_at = time.monotonic()
    speaker.play("select-a-pass")
    first = started(folder, 1)
    speaker.play("access-denied")
    second = started(folder, 2)
    wait_for(lambda: not first.exists())
    assert second.exists()
    speaker.stop()
    wait_for(lambda: not second.exists())
    assert time.monotonic() - began_at < 60, "as long as a clip lasts here"


def started(folder: Path, number: int) -> Path:
    """Wait for the player of this number and return its folder in /proc."""
    players = folder / "players"
    wait_for(lambda: players.exists() and players.read_text().count("\n") >= number)
    return Path("/proc") / players.read_text().split()[number - 1]


def test_without_a_player_one_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    speaker = Speaker("alsa")
    for _ in range(2):
        speaker.play("access-granted")
    speaker.stop()
    assert player_command("alsa") == []
    assert caplog.messages == ["there will be no sound: no mpg123 on PATH"]


@pytest.mark.parametrize(
    ("script", "warning"),
    [
        (r"printf 'a\nno such \033[31mdevice\n' >&2; exit 1", r"the player failed: no such \x1b[31mdevice"),
        ("exit 255", "the player failed: no reason given"),
    ],
)
def test_a_player_that_fails_is_logged_once(
    folder: Path, caplog: pytest.LogCaptureFixture, script: str, warning: str
) -> None:
    put_player(folder, script)
    speaker = Speaker("alsa")
    for _ in range(2):
        speaker.play("access-granted")
        wait_for_players()
    assert caplog.messages == [warning]


def test_a_player_that_does_not_start(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "mpg123").write_bytes(b"\x7fELF")
    (folder / "mpg123").chmod(0o755)
    Speaker("alsa").play("access-granted")
    assert caplog.messages == [f"the player does not start: [Errno 8] Exec format error: '{folder}/mpg123'"]


def test_a_player_that_does_not_end_is_killed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audio, "TIME_LIMIT_S", 0.1)
    put_player(folder, "exec sleep 60")
    Speaker("alsa").play("access-granted")
    wait_for_players()
    assert caplog.messages == ["the player did not finish access-granted within 0.1 s"]


def test_a_player_that_was_stopped_has_not_failed(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    put_player(folder, "exec sleep 60")
    speaker = Speaker("alsa")
    speaker.play("access-granted")
    speaker.stop()
    wait_for_players()
    assert caplog.messages == []


def test_a_missing_clip(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    put_player(folder, "exit 0")
    Speaker("alsa").play("no-such-clip")
    assert caplog.messages == [f"there is no clip {clip_path('no-such-clip')}"]


def test_the_reason_of_a_failure_is_its_last_line() -> None:
    assert failure_reason(b"one\ntwo \xff\x07\n\n") == "two \ufffd\\x07"
