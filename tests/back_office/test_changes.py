"""The desk's changes on a real server: each once, or not at all, and only if the pass is as it was seen."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from back_office import desk
from back_office.desk import Change, RefusedError
from back_office.store import Store
from common import scripts
from common.keys import RECEIPT_PREFIX, SPENT_PREFIX
from common.passes import PassType
from common.request import Request
from common.rights import TO_CHANGE
from common.scripts import ISSUE, REVERSE, USE, Script
from common.settings import Settings
from tests.journal import entries

CARD, OTHER = "43405556992", "1302123111085380"
ID = "1f2e3d4c5b6a7988"
TEN: Any = {"passType": "TEN_TRIP", "tripsRemaining": "7"}
Plan = Callable[[Store], Change]
PLANS: Mapping[str, tuple[Any, Plan]] = {
    "issue": ({}, lambda store: desk.issue(store.look(CARD), PassType.TEN_TRIP)),
    "block": (TEN, lambda store: desk.block(store.look(CARD), 'lost "ü\u2028😀')),
    "unblock": ({**TEN, "blocked": "lost"}, lambda store: desk.unblock(store.look(CARD))),
    "move": (TEN, lambda store: desk.move(store.look(CARD), store.look(OTHER))),
    "credit": (TEN, lambda store: desk.credit(store.look(CARD), 2)),
    "void": (TEN, lambda store: desk.void(store.look(CARD), "refunded")),
    "reverse": (TEN, lambda store: desk.give_back(store.look(CARD), desk.OwedTrip("ab-1", CARD, PassType.TEN_TRIP))),
}
CHANGES = pytest.mark.parametrize("change", PLANS)


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store(settings, "desk (alice)")


def prepare(redis: Redis, store: Store, change: str) -> Change:
    fields, plan = PLANS[change]
    if fields:
        redis.hset(CARD, mapping={**fields})
    return plan(store)


def snapshot(redis: Redis) -> dict[object, bytes | None]:
    return {key: redis.dump(key) for key in redis.keys("*")}


def outcome(store: Store, change: Change, name: str) -> str:
    """Make the change; return what came of it, where a right may be missing.

    Raises:
        RefusedError: something else is wrong.
    """
    try:
        store.make(change, name, ID)
    except RefusedError as error:
        if "permit" in str(error):
            return "refused"
        raise
    return "done"


def passes(redis: Redis, *cards: str) -> list[Any]:
    return [redis.hgetall(card) for card in cards]


def run(redis: Redis, script: Script, number: int = 1) -> str:
    more = ['{"passType":"SINGLE_USE"}'] if script is ISSUE else []
    return str(scripts.run(redis, script, Request("ab", number, CARD), ["gate-1", 1000, number, *more]))


@CHANGES
def test_the_cards_are_what_the_change_says(store: Store, redis: Redis, change: str) -> None:
    planned = prepare(redis, store, change)
    store.make(planned, change, ID)
    assert [store.look(each.card) for each in planned.after] == [
        each._replace(ttl_s=-1 if each.fields else -2) for each in planned.after
    ]


@CHANGES
def test_the_event_is_what_the_change_says(store: Store, redis: Redis, change: str) -> None:
    planned = prepare(redis, store, change)
    with redis.pubsub() as pubsub:
        pubsub.psubscribe("pass-*")
        assert pubsub.get_message(timeout=5)["type"] == "psubscribe"
        store.make(planned, change, ID)
        message = pubsub.get_message(timeout=5)
    (entry,) = entries(redis)
    assert (message["channel"], message["data"]) == (entry.channel, f'{entry.payload[:-1]},"id":"{entry.id}"}}')
    assert entry.channel == planned.channel
    added = {"cardSerialNumber": CARD, "device": "desk (alice)", "at": entry.event["at"]}
    assert entry.event == {**planned.event, **added}


@CHANGES
def test_a_repeated_change_does_nothing(store: Store, redis: Redis, change: str) -> None:
    planned = prepare(redis, store, change)
    store.make(planned, change, ID)
    before = snapshot(redis)
    store.make(planned, change, ID)
    receipt = store.receipt(ID)
    assert receipt
    store.repeat(receipt, ID)
    assert snapshot(redis) == before


@CHANGES
def test_another_change_under_the_same_id_is_refused(store: Store, redis: Redis, change: str) -> None:
    redis.hset(CARD, mapping={**TEN})
    store.make(desk.credit(store.look(CARD), 1), "credit:1", ID)
    redis.delete(CARD)
    planned = prepare(redis, store, change)
    before = snapshot(redis)
    with pytest.raises(RefusedError, match="the id of something else"):
        store.make(planned, change, ID)
    assert snapshot(redis) == before


@pytest.mark.parametrize(
    "meanwhile",
    [
        ("HINCRBY", CARD, "tripsRemaining", "-1"),
        ("HSET", CARD, "blocked", "stolen"),
        ("DEL", CARD),
        ("HSET", CARD, "passType", "SINGLE_USE"),
        ("RENAME", CARD, "77"),
        ("SET", CARD, "x"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("change", [each for each in PLANS if each not in {"issue", "unblock"}])
def test_a_pass_that_has_changed_meanwhile_is_left(
    store: Store, redis: Redis, change: str, meanwhile: tuple[str, ...]
) -> None:
    planned = prepare(redis, store, change)
    redis.execute_command(*meanwhile)
    held = redis.dump(CARD)
    with pytest.raises(RefusedError, match="changed meanwhile"):
        store.make(planned, change, ID)
    assert redis.dump(CARD) == held
    assert entries(redis) == []
    redis.delete(CARD)
    prepare(redis, store, change)  # as it was: a refusal stands, also if it comes late
    with pytest.raises(RefusedError, match="changed meanwhile"):
        store.make(planned, change, ID)
    assert entries(redis) == []


@pytest.mark.parametrize("meanwhile", [("HSET", CARD, "passType", "SINGLE_USE"), ("SET", CARD, "x")], ids=" ".join)
def test_a_card_that_is_not_empty_any_more_gets_no_pass(store: Store, redis: Redis, meanwhile: tuple[str, ...]) -> None:
    planned = desk.issue(store.look(CARD), PassType.TEN_TRIP)
    redis.execute_command(*meanwhile)
    held = redis.dump(CARD)
    with pytest.raises(RefusedError, match="changed meanwhile"):
        store.make(planned, "issue", ID)
    assert redis.dump(CARD) == held
    assert entries(redis) == []


def test_a_pass_is_not_moved_over_another_one(store: Store, redis: Redis) -> None:
    planned = prepare(redis, store, "move")
    redis.hset(OTHER, "passType", "SINGLE_USE")
    with pytest.raises(RefusedError, match="changed meanwhile"):
        store.make(planned, "move", ID)
    assert passes(redis, CARD, OTHER) == [TEN, {"passType": "SINGLE_USE"}]


def test_running_hours_move_with_what_is_left_of_them(store: Store, redis: Redis) -> None:
    redis.hset(CARD, "passType", "TWO_HOUR")
    planned = desk.move(store.look(CARD), store.look(OTHER))
    redis.expire(CARD, 1000)  # its first use, meanwhile
    store.make(planned, "move", ID)
    assert 990 < redis.ttl(OTHER) <= 1000
    assert not redis.exists(CARD)


def test_fields_that_others_have_added_are_kept(store: Store, redis: Redis) -> None:
    held = {**TEN, 'note "ü\u2028😀': "\x00\x1b\\ \r\n", "": ""}
    redis.hset(CARD, mapping=held)
    store.make(desk.block(store.look(CARD), "lost"), "block", ID)
    assert redis.hgetall(CARD) == {**held, "blocked": "lost"}
    assert entries(redis)[0].event["pass"] == {**held, "blocked": "lost"}


def test_the_receipt_lasts_a_week(store: Store, redis: Redis) -> None:
    store.make(prepare(redis, store, "credit"), "credit:2", ID)
    assert redis.get(RECEIPT_PREFIX + ID) == f"1 {CARD} done credit:2"
    assert 604_798 <= redis.ttl(RECEIPT_PREFIX + ID) <= 604_800


@pytest.mark.parametrize(
    "receipt", ["17 43405556992 granted TEN_TRIP", "1 43405556992 granted SINGLE_USE", "1 4 done \x1b[2J"]
)
def test_the_id_of_a_device_is_refused(store: Store, redis: Redis, receipt: str) -> None:
    redis.set(RECEIPT_PREFIX + ID, receipt)
    with pytest.raises(RefusedError, match="leave --id out"):
        store.receipt(ID)


def test_a_change_without_its_replicas_is_not_said_to_be_done(settings: Settings, redis: Redis) -> None:
    store = Store(replace(settings, redis_replicas=1), "desk")
    planned = prepare(redis, store, "void")
    with pytest.raises(RefusedError, match=f"0 of 1 replicas answer.*may be done or not; with --id {ID} it"):
        store.make(planned, "void", ID)
    receipt = store.receipt(ID)
    assert receipt
    with pytest.raises(RefusedError, match="0 of 1 replicas answer"):
        store.repeat(receipt, ID)


class TestAllOrNothing:
    @CHANGES
    def test_without_one_right_nothing_is_done(self, settings: Settings, redis: Redis, change: str) -> None:
        """Whichever right is missing: the change is made as the user office, or nothing of it is."""
        needed = {command[0] for command in TO_CHANGE} - {"HGETALL", "TTL", "XRANGE", "XREVRANGE"}
        done: list[str] = []
        refused: list[str] = []
        for missing in sorted(needed):
            redis.flushall()
            redis.execute_command("ACL", "SETUSER", "desk", "reset", "on", ">secret", "~*", "&*", "+@all")
            user = replace(settings, redis_username="desk", redis_password="secret")
            store = Store(user, "desk")
            planned = prepare(redis, store, change)
            redis.execute_command("ACL", "SETUSER", "desk", f"-{missing}")
            before = snapshot(redis)
            if outcome(store, planned, change) == "done":
                done += [missing]
            else:
                assert snapshot(redis) == before
                refused += [missing]
        redis.execute_command("ACL", "DELUSER", "desk")
        assert {"EXISTS", "GET", "PUBLISH", "SETEX", "TIME", "XADD"} <= {*refused}
        assert {command[0] for command in planned.commands} <= {*refused}
        assert done

    @CHANGES
    def test_out_of_memory(self, store: Store, redis: Redis, change: str) -> None:
        planned = prepare(redis, store, change)
        before = snapshot(redis)
        redis.config_set("maxmemory", "1")
        try:
            with pytest.raises(RefusedError, match=r"no memory left.*; nothing is done"):
                store.make(planned, change, ID)
        finally:
            redis.config_set("maxmemory", "0")
        assert snapshot(redis) == before


class TestBlocked:
    @pytest.mark.parametrize("pass_type", PassType)
    def test_no_gate_opens_and_no_terminal_sells_until_it_is_unblocked(
        self, store: Store, redis: Redis, pass_type: PassType
    ) -> None:
        store.make(desk.issue(store.look(CARD), pass_type), "issue", "0" * 16)
        store.make(desk.block(store.look(CARD), "lost"), "block", "1" * 16)
        held = redis.hgetall(CARD)
        assert run(redis, USE, 1) == "blocked-pass"
        assert run(redis, ISSUE, 2) == "has-pass"
        assert redis.hgetall(CARD) == held
        store.make(desk.unblock(store.look(CARD)), "unblock", "2" * 16)
        assert run(redis, USE, 3) == "granted"


class TestOwed:
    """A trip that is owed is given back once."""

    TAP = "ab-1"

    def owe(self, redis: Redis, pass_type: str = "SINGLE_USE") -> None:
        redis.hset(CARD, mapping={"passType": pass_type, "tripsRemaining": "1"})
        assert run(redis, USE) == "granted"
        redis.delete(SPENT_PREFIX + CARD)
        assert run(redis, REVERSE) == "owed"

    def give_back(self, store: Store, id_: str = ID, card: str = CARD) -> None:
        store.make(desk.give_back(store.look(card), store.owed_trip(self.TAP)), f"reverse:{self.TAP}", id_)

    @pytest.mark.parametrize(
        ("pass_type", "held"),
        [("SINGLE_USE", {"passType": "SINGLE_USE"}), ("TEN_TRIP", {"passType": "TEN_TRIP", "tripsRemaining": "1"})],
    )
    def test_to_an_empty_card(self, store: Store, redis: Redis, pass_type: str, held: Any) -> None:
        self.owe(redis, pass_type)
        self.give_back(store)
        assert redis.hgetall(CARD) == held
        entry = entries(redis)[-1]
        assert (entry.channel, entry.event["tap"]) == (f"pass-reversed:{pass_type}", self.TAP)
        assert run(redis, USE, 2) == "granted"
        assert run(redis, USE, 3) == "no-pass"

    def test_to_a_ten_trip_pass(self, store: Store, redis: Redis) -> None:
        self.owe(redis)
        redis.hset(CARD, mapping={**TEN})
        self.give_back(store)
        assert redis.hget(CARD, "tripsRemaining") == "8"

    def test_to_another_card(self, store: Store, redis: Redis) -> None:
        self.owe(redis)
        self.give_back(store, card=OTHER)
        assert passes(redis, CARD, OTHER) == [{}, {"passType": "SINGLE_USE"}]

    @pytest.mark.parametrize("is_forgotten", [False, True])
    def test_not_twice(self, store: Store, redis: Redis, is_forgotten: bool) -> None:
        """Also after a week, when the mark has expired: the journal tells."""
        self.owe(redis)
        self.give_back(store)
        if is_forgotten:
            redis.delete(RECEIPT_PREFIX + self.TAP, RECEIPT_PREFIX + ID)
        redis.delete(CARD)
        with pytest.raises(RefusedError, match=r"settled already: 20.*by desk \(alice\)"):
            self.give_back(store, "0" * 16)

    def test_not_twice_where_the_journal_was_cut(self, store: Store, redis: Redis) -> None:
        self.owe(redis)
        self.give_back(store)
        newest = entries(redis)[-1].id
        redis.xdel("transit-pass:events", newest)
        with pytest.raises(RefusedError, match="settled already"):
            self.give_back(store, "0" * 16)

    def test_not_by_two_desks(self, store: Store, redis: Redis) -> None:
        self.owe(redis)
        redis.hset(CARD, mapping={**TEN})
        to_here = desk.give_back(store.look(CARD), store.owed_trip(self.TAP))
        to_there = desk.give_back(store.look(OTHER), store.owed_trip(self.TAP))
        store.make(to_here, f"reverse:{self.TAP}", ID)
        with pytest.raises(RefusedError, match="changed meanwhile"):
            store.make(to_there, f"reverse:{self.TAP}", "0" * 16)
        assert not redis.exists(OTHER)

    def test_not_what_the_gate_gave_back(self, store: Store, redis: Redis) -> None:
        redis.hset(CARD, mapping={**TEN})
        run(redis, USE)
        run(redis, REVERSE)
        with pytest.raises(RefusedError, match=r"settled already.*by gate-1"):
            self.give_back(store)

    @pytest.mark.parametrize(
        ("channel", "payload"),
        [
            ("pass-owed:TWO_HOUR", '{"cardSerialNumber":"1","tap":"ab-1"}'),
            ("pass-owed:SINGLE_USE", '{"cardSerialNumber":"transit-pass:events","tap":"ab-1"}'),
            ("pass-owed:SINGLE_USE", '{"cardSerialNumber":"1","tap":["ab-1"]}'),
            ("pass-used:SINGLE_USE", '{"cardSerialNumber":"1","tap":"ab-1"}'),
            ("pass-owed:SINGLE_USE", "ab-1"),
        ],
    )
    def test_not_for_an_event_that_makes_no_sense(self, store: Store, redis: Redis, channel: str, payload: str) -> None:
        redis.xadd("transit-pass:events", {"channel": channel, "payload": payload})
        with pytest.raises(RefusedError, match="no trip that is owed"):
            self.give_back(store)


def test_a_server_that_is_away_is_an_error(redis: Redis, store: Store) -> None:
    """Of redis-py's, whatever is asked: the command line tells it in one line."""
    away = Store(Settings("desk", redis_port=1), "desk")
    for ask in (lambda: away.look(CARD), lambda: away.receipt(ID), lambda: away.owed_trip("ab-1")):
        with pytest.raises(RedisError):
            ask()
    planned = prepare(redis, store, "void")
    with pytest.raises(RefusedError, match=f"no connection to Redis.*may be done or not; with --id {ID} it"):
        away.make(planned, "void", ID)
