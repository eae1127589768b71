"""The traffic light, on a fake clock."""

import pytest

from entry_gate.traffic_light import Signal, TrafficLight
from simulator.virtual_pi.board import Board
from tests.fake_clock import FakeClock
from tests.in_process import shown
from tests.rider import GREEN, RED, YELLOW


@pytest.fixture
def light(clock: FakeClock) -> TrafficLight:
    return TrafficLight(clock)


def refresh_for(light: TrafficLight, clock: FakeClock, seconds: float, in_service: bool = True) -> None:
    end = clock.now() + seconds
    while clock.now() < end:
        light.refresh(in_service)
        clock.sleep(0.035)


def test_out_of_service_until_it_is_known_to_be_in_service(light: TrafficLight, board: Board, clock: FakeClock) -> None:
    clock.sleep(1)
    light.refresh(in_service=False)
    assert board.lit == {RED, YELLOW}
    light.refresh(in_service=True)
    assert board.lit == {RED}


def test_a_lamp_that_a_killed_program_left_lit_goes_out_first(board: Board, clock: FakeClock) -> None:
    board.drive(GREEN, True)
    TrafficLight(clock)
    assert [lit for _, lit in board.trace] == [{GREEN}, frozenset(), {YELLOW}, {RED, YELLOW}]


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        (Signal.GRANTED, [(1.0, {GREEN}), (6.0, {RED})]),
        (
            Signal.DENIED,
            [
                *[(1.0, {RED}), (1.5, set()), (2.0, {RED}), (2.5, set())],
                *[(3.0, {RED}), (3.5, set()), (4.0, {RED}), (4.5, set()), (5.0, {RED})],
            ],
        ),
        (Signal.UNANSWERED, [(3.0, {RED})]),
    ],
)
def test_each_signal_has_its_time(
    light: TrafficLight, board: Board, clock: FakeClock, signal: Signal, expected: list[tuple[float, set[int]]]
) -> None:
    clock.sleep(1)
    light.show(signal)
    refresh_for(light, clock, 6)
    assert shown(board) == [(0.0, {RED, YELLOW}), *expected]


def test_a_signal_is_shown_to_its_end_if_the_gate_goes_out_of_service(
    light: TrafficLight, board: Board, clock: FakeClock
) -> None:
    light.show(Signal.GRANTED)
    refresh_for(light, clock, 6, in_service=False)
    assert shown(board) == [(0.0, {GREEN}), (5.0, {RED, YELLOW})]


def test_the_last_signal_counts_from_its_own_beginning(light: TrafficLight, board: Board, clock: FakeClock) -> None:
    for signal in (Signal.GRANTED, Signal.GRANTED, Signal.DENIED, Signal.GRANTED):
        light.show(signal)
        refresh_for(light, clock, 2)
    refresh_for(light, clock, 4)
    assert shown(board) == [
        *[(0.0, {GREEN}), (4.0, {RED}), (4.5, set()), (5.0, {RED}), (5.5, set())],
        *[(6.0, {GREEN}), (11.0, {RED})],
    ]


def test_never_red_and_green_together(light: TrafficLight, board: Board, clock: FakeClock) -> None:
    for in_service in (True, False):
        for signal in (Signal.GRANTED, Signal.DENIED, Signal.GRANTED, Signal.UNANSWERED, Signal.GRANTED):
            light.show(signal)
            refresh_for(light, clock, 0.6, in_service)
        refresh_for(light, clock, 6, in_service)
    assert not [lit for _, lit in board.trace if lit >= {RED, GREEN}]


@pytest.mark.parametrize("signal", Signal)
def test_closed_it_is_dark_and_its_pins_are_released(light: TrafficLight, board: Board, signal: Signal) -> None:
    light.show(signal)
    light.close()
    assert board.lit == set()
    assert not [pin for pin in (RED, YELLOW, GREEN) if board.is_output(pin)]


def test_its_repr_has_the_lit_lamps(light: TrafficLight) -> None:
    assert repr(light) == "<TrafficLight: red, yellow>"
    light.close()
    assert repr(light) == "<TrafficLight: dark>"
