"""Sound: clips, played by a player process."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from time import monotonic

from audio.player import Player, failure_reason
from common.settings import Settings

TIME_LIMIT_S = 10.0  # for each clip
MOMENT_S = 1.0  # a clip that has not started by then would no longer fit what the rider sees
END_LIMIT_S = 0.25  # for a player to end after SIGTERM; mpg123 takes 15 to 25 ms
FIRST_RETRY_S = 0.02

_CHECK_INTERVAL_S = 0.1

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)  # the same clip played again is another request
class _Request:
    clips: Sequence[str]
    start_by: float


class Speaker:
    """Plays a clip, or several in turn, without blocking its caller; a new request stops what is playing.

    Many sound cards take one player at a time, and mpg123 holds its card until it has ended. So a thread awaits the
    end of one player before it starts the next, and tries again while the card is taken. The latest request replaces
    one that has not started.

    A problem with the sound is logged once and affects nothing else.
    """

    def __init__(self, settings: Settings) -> None:
        """Find the player, and start the thread."""
        self._player = Player(settings)
        self._changed = threading.Condition()
        self._wanted: _Request | None = None
        self._process: Popen[bytes] | None = None
        self._closed = False
        self._warnings: set[str] = set()
        self._warn(*self._player.problems())
        self._thread = threading.Thread(target=self._work, name="speaker", daemon=True)
        self._thread.start()

    @property
    def is_playing(self) -> bool:
        """Whether something is playing or about to."""
        return self._wanted is not None

    def play(self, *clips: str) -> None:
        """Request clips, given by their names without the ending; one player process plays them in turn."""
        self._replace(_Request(clips, monotonic() + MOMENT_S) if self._player.program else None)

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
            if self._process:
                self._process.terminate()
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
        """Play the clips; if the player fails, try again until their moment has passed."""
        self._warn(*self._player.problems(*request.clips))
        command = self._player.command(*request.clips)
        problem, pause_s = None, FIRST_RETRY_S
        while command and self._wanted is request and monotonic() < request.start_by:
            problem = self._run_player(command, request)
            if not problem:
                return
            with self._changed:
                self._changed.wait_for(lambda: self._wanted is not request, pause_s)
            pause_s *= 2
        if problem and self._wanted is request:
            self._warn(problem)

    def _run_player(self, command: Sequence[str], request: _Request) -> str | None:
        """Run the player until its end; return why it failed, if it did."""
        try:
            process = Popen(command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE)  # noqa: S603  # a fixed player
        except OSError as error:
            return f"the player does not start: {error}"
        with self._changed:
            self._process = process
            if self._wanted is not request:
                process.terminate()
        errors = self._wait_for_end(process, request)
        with self._changed:
            self._process = None
        # A negative status is the signal that ended it.
        return f"the player failed: {failure_reason(errors)}" if process.returncode > 0 else None

    def _wait_for_end(self, process: Popen[bytes], request: _Request) -> bytes:
        """Wait for the player's end, kill it if that is late, and return what it wrote to stderr."""
        limit_s = TIME_LIMIT_S * len(request.clips)
        end_by = monotonic() + limit_s
        is_stopped = False
        while True:
            try:
                return process.communicate(timeout=_CHECK_INTERVAL_S)[1]
            except TimeoutExpired as time_is_up:
                if process.poll() is not None:  # it has ended, but a child of it holds stderr
                    return time_is_up.stderr or b""
            if self._wanted is not request and not is_stopped:
                is_stopped = True
                end_by = monotonic() + END_LIMIT_S
            if monotonic() > end_by:
                process.kill()
                if not is_stopped:
                    self._warn(f"the player did not finish {', '.join(request.clips)} within {limit_s:g} s")

    def _warn(self, *warnings: str) -> None:
        for warning in warnings:
            if warning not in self._warnings:
                self._warnings.add(warning)
                _logger.warning("%s", warning)
