"""Sound: the clips of `audio/`, played by a player process."""

import logging
import shutil
import sys
import threading
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired

from common.text import printable

CLIPS = Path(__file__).resolve().parent
TIME_LIMIT_S = 10.0

_PLAYER = "afplay" if sys.platform == "darwin" else "mpg123"

_logger = logging.getLogger(__name__)


def player_command(output: str) -> list[str]:
    """Return the player and its options, to be followed by a file; empty if no player is on PATH."""
    player = shutil.which(_PLAYER)
    # Without -o, mpg123 may pick an output module that loops endlessly if there is no sound device.
    options = ["-q", "-o", output] if _PLAYER == "mpg123" else []
    return [player, *options] if player else []


def clip_path(clip: str) -> Path:
    """Return the file of a clip, given by its name without the ending."""
    return CLIPS / f"{clip}.mp3"


def failure_reason(errors: bytes) -> str:
    """Return the last line that a player which failed has written to stderr."""
    return printable((errors.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1])


class Speaker:
    """Plays one clip at a time without blocking its caller; a new clip stops the one that is playing.

    A problem with the sound is logged once and affects nothing else.
    """

    def __init__(self, output: str) -> None:
        """Find the player, which will use this output module."""
        self._command = player_command(output)
        self._playing: Popen[bytes] | None = None
        self._warnings: set[str] = set()
        if not self._command:
            self._warn(f"there will be no sound: no {_PLAYER} on PATH")

    def play(self, clip: str) -> None:
        """Start a clip, given by its name without the ending."""
        self.stop()
        path = clip_path(clip)
        if not path.is_file():
            self._warn(f"there is no clip {path}")
        elif self._command:
            self._start(path)

    def stop(self) -> None:
        """Stop what is playing."""
        if self._playing:
            self._playing.terminate()
            self._playing = None

    def _start(self, path: Path) -> None:
        try:
            self._playing = Popen(  # noqa: S603  # a fixed player, a fixed list of clips
                [*self._command, str(path)], stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
            )
        except OSError as error:
            self._warn(f"the player does not start: {error}")
        else:
            threading.Thread(target=self._supervise, args=(self._playing, path.stem), daemon=True).start()

    def _supervise(self, player: Popen[bytes], clip: str) -> None:
        try:
            _, errors = player.communicate(timeout=TIME_LIMIT_S)
        except TimeoutExpired:
            self._warn(f"the player did not finish {clip} within {TIME_LIMIT_S:g} s")
            player.kill()
            _, errors = player.communicate()
        if player.returncode > 0:  # a negative one is the signal that ended it
            self._warn(f"the player failed: {failure_reason(errors)}")

    def _warn(self, warning: str) -> None:
        if warning not in self._warnings:
            self._warnings.add(warning)
            _logger.warning("%s", warning)
