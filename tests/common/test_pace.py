"""The pace of a device's loop, on a fake clock."""

import pytest

from common.pace import LONGEST_S, REST_S, SHARE, SHORTEST_S, Pace
from tests.fake_clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def pace(clock: FakeClock) -> Pace:
    return Pace(clock)


def rounds(pace: Pace, clock: FakeClock, *costs_s: float) -> list[float]:
    """Return when rounds that cost so much began, in seconds from the first."""
    began_at = []
    for cost_s in costs_s:
        began_at.append(clock.now())
        clock.work(cost_s)
        pace.wait()
    return [each - began_at[0] for each in began_at]


def test_the_bounds() -> None:
    """A rider waits for half an interval, and a card may be held for as little as 40 ms."""
    assert 0.01 <= SHORTEST_S <= 0.015
    assert LONGEST_S == 0.03


@pytest.mark.parametrize(
    ("cost_s", "interval_s"),
    [
        pytest.param(0.0001, SHORTEST_S, id="a fast machine"),
        pytest.param(0.0005, SHORTEST_S, id="one that is fast enough"),
        pytest.param(0.8 * SHARE * LONGEST_S, 0.8 * LONGEST_S, id="one in between takes its share"),
        pytest.param(0.0018, LONGEST_S, id="a slow one"),
    ],
)
def test_it_follows_the_cost_of_a_round(pace: Pace, clock: FakeClock, cost_s: float, interval_s: float) -> None:
    assert rounds(pace, clock, *[cost_s] * 100)[-1] == pytest.approx(99 * interval_s)


def test_a_sleep_within_a_round_costs_nothing(pace: Pace, clock: FakeClock) -> None:
    for _ in range(10):
        clock.sleep(0.004)
        pace.wait()
    assert pace.interval_s == SHORTEST_S
    assert clock.now() == pytest.approx(10 * SHORTEST_S)


def test_single_rounds_that_cost_more_change_nothing(pace: Pace, clock: FakeClock) -> None:
    """As those that find a card, or share the processor with another program."""
    began_at = rounds(pace, clock, *[0.0001, 0.004, 0.004, 0.001] * 25)
    assert began_at[-1] == pytest.approx(99 * SHORTEST_S)


def test_a_machine_that_becomes_slower_or_faster_is_noticed(pace: Pace, clock: FakeClock) -> None:
    rounds(pace, clock, *[0.0001] * 100)
    rounds(pace, clock, *[0.002] * 100)
    assert pace.interval_s == LONGEST_S
    rounds(pace, clock, 0.0001)
    assert pace.interval_s == SHORTEST_S


def test_a_round_that_takes_long_delays_the_next_ones_without_a_burst(pace: Pace, clock: FakeClock) -> None:
    began_at = rounds(pace, clock, 0.0001, 0.2, *[0.0001] * 3)
    after_it = began_at[1] + 0.2 + REST_S
    assert began_at[2:] == [pytest.approx(after_it + number * SHORTEST_S) for number in range(3)]
