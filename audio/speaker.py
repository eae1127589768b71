"""Sound: the clips of `audio/`, played by a player process."""

import logging
import shutil
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from time import monotonic

from common.text import printable

CLIPS = Path(__file__).resolve().parent
TIME_LIMIT_S = 10.0
MOMENT_S = 1.0  # a clip that has not started by then would no longer fit what the rider sees
END_LIMIT_S = 0.25  # for a player to end after SIGTERM; mpg123 takes 15 to 25 ms
FIRST_RETRY_S = 0.02

_CHECK_INTERVAL_S = 0.1
_PLAYER = "afplay" if sys.platform == "darwin" else "mpg123"

_logger = logging.getLogger(__name__)


def player_command(output: str, device: str | None = None) -> list[str]:
    """Return the player and its options, to be followed by a file; empty if no player is on PATH.

    Args:
        output: mpg123's output module.
        device: the module's device, such as hw:1,0; None for its default.
    """
    player = shutil.which(_PLAYER)
    # Without -o, mpg123 may pick an output module that loops endlessly if there is no sound device.
    options = ["-q", "-o", output, *(["-a", device] if device else [])] if _PLAYER == "mpg123" else []
    return [player, *options] if player else []


def clip_path(clip: str) -> Path:
    """Return the file of a clip, given by its name without the ending."""
    return CLIPS / f"{clip}.mp3"


def failure_reason(errors: bytes) -> str:
    """Return the last line that a player which failed has written to stderr."""
    return printable((errors.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1])


@dataclass(frozen=True, eq=False)  # the same clip played again is another request
class _Request:
    path: Path
    start_by: float


class Speaker:
    """Plays one clip at a time without blocking its caller; a new clip stops the one that is playing.

    Many sound cards take one player at a time, and mpg123 holds its card until it has ended. So a thread awaits the
    end of one player before it starts the next, and tries again while the card is taken. The latest request replaces
    one that has not started.

    A problem with the sound is logged once and affects nothing else.
    """

    def __init__(self, output: str, device: str | None = None) -> None:
        """Find the player, which will use this output module and its device, None for the default one."""
        self._command = player_command(output, device)
        self._changed = threading.Condition()
        self._wanted: _Request | None = None
        self._player: Popen[bytes] | None = None
        self._closed = False
        self._warnings: set[str] = set()
        if not self._command:
            self._warn(f"there will be no sound: no {_PLAYER} on PATH")
        self._thread = threading.Thread(target=self._work, name="speaker", daemon=True)
        self._thread.start()

    def play(self, clip: str) -> None:
        """Request a clip, given by its name without the ending."""
        path = clip_path(clip)
        is_there = path.is_file()
        if not is_there:
            self._warn(f"there is no clip {path}")
        self._replace(_Request(path, monotonic() + MOMENT_S) if is_there and self._command else None)

    def stop(self) -> None:
        """Stop what is playing, and drop what has not started."""
        self._replace(None)

    def close(self) -> None:
        """Stop, and wait for the player's end: at most twice the time after which it is killed."""
        with self._changed:
            self._closed = True
        self.stop()
        self._thread.join(2 * END_LIMIT_S)

    def _replace(self, request: _Request | None) -> None:
        with self._changed:
            self._wanted = request
            if self._player:
                self._player.terminate()
            self._changed.notify()

    def _work(self) -> None:
        while request := self._next_request():
            self._play(request)
            with self._changed:
                if self._wanted is request:
                    self._wanted = None

    def _next_request(self) -> _Request | None:
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._closed)
            return self._wanted

    def _play(self, request: _Request) -> None:
        """Play a clip; if the player fails, try again until the clip's moment has passed."""
        problem, pause_s = None, FIRST_RETRY_S
        while self._wanted is request and monotonic() < request.start_by:
            problem = self._run_player(request)
            if not problem:
                return
            with self._changed:
                self._changed.wait_for(lambda: self._wanted is not request, pause_s)
            pause_s *= 2
        if problem and self._wanted is request:
            self._warn(problem)

    def _run_player(self, request: _Request) -> str | None:
        """Run the player until its end; return why it failed, if it did."""
        try:
            player = Popen(  # noqa: S603  # a fixed player, a fixed list of clips
                [*self._command, str(request.path)], stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
            )
        except OSError as error:
            return f"the player does not start: {error}"
        with self._changed:
            self._player = player
            if self._wanted is not request:
                player.terminate()
        errors = self._wait_for_end(player, request)
        with self._changed:
            self._player = None
        # A negative status is the signal that ended it.
        return f"the player failed: {failure_reason(errors)}" if player.returncode > 0 else None

    def _wait_for_end(self, player: Popen[bytes], request: _Request) -> bytes:
        """Wait for the player's end, kill it if that is late, and return what it wrote to stderr."""
        end_by = monotonic() + TIME_LIMIT_S
        is_stopped = False
        while True:
            try:
                return player.communicate(timeout=_CHECK_INTERVAL_S)[1]
            except TimeoutExpired as time_is_up:
                if player.poll() is not None:  # it has ended, but a child of it holds stderr
                    return time_is_up.stderr or b""
            if self._wanted is not request and not is_stopped:
                is_stopped = True
                end_by = monotonic() + END_LIMIT_S
            if monotonic() > end_by:
                player.kill()
                if not is_stopped:
                    self._warn(f"the player did not finish {request.path.stem} within {TIME_LIMIT_S:g} s")

    def _warn(self, warning: str) -> None:
        if warning not in self._warnings:
            self._warnings.add(warning)
            _logger.warning("%s", warning)
