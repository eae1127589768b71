"""The doctor's check of the sound, with a player that the test writes."""

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from audio.speaker import clip_path
from common.settings import PREFIX, Settings
from doctor import sound
from doctor.sound import check_sound

CARDS = """\
 0 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi
                      vc4-hdmi
 1 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones
                      bcm2835 Headphones
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can play as another user")


@pytest.fixture
def player(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The player on PATH, to be written by the test, in a folder that any user can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        yield Path(folder) / "mpg123"


@pytest.fixture
def two_cards(tmp_path: Path) -> None:
    (tmp_path / "proc/asound").mkdir(parents=True)
    (tmp_path / "proc/asound/cards").write_text(CARDS)


def write(player: Path, script: str) -> None:
    player.write_text(f"#!/bin/sh\n{script}\n")
    player.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "status", "text"),
    [
        ('[ "$*" = "-q -o pulse $CLIP" ]', "OK", "played on pulse; if you did not hear it, check the loudspeaker"),
        ("echo 'cannot open device' >&2; exit 255", "FAIL", "mpg123 fails on pulse: cannot open device"),
        ("exec sleep 60", "FAIL", "mpg123 fails on pulse: it did not end within 0.2 s"),
    ],
)
def test_it_plays_a_clip(
    player: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, status: str, text: str
) -> None:
    monkeypatch.setenv("CLIP", str(clip_path("access-granted")))
    write(player, script)
    finding = check_sound(Settings("gate", audio_output="pulse"), tmp_path, limit_s=5.0 if status == "OK" else 0.2)
    assert (finding.status, finding.text) == (status, text)
    assert list(finding.commands) == ([] if status == "OK" else ["aplay -L"])


def test_it_plays_on_the_device_that_is_set(player: Path, tmp_path: Path) -> None:
    write(player, 'case "$*" in *"-o alsa -a plughw:CARD=USB "*) ;; *) exit 255 ;; esac')
    finding = check_sound(Settings("gate", audio_device="plughw:CARD=USB"), tmp_path)
    assert (finding.status, finding.text.partition(";")[0]) == ("OK", "played on plughw:CARD=USB")


def test_no_player(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = check_sound(Settings("gate"), tmp_path)
    assert (finding.status, finding.commands) == ("FAIL", ["sudo apt install mpg123"])


@pytest.mark.usefixtures("two_cards")
def test_the_cards_are_listed(player: Path, tmp_path: Path) -> None:
    write(player, "exit 0")
    finding = check_sound(Settings("gate"), tmp_path)
    assert finding.status == "OK"
    assert finding.remedy == (
        f"or choose another card with {PREFIX}AUDIO_DEVICE: plughw:CARD=vc4hdmi, plughw:CARD=Headphones"
    )


@pytest.mark.usefixtures("two_cards")
def test_the_cards_are_tried(player: Path, tmp_path: Path) -> None:
    write(player, 'case "$*" in *"-a plughw:CARD=Headphones "*) ;; *) exit 255 ;; esac')
    finding = check_sound(Settings("gate"), tmp_path)
    assert finding.status == "FAIL"
    assert finding.remedy == f"set {PREFIX}AUDIO_DEVICE to plughw:CARD=Headphones; to list all:"


@pytest.mark.usefixtures("two_cards")
def test_no_card_works(player: Path, tmp_path: Path) -> None:
    write(player, "exit 255")
    finding = check_sound(Settings("gate", audio_device="plughw:CARD=vc4hdmi"), tmp_path)
    assert finding.text == "mpg123 fails on plughw:CARD=vc4hdmi: no reason given"
    assert finding.remedy.startswith(f"connect a sound card that works, or set {PREFIX}AUDIO_OUTPUT")


@needs_root
class TestServiceUser:
    @pytest.fixture(autouse=True)
    def service_user(self, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr(sound, "SERVICE_USER", "nobody")
        return "nobody"

    def test_it_plays_as_this_user_would(
        self, player: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service_user: str
    ) -> None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
        write(player, f'[ "$(id -un) $HOME$XDG_RUNTIME_DIR" = "nobody {pwd.getpwnam(service_user).pw_dir}" ]')
        finding = check_sound(Settings("gate"), tmp_path)
        assert (finding.status, finding.text.partition(";")[0]) == ("OK", "played on alsa as nobody")

    def test_another_user_is_told_that_a_service_may_be_mute(
        self, player: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(player, "exit 0")
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        finding = check_sound(Settings("gate"), tmp_path)
        assert finding.status == "WARN"
        assert "run the doctor as root" in finding.remedy
