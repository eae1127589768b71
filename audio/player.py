"""The player: the program that plays clips, its options, and where it finds them, as the settings say."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from common.settings import Settings
from common.text import printable

CLIPS = Path(__file__).resolve().parent
LEAD_IN = "lead-in"

_NAME = "afplay" if sys.platform == "darwin" else "mpg123"
_FULL_SCALE = 32768  # of mpg123's option -f


def clip_path(clip: str, folder: str | None = None) -> Path:
    """Return the file of a clip, given by its name without the ending: the one in the folder, if it can be read."""
    folders = [Path(folder), CLIPS] if folder else [CLIPS]
    files = [each / f"{clip}.mp3" for each in folders]
    return next((file for file in files if os.access(file, os.R_OK)), files[-1])


def failure_reason(errors: bytes) -> str:
    """Return the last line that a player which failed has written to stderr, without the place in its source."""
    last = (errors.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
    return printable(re.sub(r"^\w+: \[\S+\] error: ", "", last))


class Player:
    """mpg123; on macOS afplay, which takes one file and none of the settings.

    Attributes:
        program: its path; None if it is not on PATH.
    """

    def __init__(self, settings: Settings) -> None:
        self.program = shutil.which(_NAME)
        self._options = _mpg123_options(settings) if _NAME == "mpg123" else []
        self._folder = settings.audio_folder
        self._lead_in = [LEAD_IN] if settings.audio_lead_in else []

    def command(self, *clips: str) -> list[str]:
        """Return the command that plays those of the clips that are there; empty if there is nothing to play."""
        files = [str(self._path(clip)) for clip in clips if self._is_there(clip)]
        if not files or not self.program:
            return []
        if _NAME == "afplay":
            return [self.program, files[-1]]
        return [self.program, *self._options, *(str(self._path(clip)) for clip in self._lead_in), *files]

    def problems(self, *clips: str) -> Iterator[str]:
        """Yield why these clips will not be heard, or not as the settings have it, in words for an operator."""
        if not self.program:
            yield f"there will be no sound: no {_NAME} on PATH"
        if self._folder and not os.access(self._folder, os.R_OK | os.X_OK):
            yield f"the folder {self._folder} cannot be read: the clips of {CLIPS} are played"
        for clip in clips:
            if not self._is_there(clip):
                yield f"there is no clip {self._path(clip)}"

    def _path(self, clip: str) -> Path:
        return clip_path(clip, self._folder)

    def _is_there(self, clip: str) -> bool:
        return os.access(self._path(clip), os.R_OK)


def _mpg123_options(settings: Settings) -> list[str]:
    # Without -o, mpg123 may pick an output module that loops endlessly if there is no sound device.
    options = ["-q", "-o", settings.audio_output]
    if settings.audio_device:
        options += ["-a", settings.audio_device]
    if settings.audio_volume < 100:
        options += ["-f", str(_FULL_SCALE * settings.audio_volume // 100)]
    return options
