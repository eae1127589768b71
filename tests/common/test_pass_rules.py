"""The rules of the passes against a model: random sales, taps, repetitions, reversals and passing time."""

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as machine_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from redis import Redis

from common import scripts
from common.passes import PassType
from common.request import Request
from common.scripts import ISSUE, REVERSE, USE, Script
from tests.journal import entries

CARDS = ["43405556992", "11", "1302123111085380"]
SESSIONS = ["a1", "b2", "c3"]
TWO_HOURS_S, HOUR_S = 7200, 3600
SLACK_S = 5  # real time goes on while the model's stands still
THOROUGH = machine_settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


@dataclass
class ModelPass:
    """What a card holds, in plain Python."""

    type: PassType
    trips: int = 10
    ends_at: int | None = None


@dataclass
class ModelRequest:
    """The last request of a session; its outcome is None while it is lost on the way."""

    card: str
    outcome: str | None = None
    type: PassType | None = None
    is_tap: bool = True


@dataclass
class Model:
    """What the system must do."""

    now: int = 0
    passes: dict[str, ModelPass] = field(default_factory=dict)
    spent: dict[str, tuple[PassType, int]] = field(default_factory=dict)
    channels: list[str] = field(default_factory=list)

    def sell(self, card: str, pass_type: PassType) -> str:
        if card in self.passes:
            return "has-pass"
        self.passes[card] = ModelPass(pass_type)
        self.channels.append(f"pass-issued:{pass_type}")
        return "issued"

    def use(self, request: ModelRequest) -> None:
        card = request.card
        held = self.passes.get(card)
        if held is None:
            self.channels.append("pass-denied")
            request.outcome = "no-pass"
            return
        if held.type is PassType.TWO_HOUR:
            if held.ends_at is None:
                held.ends_at = self.now + TWO_HOURS_S
                self.channels.append("pass-activated:TWO_HOUR")
        else:
            held.trips -= 1
            if held.type is PassType.SINGLE_USE or held.trips == 0:
                del self.passes[card]
                self.spent[card] = held.type, self.now + HOUR_S
        self.channels.append(f"pass-used:{held.type}")
        request.outcome, request.type = "granted", held.type

    def reverse(self, request: ModelRequest) -> None:
        if request.outcome is None:
            request.outcome = "reversed"
        elif request.outcome == "granted" and request.type:
            request.outcome = self._give_back(request.card, request.type)

    def _give_back(self, card: str, taken: PassType) -> str:
        if taken is PassType.TWO_HOUR:
            return "nothing"
        held, (spent, until) = self.passes.get(card), self.spent.get(card, (None, 0))
        outcome = "reversed"
        if held and held.type is taken is PassType.TEN_TRIP:
            held.trips += 1
        elif held is None and spent is taken and self.now < until:
            self.passes[card] = ModelPass(taken, trips=1)
            del self.spent[card]
        else:
            outcome = "owed"
        self.channels.append(f"pass-{outcome}:{taken}")
        return outcome

    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        ended = [card for card, held in self.passes.items() if held.ends_at is not None and held.ends_at <= self.now]
        for card in ended:
            del self.passes[card]


@pytest.mark.process
def test_passes_behave_as_the_model(redis: Redis) -> None:
    class PassesMachine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            redis.flushall()
            self.model = Model()
            self.numbers = dict.fromkeys(SESSIONS, 0)
            self.last = {session: ModelRequest("") for session in SESSIONS}

        def send(self, script: Script, session: str, number: int, card: str, *more: str) -> str:
            request = Request(session, number, card)
            return str(scripts.run(redis, script, request, [session, 10_000, number, *more]))

        def send_last(self, script: Script, session: str) -> str:
            return self.send(script, session, self.numbers[session], self.last[session].card)

        def begin(self, session: str, card: str, is_tap: bool = True) -> ModelRequest:
            self.numbers[session] += 1
            self.last[session] = ModelRequest(card, is_tap=is_tap)
            return self.last[session]

        @rule(session=st.sampled_from(SESSIONS), card=st.sampled_from(CARDS), kind=st.sampled_from(PassType))
        def sell(self, session: str, card: str, kind: PassType) -> None:
            request = self.begin(session, card, is_tap=False)
            request.outcome = self.model.sell(card, kind)
            new_pass = json.dumps(kind.new_pass())
            for _ in range(2):
                assert self.send(ISSUE, session, self.numbers[session], card, new_pass) == request.outcome

        @rule(session=st.sampled_from(SESSIONS), card=st.sampled_from(CARDS))
        def tap(self, session: str, card: str) -> None:
            request = self.begin(session, card)
            self.model.use(request)
            assert self.send_last(USE, session) == request.outcome

        @rule(session=st.sampled_from(SESSIONS), card=st.sampled_from(CARDS))
        def tap_that_is_lost_on_the_way(self, session: str, card: str) -> None:
            self.begin(session, card)

        @rule(session=st.sampled_from(SESSIONS))
        def the_tap_arrives_again_or_late(self, session: str) -> None:
            request = self.last[session]
            if request.card and request.is_tap:
                if request.outcome is None:
                    self.model.use(request)
                assert self.send_last(USE, session) == request.outcome

        @rule(session=st.sampled_from(SESSIONS))
        def reverse(self, session: str) -> None:
            request = self.last[session]
            if request.card and request.is_tap:
                self.model.reverse(request)
                assert self.send_last(REVERSE, session) == request.outcome

        @rule(session=st.sampled_from(SESSIONS), script=st.sampled_from([USE, REVERSE]), card=st.sampled_from(CARDS))
        def an_earlier_request_arrives(self, session: str, script: Script, card: str) -> None:
            if self.numbers[session] > 1 and self.last[session].outcome:
                assert self.send(script, session, self.numbers[session] - 1, card) == "stale"

        @rule(seconds=st.sampled_from([30, 600, HOUR_S, TWO_HOURS_S - 10, TWO_HOURS_S]))
        def pass_time(self, seconds: int) -> None:
            self.model.pass_time(seconds)
            for key in redis.keys("*"):
                left = redis.ttl(key)
                if left >= 0:
                    redis.expire(key, left - seconds)

        @invariant()
        def redis_holds_what_the_model_holds(self) -> None:
            for card in CARDS:
                held = self.model.passes.get(card)
                fields = redis.hgetall(card)
                if held is None:
                    assert fields == {}
                    continue
                trips = {"tripsRemaining": str(held.trips)} if held.type is PassType.TEN_TRIP else {}
                assert fields == {"passType": held.type, **trips}
                if held.ends_at is None:
                    assert redis.ttl(card) == -1
                else:
                    assert abs(held.ends_at - self.model.now - redis.ttl(card)) <= SLACK_S

        @invariant()
        def journal_holds_each_event_once_in_order(self) -> None:
            assert [entry.channel for entry in entries(redis)] == self.model.channels

    run_state_machine_as_test(PassesMachine, settings=THOROUGH)
