"""The player's command, as the settings have it."""

from pathlib import Path

import pytest

from audio import player as module
from audio.player import CLIPS, Player, clip_path, failure_reason
from common.settings import Settings

PROGRAM = "/somewhere/mpg123"
CLIP = str(CLIPS / "access-granted.mp3")


@pytest.fixture(autouse=True)
def _program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/somewhere/{name}")


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        (Settings("gate"), ["-q", "-o", "alsa"]),
        (Settings("gate", audio_output="pulse"), ["-q", "-o", "pulse"]),
        (Settings("gate", audio_device="plughw:CARD=A"), ["-q", "-o", "alsa", "-a", "plughw:CARD=A"]),
        (Settings("gate", audio_volume=100), ["-q", "-o", "alsa"]),
        (Settings("gate", audio_volume=50), ["-q", "-o", "alsa", "-f", "16384"]),
        (Settings("gate", audio_volume=1), ["-q", "-o", "alsa", "-f", "327"]),
        (Settings("gate", audio_lead_in=True), ["-q", "-o", "alsa", str(CLIPS / "lead-in.mp3")]),
    ],
)
def test_options(settings: Settings, options: list[str]) -> None:
    assert Player(settings).command("access-granted") == [PROGRAM, *options, CLIP]


def test_a_sequence_has_one_lead_in() -> None:
    command = Player(Settings("gate", audio_lead_in=True)).command("access-granted", "access-denied")
    assert [Path(file).stem for file in command[4:]] == ["lead-in", "access-granted", "access-denied"]


def test_an_operators_clips_take_the_place_of_ours(tmp_path: Path) -> None:
    own = tmp_path / "access-denied.mp3"
    own.touch()
    player = Player(Settings("gate", audio_folder=str(tmp_path)))
    assert player.command("access-granted", "access-denied")[4:] == [CLIP, str(own)]
    assert list(player.problems("access-granted", "access-denied")) == []


def test_what_is_missing_is_told_and_left_out(tmp_path: Path) -> None:
    player = Player(Settings("gate", audio_folder=str(tmp_path / "away")))
    assert player.command("no-such-clip", "access-granted")[4:] == [CLIP]
    assert player.command("no-such-clip") == []
    assert list(player.problems("no-such-clip", "access-granted")) == [
        f"the folder {tmp_path}/away cannot be read: the clips of {CLIPS} are played",
        f"there is no clip {clip_path('no-such-clip')}",
    ]


def test_without_a_player(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    player = Player(Settings("gate"))
    assert player.command("access-granted") == []
    assert list(player.problems("access-granted")) == ["there will be no sound: no mpg123 on PATH"]


def test_on_macos_afplay_plays_the_last_clip_of_a_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NAME", "afplay")
    command = Player(Settings("gate", audio_lead_in=True)).command("access-denied", "access-granted")
    assert command == ["/somewhere/afplay", CLIP]


def test_the_reason_of_a_failure_is_its_last_line() -> None:
    assert failure_reason(b"one\ntwo \xff\x07\n\n") == "two \ufffd\\x07"
    of_mpg123 = b"main: [src/mpg123.c:check_fatal_output():334] error: out123 error 3: failure loading driver module\n"
    assert failure_reason(of_mpg123) == "out123 error 3: failure loading driver module"
