"""The rules of the passes, each on a real server."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from common.keys import JOURNAL, RECEIPT_PREFIX
from common.pass_store import RECEIPT_LIFETIME_S, PassStore, new_id
from common.passes import PassType, SaleOutcome, UseOutcome
from common.redis_link import Unavailable
from common.rights import TO_SELL, TO_USE
from common.settings import Settings
from simulator.server import Server
from tests.journal import entries
from tests.processes import wait_for

CARD = "43405556992"
OTHER_CARD = "1302123111085380"


@pytest.fixture
def store(settings: Settings) -> Iterator[PassStore]:
    store = PassStore(settings, needs=[*TO_USE, *TO_SELL])
    yield store
    store.close()


def sell(store: PassStore, pass_type: PassType, card: str = CARD) -> None:
    assert store.issue(card, pass_type, new_id()) is SaleOutcome.ISSUED


def use(store: PassStore, card: str = CARD) -> UseOutcome:
    return store.use(card, new_id())


def journal(redis: Redis) -> list[tuple[str, dict[str, Any]]]:
    return [(entry.channel, entry.event) for entry in entries(redis)]


def channels(redis: Redis) -> list[str]:
    return [entry.channel for entry in entries(redis)]


def commands_of_a_script(redis: Redis, action: Callable[[], object]) -> list[str]:
    """Return the commands that scripts make during the action, in their order."""
    with redis.monitor() as monitor:
        action()
        redis.echo("end")
        spied = takewhile(lambda each: each["command"] != "ECHO end", iter(monitor.next_command, None))
        return [each["command"].split()[0] for each in spied if each["client_type"] == "lua"]


def snapshot(redis: Redis) -> dict[object, bytes | None]:
    return {key: redis.dump(key) for key in redis.keys("*")}


class TestSingleUse:
    def test_is_sold_with_its_type_only(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.SINGLE_USE)
        assert redis.hgetall(CARD) == {"passType": "SINGLE_USE"}
        assert redis.ttl(CARD) == -1

    def test_gives_one_entry(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.SINGLE_USE)
        assert use(store) is UseOutcome.GRANTED
        assert not redis.exists(CARD)
        assert use(store) is UseOutcome.NO_PASS


class TestTenTrip:
    def test_gives_ten_entries(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TEN_TRIP)
        for left in range(10, 0, -1):
            assert redis.hgetall(CARD) == {"passType": "TEN_TRIP", "tripsRemaining": str(left)}
            assert use(store) is UseOutcome.GRANTED
        assert not redis.exists(CARD)
        assert use(store) is UseOutcome.NO_PASS

    def test_publishes_the_pass_before_and_the_trips_after(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TEN_TRIP)
        for _ in range(10):
            use(store)
        uses = [event for channel, event in journal(redis) if channel == "pass-used:TEN_TRIP"]
        assert [event["pass"]["tripsRemaining"] for event in uses] == [str(n) for n in range(10, 0, -1)]
        assert [event["remainingTrips"] for event in uses] == list(range(9, -1, -1))


class TestTwoHour:
    def test_runs_from_the_first_use(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TWO_HOUR)
        assert redis.ttl(CARD) == -1
        assert use(store) is UseOutcome.GRANTED
        assert 7198 <= redis.ttl(CARD) <= 7200
        assert channels(redis) == ["pass-issued:TWO_HOUR", "pass-activated:TWO_HOUR", "pass-used:TWO_HOUR"]
        assert [event["remainingTime"] for _, event in journal(redis)[1:]] == [7200, 7200]

    def test_is_not_extended_by_a_later_use(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TWO_HOUR)
        use(store)
        redis.expire(CARD, 100)
        assert use(store) is UseOutcome.GRANTED
        assert redis.ttl(CARD) <= 100
        channel, event = journal(redis)[-1]
        assert (channel, event["remainingTime"]) == ("pass-used:TWO_HOUR", 100)
        assert channels(redis).count("pass-activated:TWO_HOUR") == 1

    def test_ends(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TWO_HOUR)
        use(store)
        redis.pexpire(CARD, 1)
        while redis.exists(CARD):
            pass
        assert use(store) is UseOutcome.NO_PASS


class TestSale:
    def test_leaves_a_pass_as_it_is(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TEN_TRIP)
        use(store)
        before = redis.hgetall(CARD)
        assert store.issue(CARD, PassType.SINGLE_USE, new_id()) is SaleOutcome.HAS_PASS
        assert redis.hgetall(CARD) == before
        assert channels(redis) == ["pass-issued:TEN_TRIP", "pass-used:TEN_TRIP"]

    def test_repeated_answers_issued_and_changes_nothing(self, store: PassStore, redis: Redis) -> None:
        sale_id = new_id()
        assert store.issue(CARD, PassType.SINGLE_USE, sale_id) is SaleOutcome.ISSUED
        use(store)
        before = snapshot(redis)
        assert store.issue(CARD, PassType.SINGLE_USE, sale_id) is SaleOutcome.ISSUED
        assert snapshot(redis) == before

    @pytest.mark.parametrize("pass_type", PassType)
    def test_publishes_the_pass_as_sold(self, store: PassStore, redis: Redis, pass_type: PassType) -> None:
        sell(store, pass_type)
        (entry,) = journal(redis)
        assert entry[0] == f"pass-issued:{pass_type}"
        assert entry[1]["pass"] == pass_type.new_pass()

    def test_has_pass(self, store: PassStore) -> None:
        assert not store.has_pass(CARD)
        sell(store, PassType.SINGLE_USE)
        assert store.has_pass(CARD)


class TestReceipt:
    @pytest.mark.parametrize("pass_type", PassType)
    def test_repeated_tap_gets_the_first_answer_and_changes_nothing(
        self, store: PassStore, redis: Redis, pass_type: PassType
    ) -> None:
        sell(store, pass_type)
        tap_id = new_id()
        assert store.use(CARD, tap_id) is UseOutcome.GRANTED
        before = snapshot(redis)
        for _ in range(3):
            assert store.use(CARD, tap_id) is UseOutcome.GRANTED
        assert snapshot(redis) == before

    def test_a_denial_is_kept_too(self, store: PassStore) -> None:
        tap_id = new_id()
        assert store.use(CARD, tap_id) is UseOutcome.NO_PASS
        sell(store, PassType.SINGLE_USE)
        assert store.use(CARD, tap_id) is UseOutcome.NO_PASS

    def test_of_another_card_is_an_error(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.SINGLE_USE)
        sell(store, PassType.SINGLE_USE, OTHER_CARD)
        tap_id = new_id()
        store.use(CARD, tap_id)
        before = snapshot(redis)
        with pytest.raises(Unavailable, match="another card"):
            store.use(OTHER_CARD, tap_id)
        assert snapshot(redis) == before

    def test_of_a_sale_is_not_valid_for_a_tap(self, store: PassStore) -> None:
        id_ = new_id()
        store.issue(CARD, PassType.SINGLE_USE, id_)
        with pytest.raises(Unavailable, match="unknown answer"):
            store.use(CARD, id_)

    def test_lasts_two_minutes(self, store: PassStore, redis: Redis) -> None:
        tap_id = new_id()
        store.use(CARD, tap_id)
        assert RECEIPT_LIFETIME_S - 2 <= redis.ttl(RECEIPT_PREFIX + tap_id) <= RECEIPT_LIFETIME_S == 120


class TestInvalidPass:
    @pytest.mark.parametrize(
        "fields",
        [
            {"passType": "SEASON"},
            {"passtype": "SINGLE_USE"},
            {"passType": "\x1b[2J"},
            {"passType": "TEN_TRIP"},
            *(
                {"passType": "TEN_TRIP", "tripsRemaining": trips}
                for trips in ["0", "-1", "", "many", "1.5", "0x10", " 3", "1e1", "07", "+1", "9" * 30, "nan"]
            ),
        ],
        ids=str,
    )
    def test_is_denied_and_left_as_it_is(self, store: PassStore, redis: Redis, fields: Any) -> None:
        redis.hset(CARD, mapping={**fields})
        assert use(store) is UseOutcome.INVALID_PASS
        assert redis.hgetall(CARD) == fields
        ((channel, event),) = journal(redis)
        assert (channel, event["reason"]) == ("pass-denied", "invalid-pass")
        assert store.has_pass(CARD)

    @pytest.mark.parametrize("command", [("SET", CARD, "x"), ("RPUSH", CARD, "x"), ("SADD", CARD, "x")])
    def test_key_of_another_type(self, store: PassStore, redis: Redis, command: tuple[str, ...]) -> None:
        redis.execute_command(*command)
        before = redis.dump(CARD)
        assert use(store) is UseOutcome.INVALID_PASS
        assert redis.dump(CARD) == before

    def test_large_numbers_of_trips_count_down_exactly(self, store: PassStore, redis: Redis) -> None:
        redis.hset(CARD, mapping={"passType": "TEN_TRIP", "tripsRemaining": "999999999999"})
        assert use(store) is UseOutcome.GRANTED
        assert redis.hget(CARD, "tripsRemaining") == "999999999998"


class TestEvents:
    def test_carry_time_and_device(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TWO_HOUR)
        use(store)
        seconds, microseconds = redis.time()
        for _, event in journal(redis):
            assert event["device"] == "test"
            assert event["cardSerialNumber"] == CARD
            assert 0 <= seconds * 1000 + microseconds // 1000 - event["at"] < 5000

    def test_a_message_is_its_entry_with_the_id(self, store: PassStore, redis: Redis) -> None:
        with redis.pubsub() as pubsub:
            pubsub.psubscribe("pass-*")
            assert pubsub.get_message(timeout=5)["type"] == "psubscribe"
            sell(store, PassType.TWO_HOUR)
            use(store)
            use(store, OTHER_CARD)
            heard = [pubsub.get_message(timeout=5) for _ in range(4)]
        kept = [(entry.channel, f'{entry.payload[:-1]},"id":"{entry.id}"}}') for entry in entries(redis)]
        assert [(message["channel"], message["data"]) for message in heard] == kept

    def test_ids_rise_even_if_the_clock_was_set_back(self, store: PassStore, redis: Redis) -> None:
        redis.xadd(JOURNAL, {"channel": "x", "payload": "{}"}, id="99999999999999-7")
        use(store)
        assert entries(redis)[-1].id == "99999999999999-8"

    @pytest.mark.parametrize(
        ("sold", "commands"),
        [
            (None, "GET HGETALL TIME XADD PUBLISH SETEX"),
            (PassType.SINGLE_USE, "GET HGETALL TIME XADD PUBLISH DEL SETEX"),
            (PassType.TEN_TRIP, "GET HGETALL TIME XADD PUBLISH HINCRBY SETEX"),
            (PassType.TWO_HOUR, "GET HGETALL TTL TIME XADD PUBLISH XADD PUBLISH EXPIRE SETEX"),
        ],
    )
    def test_the_entry_comes_before_the_message_and_both_before_the_change(
        self, store: PassStore, redis: Redis, sold: PassType | None, commands: str
    ) -> None:
        if sold:
            sell(store, sold)
        store.has_pass(CARD)  # connected: the check of the rights is over
        assert commands_of_a_script(redis, lambda: use(store)) == commands.split()

    def test_journal_is_trimmed(self, redis: Redis, settings: Settings) -> None:
        store = PassStore(Settings(device="d", redis_port=settings.redis_port, journal_length=100), needs=TO_USE)
        for _ in range(450):
            use(store)
        assert 100 <= redis.xlen(JOURNAL) < 300
        store.close()

    def test_are_utf_8_for_any_hash(self, store: PassStore, redis: Redis) -> None:
        redis.hset(CARD, mapping={"passType": "SINGLE_USE", "note": 'ü "\x00\x1b\n\\'})
        assert use(store) is UseOutcome.GRANTED
        assert journal(redis)[0][1]["pass"]["note"] == 'ü "\x00\x1b\n\\'


class TestAllOrNothing:
    """A server refuses a script before anything has changed."""

    def refuse_and_compare(self, store: PassStore, redis: Redis) -> None:
        before = snapshot(redis)
        for card in (CARD, OTHER_CARD):
            with pytest.raises(Unavailable):
                use(store, card)
            with pytest.raises(Unavailable):
                store.issue("77", PassType.TEN_TRIP, new_id())
        assert snapshot(redis) == before

    def test_out_of_memory(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TWO_HOUR)
        redis.config_set("maxmemory", "1")
        try:
            self.refuse_and_compare(store, redis)
        finally:
            redis.config_set("maxmemory", "0")
        assert use(store) is UseOutcome.GRANTED

    def test_journal_of_a_wrong_type(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TEN_TRIP)
        redis.delete(JOURNAL)
        redis.set(JOURNAL, "x")
        self.refuse_and_compare(store, redis)

    @pytest.mark.parametrize("missing", ["-publish", "-setex", "-hincrby -del -expire", "-xadd", "resetchannels"])
    @pytest.mark.parametrize("pass_type", PassType)
    def test_rights_taken_away_while_running(
        self, redis: Redis, settings: Settings, missing: str, pass_type: PassType
    ) -> None:
        redis.execute_command("ACL", "SETUSER", "device", "reset", "on", ">secret", "~*", "&*", "+@all")
        user = Settings("d", redis_port=settings.redis_port, redis_username="device", redis_password="secret")
        store = PassStore(user, needs=[*TO_USE, *TO_SELL])
        sell(store, pass_type)
        redis.execute_command("ACL", "SETUSER", "device", *missing.split())
        before = snapshot(redis)
        try:
            with pytest.raises(Unavailable, match="permit"):
                use(store)
            assert snapshot(redis) == before
        finally:
            store.close()
            redis.execute_command("ACL", "DELUSER", "device")


@pytest.mark.process
class TestReplication:
    """A change counts once a replica has it, if the settings ask for that."""

    @pytest.fixture
    def replicated(self, settings: Settings) -> Iterator[PassStore]:
        store = PassStore(replace(settings, redis_replicas=1), needs=[*TO_USE, *TO_SELL])
        yield store
        store.close()

    @pytest.fixture
    def replica(self, server: Server, redis: Redis, server_program: Path, tmp_path: Path) -> Server:
        """A replica that is not running yet."""
        redis.config_set("repl-diskless-sync-delay", 0)
        return Server(server_program, tmp_path, "--replicaof", "127.0.0.1", str(server.port))

    def test_without_a_replica_the_change_does_not_count_yet(
        self, replicated: PassStore, redis: Redis, replica: Server
    ) -> None:
        sale = new_id()
        with pytest.raises(Unavailable, match="0 of 1 replicas hold the change"):
            replicated.issue(CARD, PassType.TEN_TRIP, sale)
        with replica:
            wait_for(lambda: redis.info("replication")["connected_slaves"] == 1)
            outcome = wait_for(lambda: answered(lambda: replicated.issue(CARD, PassType.TEN_TRIP, sale)))
            assert outcome is SaleOutcome.ISSUED
            with replica.client() as copy:
                assert copy.hgetall(CARD) == redis.hgetall(CARD)
        assert channels(redis) == ["pass-issued:TEN_TRIP"]

    def test_scripts_that_the_server_has_lost_are_loaded_again(
        self, replicated: PassStore, redis: Redis, replica: Server
    ) -> None:
        with replica:
            wait_for(lambda: redis.info("replication")["connected_slaves"] == 1)
            wait_for(lambda: answered(lambda: replicated.issue(CARD, PassType.TEN_TRIP, new_id())))
            redis.script_flush()
            assert use(replicated) is UseOutcome.GRANTED


def answered(call: Callable[[], UseOutcome | SaleOutcome]) -> UseOutcome | SaleOutcome | None:
    try:
        return call()
    except Unavailable:
        return None
