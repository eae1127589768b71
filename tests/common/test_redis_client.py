"""The client of Redis: how the programs connect."""

import pytest
from redis.exceptions import RedisError

from common.redis_client import redis_client
from common.settings import Settings


def test_sentinels_in_the_settings_are_asked() -> None:
    client = redis_client(Settings("gate-1", redis_sentinels=(("::1", 1),)), retries=0, socket_timeout_s=0.1)
    with client, pytest.raises(RedisError, match="transit-pass"):
        client.ping()
