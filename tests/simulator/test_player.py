"""The virtual mpg123, as a process."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from simulator.virtual_pi.player import duration_s
from simulator.virtual_pi.station import Kind, VirtualPi

SOON_S = 10.0

# MPEG 1 layer III, 32 kbit/s, 48 kHz: 96 bytes and 24 ms a frame
FRAME = b"\xff\xfb\x14\xc0" + bytes(92)
# MPEG 2 layer III, 16 kbit/s, 16 kHz: 72 bytes and 36 ms a frame
FRAME_MPEG2 = b"\xff\xf3\x28\xc0" + bytes(68)
# MPEG 1 layer III, 64 kbit/s, 44.1 kHz, padded: 209 bytes
FRAME_PADDED = b"\xff\xfb\x52\xc0" + bytes(205)
ID3 = b"ID3\x04\x00\x00\x00\x00\x01\x00" + b"\xff\xfb\x14\xc0" * 32


def start(pi: VirtualPi, *arguments: str) -> "subprocess.Popen[str]":
    environment = pi.environment()
    return subprocess.Popen(["mpg123", *arguments], env=environment, stderr=subprocess.PIPE, text=True)


def clip(folder: Path, name: str, data: bytes) -> str:
    path = folder / f"{name}.mp3"
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        (FRAME * 10, 0.240),
        (FRAME_MPEG2 * 10, 0.360),
        (FRAME_PADDED * 2, 2 * 1152 / 44100),
        (ID3 + FRAME, 0.024),
        (b"junk" + FRAME * 2 + b"TAG" + bytes(125), 0.048),
        (b"", 0.0),
        (b"junk" * 100, 0.0),
        (b"ID3", 0.0),
        (b"\xff\xff\xff\xff" * 100, 0.0),
    ],
)
def test_duration(data: bytes, seconds: float) -> None:
    assert duration_s(data) == pytest.approx(seconds)


@pytest.mark.process
def test_a_clip_plays_for_its_duration(pi: VirtualPi, tmp_path: Path) -> None:
    player = start(pi, "-q", "-o", "alsa", "--", clip(tmp_path, "access granted", FRAME * 10))
    assert player.wait(SOON_S) == 0
    pi.wait_for(lambda pi: len(pi.observations) == 2, SOON_S)
    began, ended = pi.observations
    assert (began.kind, began.what, began.detail) == (Kind.SOUND_BEGAN, "access granted", "alsa")
    assert (ended.kind, ended.what) == (Kind.SOUND_ENDED, "access granted")
    assert ended.at - began.at >= 0.24
    assert not pi.sounding


@pytest.mark.process
def test_several_clips_follow_each_other_without_silence(pi: VirtualPi, tmp_path: Path) -> None:
    one, other = clip(tmp_path, "one", FRAME * 2), clip(tmp_path, "other", FRAME * 10)
    assert start(pi, "-q", "-o", "alsa", "-f", "16384", one, other).wait(SOON_S) == 0
    pi.wait_for(lambda pi: len(pi.observations) == 4, SOON_S)
    times = {(each.what, each.kind): each.at for each in pi.observations}
    assert times["one", Kind.SOUND_BEGAN] + 0.048 <= times["other", Kind.SOUND_BEGAN] <= times["one", Kind.SOUND_ENDED]
    assert times["other", Kind.SOUND_ENDED] - times["other", Kind.SOUND_BEGAN] >= 0.24


@pytest.mark.process
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once(pi: VirtualPi, tmp_path: Path, end: signal.Signals) -> None:
    player = start(pi, "-q", clip(tmp_path, "buzzer", FRAME * 100_000))
    pi.wait_for(lambda pi: [sound.what for sound in pi.sounding] == ["buzzer"], SOON_S)
    player.send_signal(end)
    assert player.wait(SOON_S) == 0
    pi.wait_for(lambda pi: not pi.sounding, SOON_S)


@pytest.mark.process
def test_a_killed_player_is_silent(pi: VirtualPi, tmp_path: Path) -> None:
    player = start(pi, "-q", clip(tmp_path, "buzzer", FRAME * 100_000))
    pi.wait_for(lambda pi: [sound.what for sound in pi.sounding] == ["buzzer"], SOON_S)
    player.kill()
    player.wait(SOON_S)
    pi.wait_for(lambda pi: not pi.sounding, SOON_S)


@pytest.mark.process
def test_it_ends_with_its_pi(tmp_path: Path) -> None:
    buzzer = clip(tmp_path, "buzzer", FRAME * 100_000)
    with VirtualPi() as pi:
        player = start(pi, "-q", buzzer, buzzer)
        pi.wait_for(lambda pi: bool(pi.sounding), SOON_S)
    assert player.wait(SOON_S) == 0


@pytest.mark.process
def test_a_sound_card_that_does_not_mix(pi: VirtualPi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_PI_SOUND_CARD", str(tmp_path / "card"))
    player = start(pi, "-q", clip(tmp_path, "buzzer", FRAME * 100_000))
    pi.wait_for(lambda pi: [sound.what for sound in pi.sounding] == ["buzzer"], SOON_S)
    _, errors = (refused := start(pi, "-q", clip(tmp_path, "chime", FRAME))).communicate(timeout=SOON_S)
    assert (refused.returncode, "out123 error 3" in errors) == (255, True)
    told_at = time.monotonic()
    player.terminate()
    assert player.wait(SOON_S) == 0
    assert time.monotonic() - told_at >= 0.015
    assert start(pi, "-q", clip(tmp_path, "chime", FRAME)).wait(SOON_S) == 0
    pi.wait_for(lambda pi: [each.what for each in pi.observations[2:]] == ["chime", "chime"], SOON_S)


@pytest.mark.process
@pytest.mark.parametrize("data", [b"", bytes(range(255)) * 16], ids=["empty", "no frame"])
def test_an_invalid_file_ends_at_once(pi: VirtualPi, tmp_path: Path, data: bytes) -> None:
    assert start(pi, "-q", clip(tmp_path, "junk", data)).wait(SOON_S) == 0
    assert pi.observations == ()


@pytest.mark.process
def test_a_missing_file(pi: VirtualPi, tmp_path: Path) -> None:
    player = start(pi, "-q", "-o", "alsa", str(tmp_path / "missing.mp3"))
    _, errors = player.communicate(timeout=SOON_S)
    assert player.returncode == 1
    assert "missing.mp3" in errors


@pytest.mark.process
def test_it_plays_without_a_station(tmp_path: Path) -> None:
    with VirtualPi() as pi:
        environment = pi.environment()
    path = clip(tmp_path, "chime", FRAME)
    assert subprocess.run(["mpg123", "-q", path], env=environment, timeout=SOON_S, check=False).returncode == 0
