"""The client of Redis: how the programs connect."""

import socket
from typing import Any, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from common.settings import Settings


def redis_client(settings: Settings, retries: int, socket_timeout_s: float) -> Redis:
    """Return a client that has not connected yet.

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
        "ssl": settings.redis_tls,
    }
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # or the kernel delivers a request after its sender gave up (tcp(7))
        options["socket_keepalive_options"] = {socket.TCP_USER_TIMEOUT: int(socket_timeout_s * 1000)}
    if settings.redis_tls:
        options["ssl_ca_certs"] = settings.redis_tls_ca
    login: dict[str, Any] = {
        "username": settings.redis_username,
        "password": settings.redis_password,
        "encoding_errors": "replace",
        "decode_responses": True,
    }
    if settings.redis_sentinels:
        sentinel = Sentinel(settings.redis_sentinels, sentinel_kwargs=options)
        return cast("Redis", sentinel.master_for(settings.redis_sentinel_master, **options, **login))
    return Redis(host=settings.redis_host, port=settings.redis_port, **options, **login)
