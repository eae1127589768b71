"""The buttons, on a fake clock: presses, bounces and presses that do not count."""

import pytest

from common.pace import LONGEST_S, SHORTEST_S
from common.passes import PassType
from sales_terminal.buttons import Buttons
from simulator.virtual_pi.board import Board
from tests.fake_clock import FakeClock
from tests.in_process import Rider
from tests.rider import GREEN, RED, YELLOW

SINGLE, TEN, TWO_HOUR = PassType.SINGLE_USE, PassType.TEN_TRIP, PassType.TWO_HOUR


@pytest.fixture
def buttons(clock: FakeClock) -> Buttons:
    return Buttons(clock)


def poll(buttons: Buttons, clock: FakeClock, until: float, interval_s: float = 0.001) -> list[tuple[float, PassType]]:
    """Ask for a press at an interval; return the presses and their times in hundredths of a second."""
    presses = []
    while clock.now() < until:
        if pass_type := buttons.pressed():
            presses.append((round(clock.now(), 2), pass_type))
        clock.sleep(interval_s)
    return presses


@pytest.mark.parametrize(("pin", "pass_type"), [(RED, SINGLE), (YELLOW, TEN), (GREEN, TWO_HOUR)])
def test_each_button_is_a_pass(buttons: Buttons, rider: Rider, clock: FakeClock, pin: int, pass_type: PassType) -> None:
    rider.press(0.1, pin)
    assert poll(buttons, clock, until=1.0) == [(0.12, pass_type)]


def test_a_held_button_counts_once_and_again_after_its_release(
    buttons: Buttons, rider: Rider, clock: FakeClock
) -> None:
    rider.press(0.1, RED, hold_s=5.0)
    rider.press(6.0, RED)
    assert poll(buttons, clock, until=7.0) == [(0.12, SINGLE), (6.02, SINGLE)]


def test_a_contact_that_bounces_is_one_press(buttons: Buttons, rider: Rider, clock: FakeClock) -> None:
    bounces = [0.100, 0.103, 0.108, 0.112, 0.119, 0.127, 0.134]
    for at in bounces:
        rider.press(at, RED, hold_s=0.002)
    rider.press(0.140, RED, hold_s=0.3)
    for at in (0.445, 0.452, 0.461, 0.470):  # on release, too
        rider.press(at, RED, hold_s=0.003)
    assert poll(buttons, clock, until=1.0) == [(0.16, SINGLE)]


@pytest.mark.parametrize(("held_s", "presses"), [(0.018, []), (0.024, [(0.12, SINGLE)])])
def test_a_press_must_last_21_ms(
    buttons: Buttons, rider: Rider, clock: FakeClock, held_s: float, presses: list[tuple[float, PassType]]
) -> None:
    rider.press(0.1, RED, hold_s=held_s)
    assert poll(buttons, clock, until=1.0) == presses


class Hum:
    """Pulses of low level on one long wire, from now on, beside the presses of its button."""

    def __init__(self, board: Board, clock: FakeClock, hz: float, pulse_s: float) -> None:
        self._board = board
        self._clock = clock
        self._period_s = 1 / hz
        self._pulse_s = pulse_s
        self.is_pressed = False
        self._begin()

    def press(self, at: float, hold_s: float) -> None:
        self._clock.at(at, lambda: self._hold(True))
        self._clock.at(at + hold_s, lambda: self._hold(False))

    def _begin(self) -> None:
        now = self._clock.now()
        self._board.hold_down([RED])
        self._clock.at(now + self._pulse_s, self._end)
        self._clock.at(now + self._period_s, self._begin)

    def _end(self) -> None:
        self._board.hold_down([RED] if self.is_pressed else [])

    def _hold(self, is_pressed: bool) -> None:
        self.is_pressed = is_pressed
        self._end()


@pytest.mark.parametrize(
    "interval_s", [0.001, 0.01, 1 / 60, 0.02, 0.04]
)  # of the caller, in step with the mains or not
@pytest.mark.parametrize(
    ("hz", "pulse_s"),
    [
        *[(50, 0.002), (50, 0.003), (50, 0.004), (60, 0.002), (60, 0.003), (60, 0.004)],
        *[(100, 0.002), (100, 0.004), (120, 0.002), (120, 0.004)],  # of both half-waves
        *[(49.8, 0.004), (60.2, 0.004), (50, 0.010), (60, 0.008), (50, 0.015)],
    ],
)
def test_hum_of_the_mains_never_counts(
    buttons: Buttons, board: Board, clock: FakeClock, hz: float, pulse_s: float, interval_s: float
) -> None:
    Hum(board, clock, hz, pulse_s)
    assert poll(buttons, clock, 5.0, interval_s) == []


@pytest.mark.parametrize("interval_s", [0.001, 0.013, SHORTEST_S, 0.017, LONGEST_S])
@pytest.mark.parametrize("hz", [50, 60])
def test_a_press_counts_once_in_spite_of_hum(
    buttons: Buttons, board: Board, clock: FakeClock, hz: float, interval_s: float
) -> None:
    hum = Hum(board, clock, hz, pulse_s=0.004)
    hum.press(at=1.0, hold_s=0.2)
    hum.press(at=2.0, hold_s=2.0)
    assert [choice for _, choice in poll(buttons, clock, 5.0, interval_s)] == [SINGLE, SINGLE]


def test_a_gap_of_a_few_ms_is_no_release(buttons: Buttons, rider: Rider, clock: FakeClock) -> None:
    rider.press(0.1, RED, hold_s=1.0)
    rider.press(1.105, RED, hold_s=1.0)
    assert poll(buttons, clock, until=3.0) == [(0.12, SINGLE)]


def test_two_at_once_do_not_count(buttons: Buttons, rider: Rider, clock: FakeClock) -> None:
    rider.press(0.1, RED, GREEN)
    rider.press(0.5, YELLOW)
    assert poll(buttons, clock, until=1.0) == [(0.52, TEN)]


@pytest.mark.parametrize("interval_s", [0.001, SHORTEST_S, LONGEST_S])
def test_nor_do_two_that_go_down_within_20_ms(
    buttons: Buttons, board: Board, clock: FakeClock, interval_s: float
) -> None:
    """Whatever the caller's interval is, and wherever in it the first goes down."""
    for tenth in range(10):
        at = clock.now() + 0.2 + tenth / 10 * interval_s
        clock.at(at, lambda: board.hold_down([RED]))
        clock.at(at + 0.02, lambda: board.hold_down([RED, GREEN]))
        clock.at(at + 0.2, lambda: board.hold_down([]))
        assert poll(buttons, clock, at + 0.4, interval_s) == []


def test_a_button_held_from_the_start_counts_after_its_release(board: Board, rider: Rider, clock: FakeClock) -> None:
    board.hold_down([RED])
    buttons = Buttons(clock)
    clock.at(0.5, lambda: board.hold_down([]))
    rider.press(1.0, RED)
    assert poll(buttons, clock, until=2.0) == [(1.02, SINGLE)]


def test_a_button_held_when_the_question_begins_counts_after_its_release(
    buttons: Buttons, rider: Rider, clock: FakeClock
) -> None:
    rider.press(0.1, RED, hold_s=1.0)
    clock.sleep(0.2)
    buttons.reset()
    rider.press(2.0, RED)
    assert poll(buttons, clock, until=3.0) == [(2.02, SINGLE)]


def test_a_press_before_the_question_does_not_count(buttons: Buttons, rider: Rider, clock: FakeClock) -> None:
    rider.press(0.1, RED)
    clock.sleep(1.0)
    buttons.reset()
    assert poll(buttons, clock, until=2.0) == []


def test_closed_its_pins_are_released(buttons: Buttons, board: Board) -> None:
    assert [board.level(pin) for pin in (RED, YELLOW, GREEN)] == [True, True, True], "pulled up"
    buttons.close()
    assert [board.level(pin) for pin in (RED, YELLOW, GREEN)] == [False, False, False]
