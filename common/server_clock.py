"""The server's clock, which two hour passes depend on."""

import logging
import time

JUMP_S = 60

_logger = logging.getLogger(__name__)


class ServerClock:
    """Logs when the server's clock jumps. Nothing can be done about it here: Redis expires passes by that clock."""

    def __init__(self) -> None:
        self._ahead_s: float | None = None

    def read(self, server_time: int) -> None:
        """Compare the server's Unix time, in seconds, with what it should be by this machine's monotonic clock."""
        ahead_s = server_time - time.monotonic()
        jump_s = 0.0 if self._ahead_s is None else ahead_s - self._ahead_s
        if abs(jump_s) > JUMP_S:
            jump = f"{jump_s:+.0f}"
            _logger.warning("Redis's clock has jumped by %s s: check its time service; two hour passes end by it", jump)
        self._ahead_s = ahead_s
