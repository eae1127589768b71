"""The client of Redis: how the programs connect."""

import functools
import socket
from collections.abc import Callable
from typing import Any, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from common.redis_connection import CHECKED, reading
from common.replies import ReplyParser
from common.settings import Settings, with_port


class NoPrimaryError(MasterNotFoundError):
    """No Sentinel names a primary that is up.

    Attributes:
        reasons: what is wrong with each Sentinel, by its address.
    """

    def __init__(self, reasons: dict[str, RedisError]) -> None:
        super().__init__("; ".join(f"{address}: {error}" for address, error in reasons.items()))
        self.reasons = reasons


def redis_client(settings: Settings, retries: int, socket_timeout_s: float) -> Redis:
    """Return a client that has not connected yet; all that it raises is a `RedisError`, or an `OSError`.

    Args:
        settings: where Redis is.
        retries: how often a command is retried after its connection failed.
        socket_timeout_s: the limit of each wait on the socket: to connect, to send, to receive.
    """
    options: dict[str, Any] = {
        "socket_timeout": socket_timeout_s,
        "socket_connect_timeout": socket_timeout_s,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), retries),
        "protocol": 2,
        "driver_info": None,  # saves the round trips and the right of CLIENT SETINFO
        "encoding_errors": "replace",
        "decode_responses": True,
        "ssl": settings.redis_tls,
    }
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # or the kernel delivers a request after its sender gave up (tcp(7))
        options["socket_keepalive_options"] = {socket.TCP_USER_TIMEOUT: int(socket_timeout_s * 1000)}
    if settings.redis_tls:
        options["ssl_ca_certs"] = settings.redis_tls_ca
        options["ssl_certfile"] = settings.redis_tls_cert
        options["ssl_keyfile"] = settings.redis_tls_key
    login: dict[str, Any] = {"username": settings.redis_username, "password": settings.redis_password}
    if not settings.redis_sentinels:
        return _checked(Redis(host=settings.redis_host, port=settings.redis_port, **options, **login))
    sentinel_login = {"username": settings.redis_sentinel_username, "password": settings.redis_sentinel_password}
    sentinels = _Sentinels(settings.redis_sentinels, sentinel_kwargs=options | sentinel_login)
    client = sentinels.master_for(settings.redis_sentinel_master, **options, **login)
    return _checked(cast("Redis", client))


class _Sentinels(Sentinel):
    """Sentinels, asked in turn; the one that answered last is asked first."""

    def __init__(self, *addresses: object, **options: object) -> None:
        super().__init__(*addresses, **options)
        for sentinel in self.sentinels:
            _checked(sentinel)

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return the primary's address.

        Raises:
            NoPrimaryError: no Sentinel knows one that is up.
        """
        reasons: dict[str, RedisError] = {}
        for sentinel in tuple(self.sentinels):
            try:
                address = self._ask(sentinel, service_name)
            except RedisError as error:
                place = sentinel.connection_pool.connection_kwargs
                reasons[with_port(place["host"], place["port"])] = error
            else:
                self.sentinels.remove(sentinel)
                self.sentinels.insert(0, sentinel)
                return address
        raise NoPrimaryError(reasons)

    def _ask(self, sentinel: Redis, name: str) -> tuple[str, int]:
        with reading():
            primaries: Any = sentinel.sentinel_masters()
            if name not in primaries:
                raise NoConnectionError(f"it knows no server {name!r}")
            state = primaries[name]
            address = str(state["ip"]), int(state["port"])
            if state["is_sdown"] or state["is_odown"] or not state["is_master"]:
                raise NoConnectionError(f"it says that {with_port(*address)} is down")
            return address


def _checked(client: Redis) -> Redis:
    """Let the client raise errors of redis-py only, whatever it is sent."""
    pool = client.connection_pool
    pool.connection_class = CHECKED[pool.connection_class]
    pool.connection_kwargs["parser_class"] = ReplyParser  # hiredis, if a system has it, raises errors of its own
    for command, callback in client.response_callbacks.items():
        client.response_callbacks[command] = _reading(callback)
    return client


@functools.cache  # all clients have the same callbacks
def _reading(callback: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(callback)
    def read(*reply: Any, **options: Any) -> Any:  # noqa: ANN401
        with reading():
            return callback(*reply, **options)

    return read
