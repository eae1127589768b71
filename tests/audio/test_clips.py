"""The clips as a loudspeaker gets them, decoded by a real player and measured; and the script that makes them."""

import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

pytestmark = pytest.mark.process

AUDIO = Path(__file__).resolve().parents[2] / "audio"
BUILD = [sys.executable, str(AUDIO / "build")]
CLIPS = json.loads((AUDIO / "prompts.json").read_text(encoding="utf-8"))
SIGNALS = {"access-granted", "access-denied"}
SAMPLE_RATE_HZ = 48_000  # the filters below are specified at this rate
FULL_SCALE = 32_768

AUDIBLE = 0.01
K_WEIGHTING = (
    ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)),
    ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)),
)

WHAT_IS_LEFT = [name for name in CLIPS if re.search("-left|-begun|^pass-", name)]

LOUD = [name for name in CLIPS if name != "lead-in"]
Samples = NDArray[np.float64]  # full scale is 1

each_clip = pytest.mark.parametrize("name", CLIPS)
each_loud_clip = pytest.mark.parametrize("name", LOUD)


@cache
def decode(*names: str) -> Samples:
    """Return the samples of clips that one player plays one after the other."""
    clips, rate = [str(AUDIO / f"{name}.mp3") for name in names], str(SAMPLE_RATE_HZ)
    if shutil.which("mpg123"):
        return samples_of("mpg123", "-q", "-s", "-r", rate, "-e", "s16", *clips)
    return samples_of("sox", *clips, "-t", "raw", "-e", "signed", "-b", "16", "-r", rate, "-")


def samples_of(*command: str) -> Samples:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, "<i2") / FULL_SCALE


def decibels(level: float) -> float:
    return 20 * math.log10(level)


def audible(samples: Samples) -> NDArray[np.intp]:
    """Return where samples are that can be heard."""
    return np.flatnonzero(np.abs(samples) > AUDIBLE)


def weighted(samples: Samples) -> Samples:
    """Filter by the K-weighting, two second-order sections, in the frequency domain."""
    length = 2 * len(samples)  # the filters ring for less than the clip lasts
    delay = np.exp(-2j * np.pi * np.fft.rfftfreq(length))
    spectrum = np.fft.rfft(samples, length)
    for numerator, denominator in K_WEIGHTING:
        spectrum *= polyval(delay, numerator) / polyval(delay, denominator)
    return np.fft.irfft(spectrum, length)[: len(samples)]


def loudness_of(powers: Samples) -> Samples:
    return -0.691 + 10 * np.log10(powers)


@cache
def loudness(name: str) -> float:
    """Return the gated loudness of a clip in LUFS, by ITU-R BS.1770-4, annex 1."""
    block, step = SAMPLE_RATE_HZ * 4 // 10, SAMPLE_RATE_HZ // 10
    powers = np.array(np.lib.stride_tricks.sliding_window_view(weighted(decode(name)) ** 2, block)[::step].mean(axis=1))
    powers = powers[loudness_of(powers) > -70]
    return float(loudness_of(powers[loudness_of(powers) > loudness_of(powers.mean()) - 10].mean()))


def frame_headers(mp3: bytes) -> Iterator[tuple[int, int, int]]:
    """Walk the frames of MPEG-1 layer III at 44,100 Hz: each one's bit rate in kbit/s, channel mode and length.

    Raises:
        ValueError: the file holds something else.
    """
    bit_rates = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
    offset = 0
    while offset < len(mp3):
        sync, version_and_layer, rates, mode = mp3[offset : offset + 4]
        if (sync, version_and_layer & 0xFE) != (0xFF, 0xFA):
            raise ValueError(f"no frame at byte {offset}")
        if rates & 0x0C:
            raise ValueError(f"not 44,100 Hz at byte {offset}")
        bit_rate = bit_rates[rates >> 4]
        length = 144_000 * bit_rate // 44_100 + (rates >> 1 & 1)
        yield bit_rate, mode >> 6, length
        offset += length


def test_the_clips_are_those_of_the_prompts() -> None:
    assert sorted(path.stem for path in AUDIO.glob("*.mp3")) == sorted(CLIPS)


@each_clip
def test_clip_is_mono_at_a_constant_bit_rate_without_tags(name: str) -> None:
    mp3 = (AUDIO / f"{name}.mp3").read_bytes()
    headers = list(frame_headers(mp3))
    assert {(bit_rate, mode) for bit_rate, mode, _ in headers} == {(64, 0b11)}
    assert sum(length for _, _, length in headers) == len(mp3)


@each_loud_clip
def test_clip_is_as_long_as_its_use_allows(name: str) -> None:
    longest = 1.5 if name in SIGNALS else 5.0
    assert 0.5 < len(decode(name)) / SAMPLE_RATE_HZ < longest


@each_clip
def test_no_peak_is_above_1_db_below_full_scale(name: str) -> None:
    """The true peak of ITU-R BS.1770-4, annex 2: of the signal at four times the rate."""
    rate = str(4 * SAMPLE_RATE_HZ)
    samples = samples_of("sox", str(AUDIO / f"{name}.mp3"), "-t", "raw", "-e", "signed", "-b", "16", "-r", rate, "-")
    assert decibels(np.abs(samples).max()) <= -1.0


@each_loud_clip
def test_clip_is_as_loud_as_the_others(name: str) -> None:
    assert loudness(name) == pytest.approx(-16.0, abs=0.75)
    assert max(map(loudness, LOUD)) - min(map(loudness, LOUD)) <= 1.0


@each_loud_clip
def test_clip_starts_soon_and_ends_in_silence(name: str) -> None:
    samples = decode(name)
    assert audible(samples)[0] < 0.15 * SAMPLE_RATE_HZ
    assert not audible(samples[-SAMPLE_RATE_HZ // 200 :]).size


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *((name, "tap-card-to-confirm") for name in LOUD if name.startswith("selected-")),
        *(("card-already-has-pass", name) for name in WHAT_IS_LEFT),
    ],
)
def test_no_gap_is_heard_between_two_clips_of_a_sequence(first: str, second: str) -> None:
    joint = len(decode(first))
    around = slice(joint - SAMPLE_RATE_HZ // 5, joint + SAMPLE_RATE_HZ // 5)
    assert np.diff(audible(decode(first, second)[around])).max() < 0.15 * SAMPLE_RATE_HZ


def test_the_lead_in_is_short_and_soft_and_not_silent() -> None:
    samples = decode("lead-in")
    assert len(samples) / SAMPLE_RATE_HZ == pytest.approx(0.2, abs=0.05)
    assert -60 < decibels(np.abs(samples).max()) < -40


@pytest.mark.skipif(not (shutil.which("flite") and shutil.which("sox")), reason="flite or sox is not installed")
def test_building_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    builds = [tmp_path / "first", tmp_path / "second"]
    for directory in builds:
        directory.mkdir()
        subprocess.run([*BUILD, directory], check=True)
    first, second = ({path.name: path.read_bytes() for path in directory.iterdir()} for directory in builds)
    assert first == second
    assert sorted(first) == sorted(f"{name}.mp3" for name in CLIPS)


def test_a_missing_tool_is_reported_in_one_line(tmp_path: Path) -> None:
    build = subprocess.run([*BUILD, tmp_path], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert build.returncode != 0
    assert build.stderr.splitlines() == ["flite is missing: apt-get install flite sox libsox-fmt-mp3"]
