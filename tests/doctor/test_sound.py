"""The doctor's check of the sound, with a player that the test writes."""

import os
import pwd
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from audio.player import CLIPS, clip_path
from common.settings import PREFIX, Settings
from doctor import sound
from doctor.sound import check_clips, check_sound, sound_findings

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
    assert list(finding.commands) == ([] if status == "OK" else ["mpg123 -o pulse --list-devices"])


def test_it_plays_on_the_device_that_is_set(player: Path, tmp_path: Path) -> None:
    write(player, 'case "$*" in *"-o alsa -a plughw:CARD=USB "*) ;; *) exit 255 ;; esac')
    finding = check_sound(Settings("gate", audio_device="plughw:CARD=USB"), tmp_path)
    assert (finding.status, finding.text.partition(";")[0]) == ("OK", "played on plughw:CARD=USB")


def test_no_player(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = check_sound(Settings("gate"), tmp_path)
    assert (finding.status, finding.commands) == ("FAIL", ["sudo apt install mpg123"])


def test_no_sound_card(player: Path, tmp_path: Path) -> None:
    write(player, "exit 255")
    finding = check_sound(Settings("gate"), tmp_path)
    assert finding.status == "FAIL"
    assert finding.remedy.startswith("there is no sound card: connect one")
    assert finding.commands == ["mpg123 -o alsa --list-devices"]


@pytest.mark.usefixtures("two_cards")
def test_the_cards_are_listed_by_the_names_to_set(player: Path, tmp_path: Path) -> None:
    write(player, "exit 0")
    finding = check_sound(Settings("gate"), tmp_path)
    assert finding.status == "OK"
    assert finding.remedy == (
        f"{PREFIX}AUDIO_DEVICE can be sysdefault:CARD=vc4hdmi (vc4-hdmi) or plughw:CARD=Headphones (bcm2835 Headphones)"
    )


@pytest.mark.usefixtures("two_cards")
def test_another_output_has_other_devices(player: Path, tmp_path: Path) -> None:
    write(player, "exit 0")
    assert check_sound(Settings("gate", audio_output="pulse"), tmp_path).remedy == ""


@pytest.mark.usefixtures("two_cards")
def test_the_cards_are_tried(player: Path, tmp_path: Path) -> None:
    write(player, 'case "$*" in *"-a plughw:CARD=Headphones "*) ;; *) exit 255 ;; esac')
    finding = check_sound(Settings("gate"), tmp_path)
    assert finding.status == "FAIL"
    assert finding.remedy == (f"set {PREFIX}AUDIO_DEVICE to plughw:CARD=Headphones (bcm2835 Headphones); to list all:")


@pytest.mark.usefixtures("two_cards")
def test_no_card_works(player: Path, tmp_path: Path) -> None:
    write(player, f'echo "$*" >> {tmp_path}/tried; exit 255')
    finding = check_sound(Settings("gate", audio_device="sysdefault:CARD=vc4hdmi"), tmp_path)
    assert finding.text == "mpg123 fails on sysdefault:CARD=vc4hdmi: no reason given"
    assert finding.remedy.startswith(f"connect a sound card that works, or set {PREFIX}AUDIO_OUTPUT")
    assert [line.split()[4] for line in (tmp_path / "tried").read_text().splitlines()] == [
        "sysdefault:CARD=vc4hdmi",
        "plughw:CARD=Headphones",
    ]


class TestClips:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "select-a-pass.mp3").touch()
        (tmp_path / "tap-card-to-confirm.mp3").touch()
        (tmp_path / "notes.txt").touch()
        return tmp_path

    def test_they_are_counted(self, player: Path, folder: Path) -> None:
        write(player, "exit 0")
        number = len(list(CLIPS.glob("*.mp3")))
        sound, clips = sound_findings(Settings("gate", audio_folder=str(folder)), folder)
        assert (sound.status, clips.status, clips.text) == ("OK", "OK", f"2 of {number} are from {folder}")
        assert [each.name for each in sound_findings(Settings("gate"), folder)] == ["sound"]

    def test_a_name_of_no_clip(self, folder: Path) -> None:
        (folder / "selct-a-pass.mp3").touch()
        finding = check_clips(str(folder))
        assert finding.status == "WARN"
        assert finding.text.endswith("no clip has its name: selct-a-pass (the nearest is select-a-pass)")

    def test_no_folder(self, tmp_path: Path) -> None:
        finding = check_clips(f"{tmp_path}/away")
        assert (finding.status, finding.text, finding.commands) == ("FAIL", f"{tmp_path}/away cannot be read", [])

    @needs_root
    def test_a_clip_that_the_services_user_cannot_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sound, "SERVICE_USER", "nobody")
        monkeypatch.setattr(sound, "_HIDDEN", ())
        with tempfile.TemporaryDirectory(prefix="it's ") as folder:
            Path(folder).chmod(0o755)
            (Path(folder) / "select-a-pass.mp3").touch(0o600)
            finding = check_clips(folder)
            assert (finding.status, finding.text) == ("FAIL", "select-a-pass cannot be read")
            assert shlex.split(finding.commands[0]) == ["sudo", "chmod", "-R", "a+rX", folder]
            Path(folder).chmod(0o700)
            assert check_clips(folder).status == "FAIL"

    @pytest.mark.parametrize("folder", ["/home/pi/clips", "/tmp/clips", "/root"])
    def test_a_folder_that_is_hidden_from_the_services(self, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
        monkeypatch.setattr(sound, "SERVICE_USER", "nobody")
        finding = check_clips(folder)
        assert (finding.status, finding.text) == ("FAIL", f"the services do not see {folder}")


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
