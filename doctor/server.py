"""Redis: connection, version and role, rights, round trip, durability, eviction."""

import re
import statistics
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import Any

from redis.exceptions import NoPermissionError, ResponseError

from common import scripts
from common.clock import Clock
from common.redis_client import redis_client
from common.redis_errors import explain
from common.redis_link import PATIENCE_S
from common.rights import TO_SELL, TO_USE
from common.settings import PREFIX, Settings
from doctor.finding import Finding, Status
from system_monitor.redis_source import subscribe

_SOCKET_TIMEOUT_S = 2.0
_LIMIT_S = 2.5
_MEANINGS: tuple[tuple[str, str, str, Status, str, str], ...] = (
    ("durability", "appendonly", "no", "FAIL", "a power cut undoes sales and entries", "yes"),
    ("durability", "appendfsync", "no", "WARN", "a power cut may undo the last half minute", "everysec"),
    ("durability", "appendfsync", "everysec", "OK", "a power cut may undo the last two seconds", ""),
    ("durability", "appendfsync", "always", "OK", "every acknowledged change is on disk", ""),
    ("eviction", "maxmemory-policy", "noeviction", "OK", "a full server refuses sales and keeps every pass", ""),
    ("eviction", "maxmemory-policy", ".+", "FAIL", "a full server deletes passes", "noeviction"),
)
"""A finding's name, one of the server's settings, its value, what that means, and a better value."""


class RedisDoctor:
    """Checks the Redis of these settings, for one device or for any."""

    def __init__(self, settings: Settings, device: str | None, clock: Clock) -> None:
        self._settings = settings
        self._device = device
        self._clock = clock
        self._redis: Any = redis_client(settings, retries=0, socket_timeout_s=_SOCKET_TIMEOUT_S)

    def findings(self) -> Iterator[Finding]:
        """Yield the findings; the first check that fails with an error is the last."""
        settings = self._settings
        checks: dict[str, Callable[[], Finding]] = {
            "redis": self._server,
            "rights": self._rights,
            "round trip": self._round_trip,
            "durability": lambda: judge("durability", self._facts()),
            "eviction": lambda: judge("eviction", self._facts()),
        }
        for name, check in checks.items():
            try:
                yield _within_limit(check)
            except Exception as error:
                (host, port), *_ = *settings.redis_sentinels, (settings.redis_host, settings.redis_port)
                question = "SENTINEL MASTERS" if settings.redis_sentinels else "PING"
                ask = f"redis-cli -h {host} -p {port}{' --tls' if settings.redis_tls else ''} {question}"
                commands = [ask, "sudo systemctl status redis-server"]
                remedy = "try it from here, then check the service on its own machine:"
                yield Finding(name, "FAIL", explain(error, settings), remedy, commands)
                return

    def _server(self) -> Finding:
        answer = self._redis.execute_command("HELLO")
        greeting = dict(zip(answer[::2], answer[1::2], strict=False))
        server, version, role = (str(greeting.get(field, "?")) for field in ("server", "version", "role"))
        what = f"{server} {version}, a {role}, at {self._settings.redis_address}"
        if server == "redis" and re.match(r"[0-6]\.", version):
            return Finding("redis", "FAIL", what, "install Redis 7.0 or newer, or Valkey, on that machine")
        if role in {"replica", "slave"} and self._device != "monitor":
            remedy = f"it takes no writes: name its primary in {PREFIX}REDIS_HOST and _PORT"
            return Finding("redis", "FAIL", what, remedy)
        return Finding("redis", "OK", what)

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
        """Check this user's rights for the device, or find the devices for which it has the rights."""
        user = self._settings.redis_username or "default"
        granted, refused = [], []
        for role in [self._device] if self._device else ["gate", "terminal", "monitor"]:
            try:
                if role == "monitor":
                    with self._redis.pubsub() as pubsub:
                        subscribe(self._redis, pubsub)
                else:
                    scripts.check(self._redis, TO_USE if role == "gate" else TO_SELL, replicas=0)
                granted.append(role)
            except NoPermissionError as error:
                refused.append(f"user {user} cannot run a {role}: {error}")
        if granted:
            return Finding("rights", "OK", f"user {user} has the rights of a {' and a '.join(granted)}")
        remedy = "on Redis's machine, compare with deploy/users.acl:"
        return Finding("rights", "FAIL", "; ".join(refused), remedy, [f"redis-cli ACL GETUSER {user}"])

    def _facts(self) -> dict[str, str]:
        """Return the server's settings that decide what it keeps, as far as this user may read them."""
        with suppress(ResponseError):
            return dict(self._redis.config_get("append*", "maxmemory-policy"))
        with suppress(ResponseError):
            info = self._redis.info()
            return {"appendonly": "yes" if info["aof_enabled"] else "no", "maxmemory-policy": info["maxmemory_policy"]}
        return {}


def judge(name: str, facts: Mapping[str, str]) -> Finding:
    """Return what the server's settings mean for the passes in it."""
    for finding, setting, value, status, meaning, better in _MEANINGS:
        if finding == name and re.fullmatch(value, facts.get(setting, "")):
            remedy = ("on Redis's machine:", [f"redis-cli CONFIG SET {setting} {better}", "redis-cli CONFIG REWRITE"])
            return Finding(name, status, f"{meaning} ({setting} {facts[setting]})", *(remedy if better else ()))
    return Finding(name, "SKIP", "this user may not read it", "on Redis's machine:", ["redis-cli CONFIG GET '*'"])


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
