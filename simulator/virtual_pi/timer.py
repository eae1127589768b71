"""The MFRC522's timer unit (datasheet 8.5)."""

from math import inf

from simulator.virtual_pi.frames import CARRIER_HZ
from simulator.virtual_pi.registers import DEMOD_PRESCAL_EVEN, T_MODE_AUTO_RESTART, ComIrq, Register, RegisterBank

COUNTER_MAX = 0xFFFF


class Timer:
    """Counts down from a reload value; all times are seconds of the chip's clock."""

    def __init__(self, registers: RegisterBank) -> None:
        self.expires_at = inf
        self._registers = registers
        self._started_at = 0.0
        self._tick_s = 1.0
        self._counter = 0

    @property
    def is_running(self) -> bool:
        """Whether it is counting."""
        return self.expires_at != inf

    def start(self, at: float) -> None:
        """Load the reload value and count down; it expires after that many ticks and one more."""
        registers = self._registers
        prescaler = (registers[Register.T_MODE] & 0x0F) << 8 | registers[Register.T_PRESCALER]
        is_even = registers[Register.DEMOD] & DEMOD_PRESCAL_EVEN
        self._tick_s = (2 * prescaler + (2 if is_even else 1)) / CARRIER_HZ
        self._started_at = at
        reload = registers[Register.T_RELOAD_H] << 8 | registers[Register.T_RELOAD_L]
        self.expires_at = at + (reload + 1) * self._tick_s

    def expire(self, now: float) -> None:
        """Expire, and restart if TAutoRestart is set; periods that have passed meanwhile are skipped."""
        at = self.expires_at
        self.stop(at)
        self._registers.interrupt(ComIrq.TIMER)
        if self._registers[Register.T_MODE] & T_MODE_AUTO_RESTART:
            self.start(at)
            if self.expires_at <= now:
                period_s = self.expires_at - at
                self.expires_at = now + period_s - (now - at) % period_s

    def stop(self, at: float) -> None:
        """Stop at the current count."""
        self._counter = self.counter(at)
        self.expires_at = inf

    def counter(self, at: float) -> int:
        """Return the count, 0 to 65535."""
        if not self.is_running:
            return self._counter
        return min(max(int((self.expires_at - at) / self._tick_s), 0), COUNTER_MAX)
