"""The rules of the passes against a model: random sales, taps, repetitions and passing time."""

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as machine_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test
from redis import Redis

from common.pass_store import RECEIPT_LIFETIME_S, PassStore, new_id
from common.passes import PassType, SaleOutcome, UseOutcome
from common.redis_link import Unavailable
from common.rights import TO_SELL, TO_USE
from common.settings import Settings
from tests.journal import entries

CARDS = ["43405556992", "11", "1302123111085380"]
DEVICES = ["gate-1", "gate-2", "gate-3"]
TWO_HOURS_S = 7200
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
class Model:
    """What the system must do."""

    now: int = 0
    passes: dict[str, ModelPass] = field(default_factory=dict)
    receipts: dict[str, tuple[str, UseOutcome | SaleOutcome, int]] = field(default_factory=dict)
    channels: list[str] = field(default_factory=list)

    def receipt(self, id_: str) -> tuple[str, UseOutcome | SaleOutcome] | None:
        card, outcome, until = self.receipts.get(id_, ("", UseOutcome.NO_PASS, 0))
        return (card, outcome) if self.now < until else None

    def keep(self, id_: str, card: str, outcome: UseOutcome | SaleOutcome) -> None:
        self.receipts[id_] = card, outcome, self.now + RECEIPT_LIFETIME_S

    def sell(self, card: str, pass_type: PassType) -> SaleOutcome:
        if card in self.passes:
            return SaleOutcome.HAS_PASS
        self.passes[card] = ModelPass(pass_type)
        self.channels.append(f"pass-issued:{pass_type}")
        return SaleOutcome.ISSUED

    def use(self, card: str) -> UseOutcome:
        held = self.passes.get(card)
        if held is None:
            self.channels.append("pass-denied")
            return UseOutcome.NO_PASS
        if held.type is PassType.TWO_HOUR:
            if held.ends_at is None:
                held.ends_at = self.now + TWO_HOURS_S
                self.channels.append("pass-activated:TWO_HOUR")
        else:
            held.trips -= 1
            if held.type is PassType.SINGLE_USE or held.trips == 0:
                del self.passes[card]
        self.channels.append(f"pass-used:{held.type}")
        return UseOutcome.GRANTED

    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        ended = [card for card, held in self.passes.items() if held.ends_at is not None and held.ends_at <= self.now]
        for card in ended:
            del self.passes[card]


@pytest.mark.process
def test_passes_behave_as_the_model(redis: Redis, settings: Settings) -> None:
    stores = [
        PassStore(Settings(device, redis_port=settings.redis_port), needs=[*TO_USE, *TO_SELL]) for device in DEVICES
    ]

    class PassesMachine(RuleBasedStateMachine):
        ids = Bundle("ids")

        def __init__(self) -> None:
            super().__init__()
            redis.flushall()
            self.model = Model()

        @rule(target=ids, store=st.sampled_from(stores), card=st.sampled_from(CARDS), kind=st.sampled_from(PassType))
        def sell(self, store: PassStore, card: str, kind: PassType) -> str:
            id_ = new_id()
            outcome = self.model.sell(card, kind)
            self.model.keep(id_, card, outcome)
            assert store.issue(card, kind, id_) is outcome
            return id_

        @rule(target=ids, store=st.sampled_from(stores), card=st.sampled_from(CARDS))
        def tap(self, store: PassStore, card: str) -> str:
            id_ = new_id()
            outcome = self.model.use(card)
            self.model.keep(id_, card, outcome)
            assert store.use(card, id_) is outcome
            return id_

        @rule(id_=ids, store=st.sampled_from(stores), card=st.sampled_from(CARDS), kind=st.sampled_from(PassType))
        def repeat(self, id_: str, store: PassStore, card: str, kind: PassType) -> None:
            kept = self.model.receipt(id_)
            if kept is None:
                return
            its_card, outcome = kept
            repeat = (
                store.use if isinstance(outcome, UseOutcome) else (lambda *args: store.issue(args[0], kind, args[1]))
            )
            if card == its_card:
                assert repeat(card, id_) is outcome
            else:
                with pytest.raises(Unavailable):
                    repeat(card, id_)

        @rule(target=ids, seconds=st.sampled_from([30, 100, 600, TWO_HOURS_S - 10, TWO_HOURS_S]))
        def pass_time(self, seconds: int) -> object:
            self.model.pass_time(seconds)
            for key in redis.keys("*"):
                left = redis.ttl(key)
                if left >= 0:
                    redis.expire(key, left - seconds)
            return multiple()

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

    try:
        run_state_machine_as_test(PassesMachine, settings=THOROUGH)
    finally:
        for store in stores:
            store.close()
