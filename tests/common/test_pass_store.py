"""The rules of the passes, each on a real server."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError

from common import pass_store, redis_link, scripts
from common.keys import JOURNAL, RECEIPT_PREFIX, SPENT_PREFIX
from common.pass_store import PassStore
from common.passes import PassType, SaleOutcome, UseOutcome
from common.redis_link import Unavailable
from common.request import Request, RequestNote
from common.rights import TO_SELL, TO_USE
from common.scripts import ISSUE, REVERSE, USE, Script
from common.settings import Settings
from simulator.fault_proxy import FaultProxy
from simulator.server import Server
from tests.in_process import LossyStore
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
    """Put a pass on a card that holds none."""
    if (outcome := store.issue(store.new_request(card), pass_type)) is not SaleOutcome.ISSUED:
        raise ValueError(f"nothing is sold: {outcome}")


def run(redis: Redis, script: Script, number: int = 1, card: str = CARD, session: str = "5e55") -> str:
    """Send a request as a device does: what arrives twice, or late, is sent by a test this way."""
    more = [json.dumps(PassType.SINGLE_USE.new_pass())] if script is ISSUE else []
    return str(scripts.run(redis, script, Request(session, number, card), ["test", 1000, number, *more]))


def journal(redis: Redis) -> list[tuple[str, dict[str, Any]]]:
    return [(entry.channel, entry.event) for entry in entries(redis)]


def channels(redis: Redis) -> list[str]:
    return [entry.channel for entry in entries(redis)]


def commands_of_a_script(redis: Redis, action: Callable[[], object]) -> list[str]:
    """Return the commands of the transaction that the action makes, in their order, without a device's checks."""
    with redis.monitor() as monitor:
        action()
        redis.echo("end")
        spied = takewhile(lambda each: each["command"] != "ECHO end", iter(monitor.next_command, None))
        made = [each["command"].split()[0] for each in spied if each["client_type"] == "lua"]
    return made[made.index("GET") : made.index("SETEX") + 1]


def snapshot(redis: Redis) -> dict[object, bytes | None]:
    """Return all that Redis holds, except receipts: a lost answer leaves one."""
    return {key: redis.dump(key) for key in redis.keys("*") if not str(key).startswith(RECEIPT_PREFIX)}


class TestSingleUse:
    def test_is_sold_with_its_type_only(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.SINGLE_USE)
        assert redis.hgetall(CARD) == {"passType": "SINGLE_USE"}
        assert redis.ttl(CARD) == -1

    def test_gives_one_entry(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.SINGLE_USE)
        assert store.use(CARD) is UseOutcome.GRANTED
        assert not redis.exists(CARD)
        assert store.use(CARD) is UseOutcome.NO_PASS


class TestTenTrip:
    def test_gives_ten_entries(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TEN_TRIP)
        for left in range(10, 0, -1):
            assert redis.hgetall(CARD) == {"passType": "TEN_TRIP", "tripsRemaining": str(left)}
            assert store.use(CARD) is UseOutcome.GRANTED
        assert not redis.exists(CARD)
        assert store.use(CARD) is UseOutcome.NO_PASS

    def test_publishes_the_pass_before_and_the_trips_after(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TEN_TRIP)
        for _ in range(10):
            store.use(CARD)
        uses = [event for channel, event in journal(redis) if channel == "pass-used:TEN_TRIP"]
        assert [event["pass"]["tripsRemaining"] for event in uses] == [str(n) for n in range(10, 0, -1)]
        assert [event["remainingTrips"] for event in uses] == list(range(9, -1, -1))


class TestTwoHour:
    def test_runs_from_the_first_use(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TWO_HOUR)
        assert redis.ttl(CARD) == -1
        assert store.use(CARD) is UseOutcome.GRANTED
        assert 7198 <= redis.ttl(CARD) <= 7200
        assert channels(redis) == ["pass-issued:TWO_HOUR", "pass-activated:TWO_HOUR", "pass-used:TWO_HOUR"]
        assert [event["remainingTime"] for _, event in journal(redis)[1:]] == [7200, 7200]

    def test_is_not_extended_by_a_later_use(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TWO_HOUR)
        store.use(CARD)
        redis.expire(CARD, 100)
        assert store.use(CARD) is UseOutcome.GRANTED
        assert redis.ttl(CARD) <= 100
        channel, event = journal(redis)[-1]
        assert (channel, event["remainingTime"]) == ("pass-used:TWO_HOUR", 100)
        assert channels(redis).count("pass-activated:TWO_HOUR") == 1

    def test_ends(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TWO_HOUR)
        store.use(CARD)
        redis.pexpire(CARD, 1)
        while redis.exists(CARD):
            pass
        assert store.use(CARD) is UseOutcome.NO_PASS


class TestSale:
    def test_leaves_a_pass_as_it_is(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TEN_TRIP)
        store.use(CARD)
        before = redis.hgetall(CARD)
        assert store.issue(store.new_request(CARD), PassType.SINGLE_USE) is SaleOutcome.HAS_PASS
        assert redis.hgetall(CARD) == before
        assert channels(redis) == ["pass-issued:TEN_TRIP", "pass-used:TEN_TRIP"]

    def test_repeated_answers_issued_and_changes_nothing(self, store: PassStore, redis: Redis) -> None:
        sale = store.new_request(CARD)
        assert store.issue(sale, PassType.SINGLE_USE) is SaleOutcome.ISSUED
        redis.delete(CARD)
        before = snapshot(redis)
        assert store.issue(sale, PassType.SINGLE_USE) is SaleOutcome.ISSUED
        assert snapshot(redis) == before

    def test_that_a_later_request_has_followed_is_stale(self, store: PassStore, redis: Redis) -> None:
        sale = store.new_request(CARD)
        sell(store, PassType.TEN_TRIP, OTHER_CARD)
        assert store.issue(sale, PassType.SINGLE_USE) is SaleOutcome.STALE
        assert not redis.exists(CARD)

    @pytest.mark.parametrize("pass_type", PassType)
    def test_publishes_the_pass_as_sold(self, store: PassStore, redis: Redis, pass_type: PassType) -> None:
        sell(store, pass_type)
        (entry,) = journal(redis)
        assert entry[0] == f"pass-issued:{pass_type}"
        assert entry[1]["pass"] == pass_type.new_pass()

    def test_look(self, store: PassStore) -> None:
        assert not store.look(CARD)
        sell(store, PassType.SINGLE_USE)
        assert store.look(CARD)


class TestReceipt:
    """A request that comes twice, or late, changes nothing."""

    @pytest.mark.parametrize("pass_type", PassType)
    def test_repeated_tap_gets_the_first_answer(self, store: PassStore, redis: Redis, pass_type: PassType) -> None:
        sell(store, pass_type)
        assert run(redis, USE) == "granted"
        before = snapshot(redis)
        for _ in range(3):
            assert run(redis, USE) == "granted"
        assert snapshot(redis) == before

    def test_a_denial_is_kept_too(self, store: PassStore, redis: Redis) -> None:
        assert run(redis, USE) == "no-pass"
        sell(store, PassType.SINGLE_USE)
        assert run(redis, USE) == "no-pass"

    def test_a_lower_number_is_stale(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TEN_TRIP)
        assert run(redis, USE, number=10) == "granted"
        before = snapshot(redis)
        for number in (1, 9):
            assert {run(redis, script, number) for script in (USE, ISSUE, REVERSE)} == {"stale"}
        assert snapshot(redis) == before
        assert run(redis, USE, number=11) == "granted"

    def test_of_another_card_is_an_error(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.SINGLE_USE)
        sell(store, PassType.SINGLE_USE, OTHER_CARD)
        run(redis, USE)
        before = snapshot(redis)
        for script in (USE, REVERSE):
            with pytest.raises(ResponseError, match="MISMATCH the receipt tells of another request"):
                run(redis, script, card=OTHER_CARD)
        assert snapshot(redis) == before

    @pytest.mark.parametrize(
        "receipt", ["", "1", "x 1 granted -", f"1 {CARD} granted", f"1 {CARD} a b c", f"1  {CARD} - -"]
    )
    def test_one_that_makes_no_sense_is_an_error(self, store: PassStore, redis: Redis, receipt: str) -> None:
        sell(store, PassType.SINGLE_USE)
        redis.set(RECEIPT_PREFIX + "5e55", receipt)
        before = snapshot(redis)
        for script in (USE, REVERSE):
            with pytest.raises(ResponseError, match="MISMATCH"):
                run(redis, script)
        assert snapshot(redis) == before

    def test_there_is_one_for_each_session_and_it_lasts_a_week(self, redis: Redis) -> None:
        for number in range(1, 4):
            run(redis, USE, number, session="1")
            run(redis, USE, number, session="2")
        assert {redis.get(RECEIPT_PREFIX + session) for session in ("1", "2")} == {f"3 {CARD} no-pass -"}
        assert 604_798 <= redis.ttl(RECEIPT_PREFIX + "1") <= 604_800


class TestReversal:
    """A tap without a green light costs nothing."""

    def test_of_a_single_trip_puts_the_pass_back(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.SINGLE_USE)
        run(redis, USE)
        assert 3598 <= redis.ttl(SPENT_PREFIX + CARD) <= 3600
        assert run(redis, REVERSE) == "reversed"
        assert redis.hgetall(CARD) == {"passType": "SINGLE_USE"}
        assert redis.ttl(CARD) == -1
        assert not redis.exists(SPENT_PREFIX + CARD)
        channel, event = journal(redis)[-1]
        assert channel == "pass-reversed:SINGLE_USE"
        assert (event["pass"], event["tap"]) == ({"passType": "SINGLE_USE"}, "5e55-1")

    @pytest.mark.parametrize(("sold", "left"), [("10", "10"), ("2", "2"), ("1", "1")])
    def test_of_ten_trips_puts_one_back(self, redis: Redis, sold: str, left: str) -> None:
        redis.hset(CARD, mapping={"passType": "TEN_TRIP", "tripsRemaining": sold})
        run(redis, USE)
        assert run(redis, REVERSE) == "reversed"
        assert redis.hgetall(CARD) == {"passType": "TEN_TRIP", "tripsRemaining": left}
        assert redis.ttl(CARD) == -1
        channel, event = journal(redis)[-1]
        assert channel == "pass-reversed:TEN_TRIP"
        assert event["pass"] == redis.hgetall(CARD)

    def test_of_two_hours_leaves_them(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TWO_HOUR)
        run(redis, USE)
        before = snapshot(redis)
        assert run(redis, REVERSE) == "nothing"
        assert snapshot(redis) == before
        assert redis.ttl(CARD) > 7190

    @pytest.mark.parametrize("pass_type", PassType)
    def test_repeated_gives_nothing_twice_and_the_late_tap_takes_nothing(
        self, store: PassStore, redis: Redis, pass_type: PassType
    ) -> None:
        sell(store, pass_type)
        run(redis, USE)
        settled = run(redis, REVERSE)
        before = snapshot(redis)
        assert {run(redis, script) for script in (REVERSE, USE, REVERSE)} == {settled}
        assert snapshot(redis) == before

    def test_before_the_tap_arrives_it_takes_nothing(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.SINGLE_USE)
        assert run(redis, REVERSE) == "reversed"
        before = snapshot(redis)
        assert run(redis, USE) == "reversed"
        assert snapshot(redis) == before

    def test_of_a_denial_answers_it(self, redis: Redis) -> None:
        run(redis, USE)
        assert run(redis, REVERSE) == "no-pass"
        assert channels(redis) == ["pass-denied"]

    @pytest.mark.parametrize(
        ("taken", "bought"),
        [
            (PassType.SINGLE_USE, PassType.SINGLE_USE),
            (PassType.SINGLE_USE, PassType.TEN_TRIP),
            (PassType.SINGLE_USE, PassType.TWO_HOUR),
            (PassType.TEN_TRIP, PassType.SINGLE_USE),
            (PassType.TEN_TRIP, PassType.TWO_HOUR),
        ],
    )
    def test_is_owed_where_the_card_holds_another_pass(
        self, store: PassStore, redis: Redis, taken: PassType, bought: PassType
    ) -> None:
        redis.hset(CARD, mapping={"passType": taken, "tripsRemaining": "1"})
        run(redis, USE)
        sell(store, bought)
        held = redis.hgetall(CARD)
        assert run(redis, REVERSE) == "owed"
        assert redis.hgetall(CARD) == held
        channel, event = journal(redis)[-1]
        assert (channel, event["pass"], event["tap"]) == (f"pass-owed:{taken}", held, "5e55-1")
        assert run(redis, REVERSE) == "owed"
        assert channels(redis).count(f"pass-owed:{taken}") == 1

    def test_of_the_last_trip_goes_to_the_ten_trip_pass_bought_since(self, store: PassStore, redis: Redis) -> None:
        redis.hset(CARD, mapping={"passType": "TEN_TRIP", "tripsRemaining": "1"})
        run(redis, USE)
        sell(store, PassType.TEN_TRIP)
        assert run(redis, REVERSE) == "reversed"
        assert redis.hget(CARD, "tripsRemaining") == "11"

    def test_is_owed_after_the_hour(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.SINGLE_USE)
        run(redis, USE)
        redis.delete(SPENT_PREFIX + CARD)
        assert run(redis, REVERSE) == "owed"
        assert journal(redis)[-1][1]["pass"] == {"passType": "SINGLE_USE"}
        assert not redis.exists(CARD)

    @pytest.mark.parametrize("trips", ["0", "07", "many", ""])
    def test_is_owed_where_the_trips_make_no_sense(self, store: PassStore, redis: Redis, trips: str) -> None:
        sell(store, PassType.TEN_TRIP)
        run(redis, USE)
        redis.hset(CARD, "tripsRemaining", trips)
        assert run(redis, REVERSE) == "owed"
        assert redis.hget(CARD, "tripsRemaining") == trips

    def test_works_when_memory_is_full(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.SINGLE_USE)
        run(redis, USE)
        redis.config_set("maxmemory", "1")
        try:
            assert run(redis, REVERSE) == "reversed"
        finally:
            redis.config_set("maxmemory", "0")


class TestUnanswered:
    """A tap whose answer is lost is reversed before any other is taken."""

    @pytest.fixture
    def lossy(self, settings: Settings, tmp_path: Path) -> Iterator[LossyStore]:
        store = LossyStore(settings, needs=[*TO_USE, *TO_SELL], note=RequestNote(str(tmp_path)))
        sell(store, PassType.TEN_TRIP)
        store.loses_answers = True
        yield store
        store.close()

    def test_it_is_reversed(self, lossy: LossyStore, redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
        with pytest.raises(Unavailable, match="does not answer in time"):
            lossy.use(CARD)
        assert lossy.problem
        lossy.loses_answers = False
        wait_for(lambda: lossy.problem is None)
        assert channels(redis) == ["pass-issued:TEN_TRIP", "pass-used:TEN_TRIP", "pass-reversed:TEN_TRIP"]
        assert redis.hget(CARD, "tripsRemaining") == "10"
        assert f"card {CARD}: the tap without an answer is settled: reversed" in caplog.messages

    def test_no_tap_is_sent_until_then(self, lossy: LossyStore, redis: Redis) -> None:
        with pytest.raises(Unavailable):
            lossy.use(CARD)
        with pytest.raises(Unavailable):
            lossy.use(OTHER_CARD)
        assert channels(redis) == ["pass-issued:TEN_TRIP", "pass-used:TEN_TRIP"]
        lossy.loses_answers = False
        wait_for(lambda: lossy.problem is None)
        assert lossy.use(OTHER_CARD) is UseOutcome.NO_PASS

    def test_a_reversal_that_is_refused_is_made_later(
        self, lossy: LossyStore, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(redis_link, "CHECK_INTERVAL_S", 0.02)
        with pytest.raises(Unavailable):
            lossy.use(CARD)
        redis.config_set("min-replicas-to-write", 1)
        try:
            lossy.loses_answers = False
            wait_for(lambda: "min-replicas-to-write" in str(lossy.problem))
        finally:
            redis.config_set("min-replicas-to-write", 0)
        wait_for(lambda: lossy.problem is None)
        assert channels(redis) == ["pass-issued:TEN_TRIP", "pass-used:TEN_TRIP", "pass-reversed:TEN_TRIP"]

    def test_an_unknown_answer_is_none(self, store: PassStore, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redis_link, "CHECK_INTERVAL_S", 0.02)
        request = store.new_request(CARD)
        next_one = request._replace(number=request.number + 1)
        scripts.run(redis, REVERSE, next_one, ["test", 1000, next_one.number])
        with pytest.raises(Unavailable, match="unknown answer: reversed"):
            store.use(CARD)
        wait_for(lambda: store.problem is None)
        assert store.use(CARD) is UseOutcome.NO_PASS

    def test_it_is_out_of_service_until_the_replicas_hold_the_reversal(self, settings: Settings, redis: Redis) -> None:
        store = PassStore(replace(settings, redis_replicas=1), needs=TO_USE)
        try:
            redis.hset(CARD, mapping={"passType": "SINGLE_USE"})
            with pytest.raises(Unavailable, match="0 of 1 replicas answer"):
                store.use(CARD)
            assert store.problem
        finally:
            store.close()

    def test_without_the_right_to_wait_for_replicas_it_is_out_of_service(
        self, settings: Settings, redis: Redis
    ) -> None:
        redis.execute_command("ACL", "SETUSER", "device", "reset", "on", ">secret", "~*", "&*", "+@all", "-wait")
        user = replace(settings, redis_username="device", redis_password="secret", redis_replicas=1)
        try:
            redis.hset(CARD, mapping={"passType": "SINGLE_USE"})
            with closing(PassStore(user, needs=TO_USE)) as store:
                wait_for(lambda: "'wait'" in str(store.problem))
                with pytest.raises(Unavailable, match="'wait'"):
                    store.use(CARD)
            assert redis.exists(CARD)
        finally:
            redis.execute_command("ACL", "DELUSER", "device")


class TestNote:
    """What an earlier run has left in the note is reversed by the next one."""

    NOTED = Request("0123456789abcdef", 7, CARD)

    @pytest.fixture
    def note(self, tmp_path: Path) -> RequestNote:
        return RequestNote(str(tmp_path))

    def start(self, settings: Settings, note: RequestNote) -> None:
        """Start a store and wait until it is in service."""
        with closing(PassStore(settings, needs=TO_USE, note=note)) as store:
            wait_for(lambda: store.problem is None)

    def test_there_is_one_while_the_tap_is_under_way(
        self, settings: Settings, note: RequestNote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        noted = []

        class Spy(LossyStore):
            def _ask(self, redis: Redis, script: Script, request: Request, *more: str) -> str:
                noted.append((note.read(), request))
                return super()._ask(redis, script, request, *more)

        with closing(Spy(settings, needs=TO_USE, note=note)) as store:
            assert store.use(CARD) is UseOutcome.NO_PASS
        assert note.read() is None
        ((in_the_file, sent),) = noted
        assert in_the_file == sent

    def test_it_is_reversed_at_the_start(self, settings: Settings, note: RequestNote, redis: Redis) -> None:
        redis.hset(CARD, mapping={"passType": "SINGLE_USE"})
        run(redis, USE, self.NOTED.number, session=self.NOTED.session)
        note.write(self.NOTED)
        self.start(settings, note)
        assert redis.hgetall(CARD) == {"passType": "SINGLE_USE"}
        assert note.read() is None

    def test_one_of_another_card_is_put_aside(
        self, settings: Settings, note: RequestNote, redis: Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        run(redis, USE, self.NOTED.number, OTHER_CARD, self.NOTED.session)
        note.write(self.NOTED)
        self.start(settings, note)
        assert [path.name for path in tmp_path.iterdir()] == ["tap.aside"]
        assert "MISMATCH" in caplog.text

    @pytest.mark.parametrize(
        "text", ["x", "0123456789abcdef 7", "0123456789abcdef 0 1", "0123456789abcdef 7 1\n", "\xff"]
    )
    def test_one_that_cannot_be_read_is_put_aside(
        self, note: RequestNote, tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "tap").write_bytes(text.encode("latin-1"))
        assert note.read() is None
        assert [path.name for path in tmp_path.iterdir()] == ["tap.aside"]
        assert "it cannot be read" in caplog.text

    def test_an_empty_one_was_never_sent(self, note: RequestNote, tmp_path: Path) -> None:
        (tmp_path / "tap").write_text("")
        assert note.read() is None
        assert [path.name for path in tmp_path.iterdir()] == ["tap"]

    def test_a_note_that_cannot_be_removed_closes_the_gate(
        self, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class StuckNote(RequestNote):
            def clear(self) -> None:
                raise OSError("read-only")

        monkeypatch.setattr(redis_link, "CHECK_INTERVAL_S", 60.0)  # no check may reverse the tap meanwhile
        redis.hset(CARD, mapping={"passType": "TEN_TRIP", "tripsRemaining": "10"})
        with closing(PassStore(settings, TO_USE, StuckNote(None))) as store:
            wait_for(lambda: store.problem is None)
            for reason in ("read-only", "a tap without an answer is not reversed yet"):
                with pytest.raises(Unavailable, match=reason):
                    store.use(CARD)
            assert store.problem == "a tap without an answer is not reversed yet"
        assert channels(redis) == ["pass-used:TEN_TRIP"]

    def test_a_tap_that_cannot_be_noted_is_not_sent(self, settings: Settings, redis: Redis, tmp_path: Path) -> None:
        with closing(PassStore(settings, needs=TO_USE, note=RequestNote(str(tmp_path / "missing")))) as store:
            wait_for(lambda: store.problem and "no tap can be noted: " in store.problem)
            with pytest.raises(Unavailable, match="the tap cannot be noted"):
                store.use(CARD)
            (tmp_path / "missing").mkdir()
            wait_for(lambda: store.problem is None)
        assert channels(redis) == []


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
                for trips in ["0", "-1", "", "many", "1.5", "0x10", " 3", "1e1", "07", "+1", "1" * 13, "9" * 30, "nan"]
            ),
        ],
        ids=str,
    )
    def test_is_denied_and_left_as_it_is(self, store: PassStore, redis: Redis, fields: Any) -> None:
        redis.hset(CARD, mapping={**fields})
        assert store.use(CARD) is UseOutcome.INVALID_PASS
        assert redis.hgetall(CARD) == fields
        ((channel, event),) = journal(redis)
        assert (channel, event["reason"]) == ("pass-denied", "invalid-pass")
        assert store.look(CARD)

    @pytest.mark.parametrize("command", [("SET", CARD, "x"), ("RPUSH", CARD, "x"), ("SADD", CARD, "x")])
    def test_key_of_another_type(self, store: PassStore, redis: Redis, command: tuple[str, ...]) -> None:
        redis.execute_command(*command)
        before = redis.dump(CARD)
        assert store.use(CARD) is UseOutcome.INVALID_PASS
        assert redis.dump(CARD) == before

    def test_large_numbers_of_trips_count_down_exactly(self, store: PassStore, redis: Redis) -> None:
        redis.hset(CARD, mapping={"passType": "TEN_TRIP", "tripsRemaining": "999999999999"})
        assert store.use(CARD) is UseOutcome.GRANTED
        assert redis.hget(CARD, "tripsRemaining") == "999999999998"


class TestEvents:
    def test_carry_time_and_device(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TWO_HOUR)
        store.use(CARD)
        seconds, microseconds = redis.time()
        for _, event in journal(redis):
            assert event["device"] == "test"
            assert event["cardSerialNumber"] == CARD
            assert 0 <= seconds * 1000 + microseconds // 1000 - event["at"] < 5000

    def test_their_time_is_in_milliseconds(self, store: PassStore, redis: Redis) -> None:
        for _ in range(50):
            store.use(CARD)
        assert len({event["at"] % 1000 for _, event in journal(redis)}) > 1

    def test_a_message_is_its_entry_with_the_id(self, store: PassStore, redis: Redis) -> None:
        with redis.pubsub() as pubsub:
            pubsub.psubscribe("pass-*")
            assert pubsub.get_message(timeout=5)["type"] == "psubscribe"
            sell(store, PassType.TWO_HOUR)
            store.use(CARD)
            store.use(OTHER_CARD)
            heard = [pubsub.get_message(timeout=5) for _ in range(4)]
        kept = [(entry.channel, f'{entry.payload[:-1]},"id":"{entry.id}"}}') for entry in entries(redis)]
        assert [(message["channel"], message["data"]) for message in heard] == kept

    def test_ids_rise_even_if_the_clock_was_set_back(self, store: PassStore, redis: Redis) -> None:
        redis.xadd(JOURNAL, {"channel": "x", "payload": "{}"}, id="99999999999999-7")
        store.use(CARD)
        assert entries(redis)[-1].id == "99999999999999-8"

    @pytest.mark.parametrize(
        ("sold", "commands"),
        [
            (None, "GET HGETALL TIME XADD PUBLISH SETEX"),
            (PassType.SINGLE_USE, "GET HGETALL TIME XADD PUBLISH RENAME EXPIRE SETEX"),
            (PassType.TEN_TRIP, "GET HGETALL TIME XADD PUBLISH HINCRBY SETEX"),
            (PassType.TWO_HOUR, "GET HGETALL TTL TIME XADD PUBLISH XADD PUBLISH EXPIRE SETEX"),
        ],
    )
    def test_the_entry_comes_before_the_message_and_both_before_the_change(
        self, redis: Redis, sold: PassType | None, commands: str
    ) -> None:
        if sold:
            redis.hset(CARD, mapping={name: str(value) for name, value in sold.new_pass().items()})
        assert commands_of_a_script(redis, lambda: run(redis, USE)) == commands.split()

    def test_journal_is_trimmed(self, redis: Redis, settings: Settings) -> None:
        store = PassStore(Settings(device="d", redis_port=settings.redis_port, journal_length=100), needs=TO_USE)
        for _ in range(450):
            store.use(CARD)
        assert 100 <= redis.xlen(JOURNAL) < 300
        store.close()

    def test_are_utf_8_for_any_hash(self, store: PassStore, redis: Redis) -> None:
        odd: Any = {'ü "\x00\x1b\n\\': '",}{\\"\x7f/', "": "", "1": '"'}
        redis.hset(CARD, mapping={"passType": "SINGLE_USE", **odd})
        assert store.use(CARD) is UseOutcome.GRANTED
        assert journal(redis)[0][1]["pass"] == {"passType": "SINGLE_USE", **odd}

    @pytest.mark.parametrize("pass_type", PassType)
    def test_are_json_whatever_a_device_is_called(self, redis: Redis, pass_type: PassType) -> None:
        device = 'gate "1"\\\x1b\n/ü",'
        sale, tap = (Request("5e55", number, CARD) for number in (1, 2))
        scripts.run(redis, ISSUE, sale, [device, 1000, 1, json.dumps(pass_type.new_pass())])
        scripts.run(redis, USE, tap, [device, 1000, 2])
        redis.delete(CARD, SPENT_PREFIX + CARD)
        scripts.run(redis, REVERSE, tap, [device, 1000, 2])
        scripts.run(redis, USE, tap._replace(number=3), [device, 1000, 3])
        assert [event["device"] for _, event in journal(redis)] == [device] * 4
        assert {event["cardSerialNumber"] for _, event in journal(redis)} == {CARD}


class TestAllOrNothing:
    """A server refuses a script before anything has changed."""

    def try_all(self, store: PassStore) -> list[object]:
        """Return the answers to taps of a card with a pass and of one without, and to sales to another."""
        uses = [answered(lambda card=card: store.use(card)) for card in (CARD, OTHER_CARD)]  # type: ignore[misc]
        return [*uses, answered(lambda: store.issue(store.new_request("77"), PassType.TEN_TRIP))]

    def test_out_of_memory(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TWO_HOUR)
        before = snapshot(redis)
        redis.config_set("maxmemory", "1")
        try:
            assert self.try_all(store) == [None] * 3
            assert snapshot(redis) == before
        finally:
            redis.config_set("maxmemory", "0")
        assert store.use(CARD) is UseOutcome.GRANTED

    def test_journal_of_a_wrong_type(self, store: PassStore, redis: Redis) -> None:
        sell(store, PassType.TEN_TRIP)
        redis.delete(JOURNAL)
        redis.set(JOURNAL, "x")
        before = snapshot(redis)
        assert self.try_all(store) == [None] * 3
        assert snapshot(redis) == before

    @pytest.mark.parametrize(
        "missing", ["-hgetall", "-publish", "-setex", "-hincrby -rename -expire", "-xadd", "resetchannels"]
    )
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
                store.use(CARD)
            assert snapshot(redis) == before
        finally:
            store.close()
            redis.execute_command("ACL", "DELUSER", "device")

    @pytest.mark.parametrize(
        ("pass_type", "right", "missing"),
        [
            ("TWO_HOUR", "&pass-activated:TWO_HOUR", "PUBLISH pass-used:TWO_HOUR"),
            ("SINGLE_USE", "&pass-used:SINGLE_USE -rename", f"RENAME {CARD}"),
        ],
    )
    def test_each_right_is_asked_for_and_the_missing_one_is_named(
        self, redis: Redis, settings: Settings, pass_type: str, right: str, missing: str
    ) -> None:
        redis.hset(CARD, mapping={"passType": pass_type})
        rights = ["on", ">secret", "~*", "+@all", "resetchannels", *right.split()]
        redis.execute_command("ACL", "SETUSER", "device", "reset", *rights)
        before = snapshot(redis)
        try:
            with Redis(port=settings.redis_port, username="device", password="secret", decode_responses=True) as device:
                with pytest.raises(NoPermissionError, match=f"may not {missing}"):
                    run(device, USE)
                assert snapshot(redis) == before
                redis.execute_command("ACL", "SETUSER", "device", "+rename", "&pass-used:*")
                assert run(device, USE) == "granted"
        finally:
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
        sale = replicated.new_request(CARD)
        with pytest.raises(Unavailable, match="0 of 1 replicas answer"):
            replicated.issue(sale, PassType.TEN_TRIP)
        with replica:
            wait_for(lambda: redis.info("replication")["connected_slaves"] == 1)
            outcome = wait_for(lambda: answered(lambda: replicated.issue(sale, PassType.TEN_TRIP)))
            assert outcome is SaleOutcome.ISSUED
            with replica.client() as copy:
                assert copy.hgetall(CARD) == redis.hgetall(CARD)
        assert channels(redis) == ["pass-issued:TEN_TRIP"]

    def test_scripts_that_the_server_has_lost_are_loaded_again(
        self, replicated: PassStore, redis: Redis, replica: Server
    ) -> None:
        with replica:
            wait_for(lambda: redis.info("replication")["connected_slaves"] == 1)
            wait_for(lambda: answered(lambda: replicated.issue(replicated.new_request(CARD), PassType.TEN_TRIP)))
            redis.script_flush()
            assert replicated.use(CARD) is UseOutcome.GRANTED

    def test_a_tap_that_is_taken_when_the_replica_has_died_is_reversed_at_once(
        self, settings: Settings, redis: Redis, replica: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is in service again when a replica has the reversal."""
        monkeypatch.setattr(redis_link, "CHECK_INTERVAL_S", 60.0)  # no check may come before the tap
        monkeypatch.setattr(pass_store, "REPLICATION_LIMIT_MS", 50)  # long before the socket's time-out
        redis.hset(CARD, mapping={"passType": "TEN_TRIP", "tripsRemaining": "10"})
        with replica, closing(PassStore(replace(settings, redis_replicas=1), needs=TO_USE)) as store:
            wait_for(lambda: store.problem is None)
            replica.kill()
            with pytest.raises(Unavailable, match="0 of 1 replicas answer"):
                store.use(CARD)
            wait_for(lambda: channels(redis) == ["pass-used:TEN_TRIP", "pass-reversed:TEN_TRIP"])
            assert redis.hget(CARD, "tripsRemaining") == "10"
            assert "0 of 1 replicas answer" in str(store.problem)
            replica.start()
            wait_for(lambda: store.problem is None)
            assert len(channels(redis)) == 2
            with replica.client() as copy:
                assert copy.hget(CARD, "tripsRemaining") == "10"

    def test_a_check_waits_for_a_replica_that_is_far_away(
        self, server: Server, redis: Redis, server_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Others write meanwhile: what WAIT asks for is all that the server has."""
        monkeypatch.setattr(scripts, "CHECK_REPLICATION_LIMIT_MS", 10_000)  # however busy this machine is
        redis.config_set("repl-diskless-sync-delay", 0)
        with FaultProxy(server.port) as network:
            network.replication_delay_s = 0.02
            with Server(server_program, tmp_path, "--replicaof", "127.0.0.1", str(network.port)):
                redis.set("other", "first")
                wait_for(lambda: redis.wait(1, 1000))
                for number in range(20):
                    redis.set("other", number)
                    scripts.check(redis, TO_USE, replicas=1)


def answered(call: Callable[[], UseOutcome | SaleOutcome]) -> UseOutcome | SaleOutcome | None:
    try:
        return call()
    except Unavailable:
        return None
