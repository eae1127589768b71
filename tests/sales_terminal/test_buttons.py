"""The buttons, on a fake clock: presses, bounces and presses that do not count."""

import pytest

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


def poll(buttons: Buttons, clock: FakeClock, until: float) -> list[tuple[float, PassType]]:
    """Sample the buttons every millisecond; return the presses and their times in hundredths of a second."""
    presses = []
    while clock.now() < until:
        if pass_type := buttons.pressed():
            presses.append((round(clock.now(), 2), pass_type))
        clock.sleep(0.001)
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


@pytest.mark.parametrize(("held_s", "presses"), [(0.015, []), (0.025, [(0.12, SINGLE)])])
def test_a_press_must_last_20_ms(
    buttons: Buttons, rider: Rider, clock: FakeClock, held_s: float, presses: list[tuple[float, PassType]]
) -> None:
    rider.press(0.1, RED, hold_s=held_s)
    assert poll(buttons, clock, until=1.0) == presses


def test_two_at_once_do_not_count(buttons: Buttons, rider: Rider, clock: FakeClock) -> None:
    rider.press(0.1, RED, GREEN)
    rider.press(0.5, YELLOW)
    assert poll(buttons, clock, until=1.0) == [(0.52, TEN)]


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
