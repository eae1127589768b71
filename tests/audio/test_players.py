"""The speaker with players as processes: the virtual Pi's on a sound card that does not mix, and the real mpg123."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from audio.player import Player, clip_path
from audio.speaker import Speaker
from common.settings import Settings
from simulator.virtual_pi.station import VirtualPi
from tests.rider import heard

pytestmark = pytest.mark.process

SOON_S = 10.0


@pytest.fixture
def speaker(pi: VirtualPi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Speaker]:
    """The speaker of a Pi whose sound card does not mix."""
    for name, value in pi.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VIRTUAL_PI_SOUND_CARD", str(tmp_path / "card"))
    with closing(Speaker(Settings("terminal"))) as speaker:
        yield speaker


def test_a_clip_that_cuts_another_short_is_heard(
    pi: VirtualPi, speaker: Speaker, caplog: pytest.LogCaptureFixture
) -> None:
    longest_call_s = 0.0
    clips = ["select-a-pass", "tap-card-to-confirm"] * 20
    for number, clip in enumerate(clips, start=1):
        began_at = time.monotonic()
        speaker.play(clip)
        longest_call_s = max(longest_call_s, time.monotonic() - began_at)
        pi.wait_for(lambda pi, number=number: len(heard(pi)) >= number, SOON_S)  # type: ignore[misc]
    speaker.stop()
    pi.wait_for(lambda pi: not pi.sounding, SOON_S)
    assert heard(pi) == clips
    assert caplog.messages == []
    assert longest_call_s < 0.1, "the thread of the card reader waits for no player"


def test_a_clip_waits_for_a_card_that_another_program_holds(pi: VirtualPi, speaker: Speaker) -> None:
    other = subprocess.Popen(["mpg123", "-q", clip_path("out-of-service")])
    pi.wait_for(lambda pi: heard(pi) == ["out-of-service"], SOON_S)
    speaker.play("access-denied")
    time.sleep(0.1)
    other.terminate()
    pi.wait_for(lambda pi: heard(pi) == ["out-of-service", "access-denied"], SOON_S)
    assert other.wait(SOON_S) == 0


def test_the_end_of_a_program_silences_it(pi: VirtualPi, speaker: Speaker) -> None:
    speaker.play("select-a-pass")
    pi.wait_for(lambda pi: heard(pi) == ["select-a-pass"], SOON_S)
    speaker.close()
    pi.wait_for(lambda pi: not pi.sounding, SOON_S)


def test_each_clip_of_a_sequence_is_heard(pi: VirtualPi, speaker: Speaker) -> None:
    speaker.play("selected-ten-trip-pass", "tap-card-to-confirm")
    pi.wait_for(lambda pi: len(heard(pi)) == 2 and not pi.sounding, SOON_S)
    assert heard(pi) == ["selected-ten-trip-pass", "tap-card-to-confirm"]


@pytest.mark.skipif(not shutil.which("mpg123"), reason="mpg123 is not installed")
class TestMpg123:
    """The real one, on a device of ALSA that swallows what it gets."""

    @pytest.fixture(autouse=True)
    def _devices(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "asound.conf").write_text("pcm.null { type null }\npcm.!default { type no-such-type }\n")
        monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "asound.conf"))

    @pytest.mark.parametrize(("device", "status"), [("null", 0), ("no-such-device", 255), (None, 255)])
    def test_it_plays_on_the_device_of_the_setting(self, device: str | None, status: int) -> None:
        command = Player(Settings("gate", audio_device=device)).command("access-granted")
        assert subprocess.run(command, capture_output=True, timeout=SOON_S, check=False).returncode == status
