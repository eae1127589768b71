"""The speaker, with players made for the test in place of mpg123."""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from audio import speaker as audio
from audio.player import CLIPS, clip_path
from audio.speaker import Speaker
from common.settings import Settings
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


@pytest.fixture
def speaker(folder: Path) -> Iterator[Speaker]:
    """The speaker, whose player a test makes beforehand or later: only its place is looked up."""
    put_player(folder, "exit 0")
    with closing(Speaker(Settings("gate"))) as speaker:
        yield speaker


def started(folder: Path, number: int) -> Path:
    """Wait for the player of this number, which has written its process id, and return its folder in /proc."""
    players = folder / "players"
    wait_for(lambda: players.exists() and players.read_text().count("\n") >= number)
    return Path("/proc") / players.read_text().split()[number - 1]


def test_clips_are_played_by_one_player_with_the_options_of_the_settings(folder: Path) -> None:
    put_player(folder, f'echo "$@" > {folder}/heard.new; mv {folder}/heard.new {folder}/heard')
    with closing(Speaker(Settings("gate", audio_output="pulse", audio_device="sink-1", audio_volume=50))) as speaker:
        speaker.play("selected-ten-trip-pass", "tap-card-to-confirm")
        wait_for((folder / "heard").exists)
    clips = f"{clip_path('selected-ten-trip-pass')} {clip_path('tap-card-to-confirm')}"
    assert (folder / "heard").read_text() == f"-q -o pulse -a sink-1 -f 16384 {clips}\n"


def test_it_does_not_block_and_a_new_clip_stops_the_last(
    folder: Path, speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio, "TIME_LIMIT_S", 1000)
    put_player(folder, f"echo $$ >> {folder}/players; exec sleep 60")
    began_at = time.monotonic()
    speaker.play("select-a-pass")
    first = started(folder, 1)
    speaker.play("access-denied")
    second = started(folder, 2)
    assert not first.exists()
    assert second.exists()
    speaker.stop()
    wait_for(lambda: not second.exists())
    assert time.monotonic() - began_at < 60, "as long as a clip lasts here"


def test_the_next_player_starts_when_the_last_has_ended_and_no_clip_has_a_thread_of_its_own(
    folder: Path, speaker: Speaker
) -> None:
    card = folder / "card"
    put_player(
        folder,
        f"mkdir {card} || exit 1; trap 'sleep 0.02; rmdir {card}; exit 0' TERM; echo $$ >> {folder}/players\n"
        "while :; do sleep 0.005; done",
    )
    threads = set(threading.enumerate())
    for number in range(1, 11):
        speaker.play("select-a-pass")
        started(folder, number)
        assert set(threading.enumerate()) <= threads


def test_a_newer_clip_replaces_those_that_have_not_started(folder: Path, speaker: Speaker) -> None:
    put_player(folder, f"trap 'sleep 0.1; exit 0' TERM; echo $4 >> {folder}/heard; while :; do sleep 0.005; done")
    heard = folder / "heard"
    speaker.play("select-a-pass")
    wait_for(heard.exists)
    for clip in ("access-granted", "access-denied", "tap-card-to-confirm"):
        speaker.play(clip)
    wait_for(lambda: len(heard.read_text().split()) > 1)
    speaker.play("out-of-service")
    speaker.close()
    assert heard.read_text().split() == [str(clip_path(clip)) for clip in ("select-a-pass", "tap-card-to-confirm")]


def test_a_player_that_the_card_refuses_is_started_again(
    folder: Path, speaker: Speaker, caplog: pytest.LogCaptureFixture
) -> None:
    put_player(folder, f"echo >> {folder}/tries; [ $(wc -l < {folder}/tries) -gt 3 ] || exit 1; echo > {folder}/heard")
    speaker.play("access-granted")
    wait_for((folder / "heard").exists)
    assert caplog.messages == []


def test_once_its_moment_has_passed_a_clip_is_not_played(
    folder: Path, speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio, "MOMENT_S", 0.05)
    put_player(folder, f"echo $$ >> {folder}/players; trap '' TERM; while :; do sleep 0.005; done")
    speaker.play("select-a-pass")
    first = started(folder, 1)
    speaker.play("access-granted")
    wait_for(lambda: not first.exists())
    speaker.close()
    assert (folder / "players").read_text().count("\n") == 1


def test_a_player_that_ignores_sigterm_is_killed(folder: Path, speaker: Speaker) -> None:
    put_player(folder, f"echo $$ >> {folder}/players; trap '' TERM; while :; do sleep 0.005; done")
    speaker.play("select-a-pass")
    first = started(folder, 1)
    speaker.play("access-denied")
    second = started(folder, 2)
    assert not first.exists()
    began_at = time.monotonic()
    speaker.close()
    assert time.monotonic() - began_at < 2 * audio.END_LIMIT_S + 0.1
    wait_for(lambda: not second.exists())


def test_a_child_of_the_player_that_outlives_it_delays_nothing(folder: Path, speaker: Speaker) -> None:
    put_player(folder, f"sleep 20 & echo $! > {folder}/child; echo $$ >> {folder}/players")
    speaker.play("select-a-pass")
    started(folder, 1)
    speaker.play("access-denied")
    started(folder, 2)
    os.kill(int((folder / "child").read_text()), signal.SIGKILL)


def test_without_a_player_one_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with closing(Speaker(Settings("gate"))) as speaker:
        for _ in range(2):
            speaker.play("access-granted")
            assert not speaker.is_playing
    assert caplog.messages == ["there will be no sound: no mpg123 on PATH"]


@pytest.mark.parametrize(
    ("script", "warning"),
    [
        (r"printf 'a\nno such \033[31mdevice\n' >&2; exit 1", r"the player failed: no such \x1b[31mdevice"),
        ("exit 255", "the player failed: no reason given"),
    ],
)
def test_a_player_that_fails_is_logged_once(
    folder: Path,
    speaker: Speaker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    script: str,
    warning: str,
) -> None:
    monkeypatch.setattr(audio, "MOMENT_S", 0.5)
    put_player(folder, script)
    speaker.play("access-granted")
    wait_for(lambda: caplog.messages)
    put_player(folder, f"echo $$ >> {folder}/players\n{script}")
    speaker.play("access-granted")
    started(folder, 2)
    speaker.close()
    assert caplog.messages == [warning]


def test_a_player_that_does_not_start(
    folder: Path, speaker: Speaker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audio, "MOMENT_S", 0.05)
    (folder / "mpg123").write_bytes(b"\x7fELF")
    speaker.play("access-granted")
    wait_for(lambda: caplog.messages)
    assert caplog.messages == [f"the player does not start: [Errno 8] Exec format error: '{folder}/mpg123'"]


def test_a_player_that_does_not_end_is_killed(
    folder: Path, speaker: Speaker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audio, "TIME_LIMIT_S", 0.1)
    put_player(folder, f"echo $$ >> {folder}/players; exec sleep 60")
    speaker.play("access-granted")
    player = started(folder, 1)
    wait_for(lambda: not player.exists())
    assert caplog.messages == ["the player did not finish access-granted within 0.1 s"]


def test_the_time_limit_fits_a_sequence(
    folder: Path, speaker: Speaker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audio, "TIME_LIMIT_S", 0.5)
    put_player(folder, f"sleep 0.8; echo > {folder}/heard")
    speaker.play("selected-ten-trip-pass", "tap-card-to-confirm")
    wait_for((folder / "heard").exists)
    assert caplog.messages == []


def test_it_is_playing_until_the_player_has_ended_or_is_stopped(folder: Path, speaker: Speaker) -> None:
    put_player(folder, f"while [ ! -e {folder}/end ]; do sleep 0.005; done")
    assert not speaker.is_playing
    speaker.play("select-a-pass")
    assert speaker.is_playing
    (folder / "end").touch()
    wait_for(lambda: not speaker.is_playing)
    (folder / "end").unlink()
    speaker.play("select-a-pass")
    speaker.stop()
    assert not speaker.is_playing


def test_a_player_that_was_stopped_has_not_failed(
    folder: Path, speaker: Speaker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    put_player(folder, f"echo $$ >> {folder}/players; exec sleep 60")
    speaker.play("access-granted")
    player = started(folder, 1)
    speaker.close()
    assert not player.exists()
    assert caplog.messages == []


def test_a_missing_clip_is_logged_and_the_others_of_its_sequence_are_played(
    folder: Path, speaker: Speaker, caplog: pytest.LogCaptureFixture
) -> None:
    put_player(folder, f"echo $4 > {folder}/heard.new; mv {folder}/heard.new {folder}/heard")
    speaker.play("no-such-clip")
    wait_for(lambda: not speaker.is_playing)
    assert not (folder / "heard").exists()
    speaker.play("no-such-clip", "select-a-pass")
    wait_for((folder / "heard").exists)
    assert (folder / "heard").read_text() == f"{clip_path('select-a-pass')}\n"
    assert caplog.messages == [f"there is no clip {clip_path('no-such-clip')}"]


def test_a_folder_that_cannot_be_read_is_logged_at_the_start(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    put_player(folder, "exit 0")
    with closing(Speaker(Settings("gate", audio_folder="/nonexistent"))):
        pass
    assert caplog.messages == [f"the folder /nonexistent cannot be read: the clips of {CLIPS} are played"]
