"""Whether the next tap would be taken, on a real server."""

from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError

from common import scripts
from common.keys import JOURNAL
from common.rights import TO_USE
from common.settings import Settings

LAST_ID = "18446744073709551615-18446744073709551615"


@pytest.fixture
def device(redis: Redis, settings: Settings) -> Iterator[Redis]:
    """A client as the user `device`, who may do everything."""
    redis.execute_command("ACL", "SETUSER", "device", "reset", "on", ">secret", "~*", "&*", "+@all")
    with Redis(port=settings.redis_port, username="device", password="secret", decode_responses=True) as device:
        yield device
    redis.execute_command("ACL", "DELUSER", "device")


def test_it_answers_the_servers_time_and_leaves_no_trace(redis: Redis) -> None:
    assert scripts.check(redis, TO_USE, 0) == pytest.approx(redis.time()[0], abs=5)
    assert redis.keys() == []


@pytest.mark.parametrize(
    ("rights", "missing"),
    [
        ("-persist", "PERSIST transit-pass:spent:0"),
        ("-ttl -hincrby", "HINCRBY 0, TTL 0"),
        ("resetchannels &pass-[auro]*", "PUBLISH pass-denied"),
    ],
)
def test_every_missing_right_is_named(redis: Redis, device: Redis, rights: str, missing: str) -> None:
    redis.execute_command("ACL", "SETUSER", "device", *rights.split())
    with pytest.raises(NoPermissionError) as raised:
        scripts.check(device, TO_USE, 0)
    assert str(raised.value) == f"missing are {missing}"


def test_a_command_without_a_key_is_named_alone(redis: Redis, device: Redis) -> None:
    redis.execute_command("ACL", "SETUSER", "device", "-dbsize")
    with pytest.raises(NoPermissionError, match=r"^missing are DBSIZE $"):
        scripts.check(device, [("DBSIZE",)], 0)


class TestJournal:
    def test_one_with_entries(self, redis: Redis) -> None:
        redis.xadd(JOURNAL, {"channel": LAST_ID, "payload": "last-generated-id"})
        assert scripts.check(redis, TO_USE, 0)

    def test_a_key_of_another_type(self, redis: Redis) -> None:
        redis.set(JOURNAL, "x")
        self.is_refused(redis, "is no stream")

    def test_one_that_takes_no_more_entries(self, redis: Redis) -> None:
        for id_ in ("1-1", LAST_ID):
            redis.xadd(JOURNAL, {"channel": "x", "payload": "{}"}, id=id_)
        self.is_refused(redis, "has reached the last possible id")

    @staticmethod
    def is_refused(redis: Redis, reason: str) -> None:
        with pytest.raises(ResponseError) as raised:
            scripts.check(redis, TO_USE, 0)
        assert str(raised.value) == f"JOURNAL {JOURNAL} {reason}: rename that key; a new journal begins"
