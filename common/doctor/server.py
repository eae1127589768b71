"""Redis: whether it can be reached, is the right one, permits what it must, answers fast and forgets nothing."""

import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from threading import Thread
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from common.doctor.finding import Finding, ok, settle, untold, wrong
from common.redis_link import PATIENCE_S, explain, redis_client
from common.rights import TO_SELL, TO_USE, check_device, subscribe
from common.settings import PREFIX, Settings
from common.text import printable

_SOCKET_TIMEOUT_S = 2.0
_TIME_LIMIT_S = 2.5
_PINGS = 20
_SLOW_S = PATIENCE_S / 2
_OLDEST_REDIS = (7, 0)
_WHERE = "on Redis's machine: "
_REMEDY = f"{_WHERE}sudo systemctl status redis-server"
_FACTS = ("appendonly", "appendfsync", "maxmemory-policy")

_Answer = TypeVar("_Answer")


def redis_findings(settings: Settings, device: str | None) -> Iterator[Finding]:
    """Yield what there is to say about Redis, for a device or for all that there are."""
    redis = redis_client(settings, retries=0, socket_timeout_s=_SOCKET_TIMEOUT_S)
    checks: dict[str, Callable[[str], Finding]] = {
        "round trip": lambda name: _check_round_trip(name, redis),
        "rights": lambda name: _check_rights(name, redis, settings, device),
        "durability": lambda name: judge_durability(name, _facts(redis)),
        "eviction": lambda name: judge_eviction(name, _facts(redis)),
    }
    try:
        greeting = _within_limit(lambda: _greeting(redis))
    except (RedisError, OSError) as error:
        yield wrong("redis", explain(error, settings), _way_in(error, settings))
        yield from (untold(name, "there is no connection to Redis", "mend that first") for name in checks)
        return
    yield settle("redis", lambda name: judge_server(name, greeting, settings, device), _REMEDY)
    for name, check in checks.items():
        yield settle(name, partial(_bounded, check, settings), _REMEDY)


def judge_server(name: str, greeting: Mapping[str, str], settings: Settings, device: str | None) -> Finding:
    """Tell whether this is a server that the scripts run on, and one that takes writes."""
    server, version, role = (printable(greeting.get(field, "?"), 40) for field in ("server", "version", "role"))
    what = f"{server} {version}, a {role}, at {settings.redis_address}"
    if server == "redis" and _numbers(version) < _OLDEST_REDIS:
        return wrong(name, f"{what}: it must be 7.0 or newer", f"{_WHERE}install Redis 7 or Valkey")
    if role in {"replica", "slave"} and device != "monitor":
        return wrong(name, f"{what}: a replica changes nothing", f"name its primary in {PREFIX}REDIS_HOST and _PORT")
    return ok(name, what)


def judge_durability(name: str, facts: Mapping[str, str]) -> Finding:
    """Tell whether a power cut undoes sales and entries."""
    if "appendonly" not in facts:
        return untold(name, "this user may not ask", f"{_WHERE}redis-cli CONFIG GET 'append*'")
    if facts["appendonly"] != "yes":
        remedy = f"{_WHERE}redis-cli CONFIG SET appendonly yes, and 'appendonly yes' in redis.conf"
        return wrong(name, "without an append-only file, a power cut undoes sales and entries", remedy)
    match facts.get("appendfsync"):
        case "always":
            return ok(name, "whatever was acknowledged is on the disk")
        case "everysec":
            return ok(name, "a power cut may undo the last two seconds (appendfsync everysec)")
        case "no":
            return ok(name, "a power cut may undo the last half minute (appendfsync no)")
    return untold(name, "how often it syncs this user may not ask", f"{_WHERE}redis-cli CONFIG GET appendfsync")


def judge_eviction(name: str, facts: Mapping[str, str]) -> Finding:
    """Tell whether the server throws passes away when its memory is full."""
    policy = facts.get("maxmemory-policy")
    if policy is None:
        return untold(name, "this user may not ask", f"{_WHERE}redis-cli CONFIG GET maxmemory-policy")
    if policy != "noeviction":
        setting = "maxmemory-policy noeviction"
        remedy = f"{_WHERE}redis-cli CONFIG SET {setting}, and '{setting}' in redis.conf"
        return wrong(name, f"a full server throws passes away ({printable(policy, 40)})", remedy)
    return ok(name, "a full server refuses sales and forgets nothing (noeviction)")


def _check_rights(name: str, redis: Redis, settings: Settings, device: str | None) -> Finding:
    """Tell what this user lacks for the device, or which of them it could be."""
    user = settings.redis_username or "default"
    remedy = f"{_WHERE}redis-cli ACL GETUSER {user}, and compare with deploy/users.acl"
    missing = {role: _missing(redis, role) for role in ([device] if device else ["gate", "terminal", "monitor"])}
    roles = [role for role, lacks in missing.items() if not lacks]
    if not roles:
        return wrong(name, "; ".join(f"{user} cannot be a {role}: {lacks}" for role, lacks in missing.items()), remedy)
    return ok(name, f"{user} may do all that a {' or a '.join(roles)} does")


def _missing(redis: Any, role: str) -> str:  # noqa: ANN401  # redis-py's pubsub has no type
    """Return what this user is refused of the role's work; empty if nothing."""
    try:
        match role:
            case "gate":
                check_device(redis, TO_USE)
            case "terminal":
                check_device(redis, TO_SELL)
            case _:
                with redis.pubsub() as pubsub:
                    subscribe(redis, pubsub, _SOCKET_TIMEOUT_S)
    except NoPermissionError as error:
        return printable(error)
    return ""


def _check_round_trip(name: str, redis: Redis) -> Finding:
    times: list[float] = []
    end = time.monotonic() + _TIME_LIMIT_S / 2
    while len(times) < _PINGS and time.monotonic() < end:
        before = time.monotonic()
        redis.ping()
        times.append(time.monotonic() - before)
    median_s = statistics.median(times)
    text = f"{median_s * 1000:.2f} ms, the median of {len(times)}"
    if median_s > _SLOW_S:
        return wrong(name, f"{text}; a device waits {PATIENCE_S:.0f} s for an answer", "look after the network")
    return ok(name, text)


def _greeting(redis: Redis) -> dict[str, str]:
    """Return what the server says of itself; it tells that to every user."""
    answer: Any = redis.execute_command("HELLO")
    pairs = list(answer.items()) if isinstance(answer, dict) else list(zip(answer[::2], answer[1::2], strict=False))
    return {str(name): str(value) for name, value in pairs}


def _facts(redis: Redis) -> dict[str, str]:
    """Return the server's settings that decide what it keeps, as far as this user may ask for them."""
    for ask in (_configured, _informed):
        try:
            return {name: str(value) for name, value in ask(redis).items()}
        except ResponseError:
            continue
    return {}


def _configured(redis: Any) -> dict[str, Any]:  # noqa: ANN401  # redis-py's answers have no types
    return dict(redis.config_get(*_FACTS))


def _informed(redis: Any) -> dict[str, Any]:  # noqa: ANN401
    facts = {"appendonly": "yes" if redis.info("persistence")["aof_enabled"] else "no"}
    return facts | {"maxmemory-policy": redis.info("memory")["maxmemory_policy"]}


def _bounded(check: Callable[[str], Finding], settings: Settings, name: str) -> Finding:
    try:
        return _within_limit(lambda: check(name))
    except (RedisError, OSError) as error:
        return wrong(name, explain(error, settings), _way_in(error, settings))


def _within_limit(work: Callable[[], _Answer]) -> _Answer:
    """Do this in a thread of its own: a name that is not found, or an answer byte by byte, has no limit.

    Raises:
        TimeoutError: it takes too long, and goes on.
    """
    future: Future[_Answer] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result(_TIME_LIMIT_S)


def _way_in(error: BaseException, settings: Settings) -> str:
    """Return the command that asks the server with no program of this system in between."""
    if isinstance(error, AuthenticationError):
        return f"{_WHERE}redis-cli ACL LIST tells the users"
    if settings.redis_sentinels:
        host, port = settings.redis_sentinels[0]
        return f"redis-cli -h {host} -p {port} SENTINEL MASTERS"
    tls = " --tls" if settings.redis_tls else ""
    return f"{_REMEDY}; from here: redis-cli -h {settings.redis_host} -p {settings.redis_port}{tls} PING"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
