"""Sound: the clips of `audio/`, played by a player process."""

import logging
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from common.text import printable

CLIPS = Path(__file__).resolve().parent.parent / "audio"
TIME_LIMIT_S = 10.0

_logger = logging.getLogger(__name__)


def player_command(output: str) -> list[str]:
    """Return the player that is on PATH, and its options, to be followed by a file; nothing if there is none.

    Args:
        output: the output module that mpg123 is to use. Left to itself, it may pick one that spins for ever.
    """
    name, *options = _player(output)
    player = shutil.which(name)
    return [player, *options] if player else []


def clip_path(clip: str) -> Path:
    """Return the file of a clip, given by its name without the ending."""
    return CLIPS / f"{clip}.mp3"


def failure_reason(errors: bytes) -> str:
    """Return the last line of what a player that failed has said."""
    return printable((errors.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1])


def _player(output: str) -> list[str]:
    return ["afplay"] if sys.platform == "darwin" else ["mpg123", "-q", "-o", output]


class Speaker:
    """Plays one clip at a time without ever keeping its caller waiting; the next clip cuts the last one short.

    Whatever goes wrong with the sound is logged once and changes nothing else.
    """

    def __init__(self, output: str) -> None:
        """Find the player.

        Args:
            output: the output module that mpg123 is to use.
        """
        self._command = player_command(output)
        self._playing: subprocess.Popen[bytes] | None = None
        self._complaints: set[str] = set()
        if not self._command:
            self._complain(f"there will be no sound: no {_player(output)[0]} on PATH")

    def play(self, clip: str) -> None:
        """Start a clip, given by its name without the ending."""
        self.stop()
        path = clip_path(clip)
        if not path.is_file():
            self._complain(f"there is no clip {path}")
        elif self._command:
            self._start(clip, path)

    def stop(self) -> None:
        """Cut short what is playing."""
        if self._playing:
            self._playing.terminate()
            self._playing = None

    def _start(self, clip: str, path: Path) -> None:
        try:
            self._playing = subprocess.Popen(  # noqa: S603  # a fixed player, a fixed list of clips
                [*self._command, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            self._complain(f"the player does not start: {error}")
            return
        threading.Thread(target=self._supervise, args=(clip, self._playing), daemon=True).start()

    def _supervise(self, clip: str, player: "subprocess.Popen[bytes]") -> None:
        try:
            _, errors = player.communicate(timeout=TIME_LIMIT_S)
        except subprocess.TimeoutExpired:
            player.kill()
            player.communicate()
            self._complain(f"the player did not finish {clip} within {TIME_LIMIT_S:.0f} s")
            return
        if player.returncode > 0:
            self._complain(f"the player failed: {failure_reason(errors)}")

    def _complain(self, complaint: str) -> None:
        if complaint not in self._complaints:
            self._complaints.add(complaint)
            _logger.warning("%s", complaint)
