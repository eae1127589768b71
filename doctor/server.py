"""Redis: connection, version and role, rights, clock, round trip, replicas; storage.py judges what it keeps."""

import re
import shlex
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from threading import Thread
from typing import Any

from redis.exceptions import NoPermissionError, ResponseError

from common import scripts
from common.clock import Clock
from common.redis_client import redis_client
from common.redis_errors import explain
from common.redis_link import PATIENCE_S
from common.rights import TO_CHANGE, TO_PULSE, TO_SEE_DEVICES, TO_SELL, TO_TELL, TO_USE
from common.settings import PREFIX, Settings
from doctor.finding import Finding
from doctor.storage import change, check_memory, facts_of, judge, number_in
from system_monitor.redis_source import missing_rights, subscribed

_SOCKET_TIMEOUT_S = 2.0
_LIMIT_S = 2.5
_CLOCK_LIMIT_S = 60.0
_IN_SCRIPTS = {"gate": TO_USE, "terminal": TO_SELL, "desk": TO_CHANGE}
_CAN_GO_WITHOUT = {"gate": TO_PULSE, "terminal": [*TO_TELL, *TO_PULSE], "desk": ()}


class RedisDoctor:
    """Checks the Redis of these settings, for one device or for any."""

    def __init__(
        self, settings: Settings, device: str | None, clock: Clock, time_of_day: Callable[[], float] = time.time
    ) -> None:
        """Prepare to connect; `time_of_day` is this machine's, in Unix seconds."""
        self._settings = settings
        self._device = device
        self._clock = clock
        self._time_of_day = time_of_day
        self._redis: Any = redis_client(settings, retries=0, socket_timeout_s=_SOCKET_TIMEOUT_S)

    def findings(self) -> Iterator[Finding]:
        """Yield the findings; the first check that gets no answer is the last."""
        checks: dict[str, Callable[[], Finding]] = {
            "redis": self._server,
            "rights": self._rights,
            "clock": self._server_clock,
            "round trip": self._round_trip,
            "durability": lambda: judge("durability", self._facts),
            "eviction": lambda: judge("eviction", self._facts),
            "memory": lambda: check_memory(self._facts, self._settings.journal_length),
        }
        if self._settings.redis_replicas and self._device != "monitor":
            checks["replicas"] = self._replicas
        for name, check in checks.items():
            try:
                yield _within_limit(check)
            except ResponseError as error:
                yield Finding(name, "FAIL", explain(error, self._settings))
            except Exception as error:
                remedy = "try it from here, then check the service on its own machine:"
                yield Finding(name, "FAIL", explain(error, self._settings), remedy, self._questions())
                return

    def _questions(self) -> list[str]:
        settings = self._settings
        (host, port), *_ = *settings.redis_sentinels, (settings.redis_host, settings.redis_port)
        words = ["redis-cli", "-h", host, "-p", str(port)]
        if settings.redis_tls:
            files = settings.redis_tls_ca, settings.redis_tls_cert, settings.redis_tls_key
            words.append("--tls")
            for option, file in zip(("--cacert", "--cert", "--key"), files, strict=True):
                words += [option, file] if file else []
        words += ["SENTINEL", "MASTERS"] if settings.redis_sentinels else ["PING"]
        return [shlex.join(words), "sudo systemctl status redis-server"]

    def _server(self) -> Finding:
        greeting = self._greeting()
        server, version, role = (greeting.get(field, "?") for field in ("server", "version", "role"))
        what = f"{server} {version}, a {role}, at {self._settings.redis_address}"
        if server == "redis" and re.match(r"[0-6]\.", version):
            return Finding("redis", "FAIL", what, "install Redis 7.0 or newer, or Valkey, on that machine")
        if role in {"replica", "slave"} and self._device != "monitor":
            remedy = f"it takes no writes: name its primary in {PREFIX}REDIS_HOST and {PREFIX}REDIS_PORT"
            return Finding("redis", "FAIL", what, remedy)
        if version == "?":
            text = f"{self._settings.redis_address} does not tell its version: it must be Redis 7.0 or newer, or Valkey"
            return Finding("redis", "SKIP", text)
        return Finding("redis", "OK", what)

    def _greeting(self) -> dict[str, str]:
        """Return server, version and role, as far as HELLO or INFO tells them."""
        with suppress(ResponseError):
            answer = self._redis.execute_command("HELLO")
            return dict(zip(map(str, answer[::2]), map(str, answer[1::2]), strict=False))
        names = {"server": "server_name", "version": "redis_version", "role": "role"}
        told = {field: self._facts[name] for field, name in names.items() if name in self._facts}
        return {"server": "redis", **told} if "version" in told else told

    def _server_clock(self) -> Finding:
        """Compare the server's clock with this machine's: passes and receipts expire by the server's."""
        before = self._time_of_day()
        try:
            seconds, microseconds = self._redis.time()
        except ResponseError:
            return Finding("clock", "SKIP", "the server does not tell this user its time")
        ahead_s = seconds + microseconds / 1e6 - (before + self._time_of_day()) / 2
        which = "ahead of" if ahead_s > 0 else "behind"
        text = f"the server's clock is {timedelta(seconds=round(abs(ahead_s)))} {which} this machine's"
        if abs(ahead_s) <= _CLOCK_LIMIT_S:
            return Finding("clock", "OK", f"the server's and this machine's differ by {abs(ahead_s):.1f} s")
        return Finding("clock", "WARN", text, "see on both machines whether it is synchronized:", ["timedatectl"])

    def _replicas(self) -> Finding:
        """Check that enough replicas confirm writes, and that the primary refuses writes without them."""
        wanted, setting = self._settings.redis_replicas, "min-replicas-to-write"
        try:
            scripts.check(self._redis, (), wanted)
        except ResponseError as error:
            remedy = f"or set {PREFIX}REDIS_REPLICAS to 0: until then nothing is sold or used"
            return Finding("replicas", "FAIL", explain(error, self._settings), remedy)
        text = f"at least {wanted} answer"
        if setting not in self._facts:
            return Finding("replicas", "OK", f"{text}; {setting}, CONFIG does not tell this user")
        if number_in(self._facts, setting) < wanted:
            text += f"; a primary that is cut off takes writes that will be lost ({setting} {self._facts[setting]})"
            return Finding("replicas", "WARN", text, *change(setting, str(wanted)))
        return Finding("replicas", "OK", f"{text} ({setting} {self._facts[setting]})")

    def _round_trip(self) -> Finding:
        times: list[float] = []
        while len(times) < 20 and sum(times) < _LIMIT_S / 2:
            before = self._clock.now()
            self._redis.ping()
            times.append(self._clock.now() - before)
        median_s = statistics.median(times)
        text = f"{median_s * 1000:.2f} ms, the median of {len(times)}; a device waits {PATIENCE_S:.0f} s"
        is_slow = median_s > PATIENCE_S / 2
        return Finding("round trip", "FAIL" if is_slow else "OK", text, "check the network" if is_slow else "")

    def _rights(self) -> Finding:
        """Check this user's rights for the device, or find the devices for which it has the rights.

        Whoever has them may still be refused: then the finding is about what the server writes.
        """
        user = self._settings.redis_username or "default"
        granted: dict[str, str] = {}
        refused = []
        for role in [self._device] if self._device else [*_IN_SCRIPTS, "monitor"]:
            try:
                granted[role] = self._missing(role)
            except NoPermissionError as error:
                refused.append(f"user {user} cannot run a {role}: {error}")
            except ResponseError as error:
                return Finding("writes", "FAIL", explain(error, self._settings))
        remedy = "on Redis's machine, compare with deploy/users.acl:", [f"redis-cli ACL GETUSER {user}"]
        if not granted:
            return Finding("rights", "FAIL", "; ".join(refused), *remedy)
        text = f"user {user} has the rights of a {' and a '.join(granted)}"
        if "desk" in granted:
            granted["terminal"] = ""  # a desk may sell, and tells no rider what is left
        if missing := "; ".join(sorted({*granted.values()} - {""})):
            return Finding("rights", "WARN", f"{text}, and goes without some: {missing}", *remedy)
        return Finding("rights", "OK", text)

    def _missing(self, role: str) -> str:
        """Return the rights that this role lacks and can go without.

        Raises:
            NoPermissionError: the role cannot be run.
        """
        if role == "monitor":
            with subscribed(self._redis):
                missing = missing_rights(self._redis, TO_SEE_DEVICES)
                return f"missing are {', '.join(missing)}" if missing else ""
        needs = _IN_SCRIPTS[role]
        try:
            scripts.check(self._redis, [*needs, *_CAN_GO_WITHOUT[role]], replicas=0)
        except NoPermissionError as error:
            scripts.check(self._redis, needs, replicas=0)
            return str(error)
        return ""

    @cached_property
    def _facts(self) -> Mapping[str, str]:
        return facts_of(self._redis)


def _within_limit(check: Callable[[], Finding]) -> Finding:
    """Check in a thread of its own: socket time-outs limit neither a name lookup nor a reply byte by byte."""
    future: Future[Finding] = Future()

    def work() -> None:
        try:
            future.set_result(check())
        except Exception as error:
            future.set_exception(error)

    Thread(target=work, daemon=True).start()
    return future.result(_LIMIT_S)
