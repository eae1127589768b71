"""The desk beside the original system, whose programs read, change and publish in separate calls."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from redis import Redis

from back_office import desk
from back_office.desk import RefusedError
from back_office.store import Store
from common.passes import PassType
from common.settings import Settings

CARD, OTHER = "43405556992", "1303689068602870"
LISTENS_TO = ("pass-issued:*", "pass-activated:TWO_HOUR", "pass-used:*", "pass-denied")
"""The channels of its monitor, which reads a card and, of a sale, the pass's type."""


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store(settings, "desk (alice)")


def sell(redis: Redis, pass_: Any) -> None:
    redis.hset(CARD, mapping=pass_)
    publish(redis, f"pass-issued:{pass_['passType']}", {"pass": pass_})


def enter(redis: Redis, card: str) -> None:
    """Take a trip, as its gate does, which looks at nothing but the type and the number of trips."""
    held: Any = redis.hgetall(card)
    assert held["passType"] == "TEN_TRIP"
    redis.hincrby(card, "tripsRemaining", -1)
    publish(redis, "pass-used:TEN_TRIP", {"pass": held, "remainingTrips": int(held["tripsRemaining"]) - 1})


def publish(redis: Redis, channel: str, event: Mapping[str, object]) -> None:
    redis.publish(channel, json.dumps({"cardSerialNumber": CARD, **event}))


def test_its_passes_are_changed_and_go_on_opening_its_gates(store: Store, redis: Redis) -> None:
    sell(redis, {"passType": "TEN_TRIP", "tripsRemaining": 10})
    enter(redis, CARD)
    store.make(desk.block(store.look(CARD), "lost"), "block", "0" * 16)
    enter(redis, CARD)  # its gates take no notice of a block
    assert str(store.look(CARD)) == "ten trip, 8 trips left, blocked: lost"
    store.make(desk.move(store.look(CARD), store.look(OTHER)), "move", "1" * 16)
    assert not redis.exists(CARD)
    store.make(desk.unblock(store.look(OTHER)), "unblock", "2" * 16)
    store.make(desk.credit(store.look(OTHER), 2), "credit", "3" * 16)
    assert redis.hgetall(OTHER) == {"passType": "TEN_TRIP", "tripsRemaining": "10"}
    enter(redis, OTHER)
    assert str(store.look(OTHER)) == "ten trip, 9 trips left"


def test_a_trip_at_its_gate_meanwhile_is_not_lost(store: Store, redis: Redis) -> None:
    sell(redis, {"passType": "TEN_TRIP", "tripsRemaining": 7})
    seen = store.look(CARD)
    enter(redis, CARD)
    with pytest.raises(RefusedError, match="changed meanwhile"):
        store.make(desk.credit(seen, 1), "credit", "0" * 16)
    assert redis.hget(CARD, "tripsRemaining") == "6"


def test_its_monitor_hears_of_sales_alone(store: Store, redis: Redis) -> None:
    with redis.pubsub() as monitor:
        monitor.psubscribe(*LISTENS_TO)
        for _ in LISTENS_TO:
            assert monitor.get_message(timeout=5)["type"] == "psubscribe"
        store.make(desk.issue(store.look(CARD), PassType.TEN_TRIP), "issue", "0" * 16)
        store.make(desk.block(store.look(CARD), "lost"), "block", "1" * 16)
        store.make(desk.unblock(store.look(CARD)), "unblock", "2" * 16)
        store.make(desk.move(store.look(CARD), store.look(OTHER)), "move", "3" * 16)
        store.make(desk.void(store.look(OTHER), "refunded"), "void", "4" * 16)
        publish(redis, "device-status", {})
        publish(redis, "pass-denied", {})
        heard = [monitor.get_message(timeout=5) for _ in range(2)]
    assert [each["channel"] for each in heard] == ["pass-issued:TEN_TRIP", "pass-denied"]
    sale = json.loads(heard[0]["data"])
    assert (sale["cardSerialNumber"], sale["pass"]["passType"]) == (CARD, "TEN_TRIP")
