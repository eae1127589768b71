"""The traffic light, on a fake clock."""

from collections.abc import Callable
from typing import Any

import pytest
import RPi.GPIO as GPIO

from common.pins import PinError
from entry_gate.traffic_light import Signal, TrafficLight
from simulator.virtual_pi.board import Board
from tests.fake_clock import FakeClock
from tests.gpio_errors import BUSY
from tests.rider import GREEN, RED, YELLOW

GRANTED, DENIED, UNANSWERED, UNREADABLE = Signal
DARK: set[int] = set()

Shown = list[tuple[float, set[int]]]


@pytest.fixture
def light(clock: FakeClock) -> TrafficLight:
    """A light that has shown "closed" from 0.0 on."""
    light = TrafficLight(clock)
    light.refresh(in_service=True)
    return light


def play(
    light: TrafficLight, clock: FakeClock, until: float, signals: tuple[tuple[float, Signal], ...] = (), **state: bool
) -> None:
    """Show signals at their times, and refresh the light 64 times a second, which no rounding disturbs."""
    for at, signal in signals:
        clock.at(at, lambda signal=signal: light.show(signal))  # type: ignore[misc]
    while clock.now() < until:
        clock.sleep(1 / 64)
        light.refresh(**{"in_service": True, **state})


def shown(board: Board) -> Shown:
    """What the lamps showed, each from its hundredth of a second on; what lasted no time is left out."""
    later = [at for at, _ in board.trace[1:]] + [float("inf")]
    return [(round(at, 2), set(lit)) for (at, lit), end in zip(board.trace, later, strict=True) if at < end]


def fails(function: Callable[..., None], pin: int) -> Callable[..., None]:
    """Let a function of the GPIO package fail for one pin."""

    def failing(channel: int, *arguments: Any, **options: Any) -> None:
        if channel == pin:
            raise BUSY
        function(channel, *arguments, **options)

    return failing


class TestStart:
    @pytest.mark.parametrize(
        ("left", "then"),
        [
            ({GREEN}, [DARK]),
            ({RED}, [DARK]),
            ({RED, YELLOW}, [{YELLOW}, DARK]),
            ({GREEN, RED, YELLOW}, [{RED, YELLOW}, {YELLOW}, DARK]),
        ],
    )
    def test_darkens_what_a_killed_program_left_lit_and_green_before_all(
        self, board: Board, clock: FakeClock, left: set[int], then: list[set[int]]
    ) -> None:
        for pin in left:
            board.drive(pin, True)
        before = len(board.trace)
        TrafficLight(clock).refresh(in_service=False)
        assert [lit for _, lit in board.trace[before:]] == [*then, {YELLOW}, {RED, YELLOW}]

    def test_lights_nothing_by_itself(self, board: Board, clock: FakeClock) -> None:
        TrafficLight(clock)
        assert board.trace == []
        assert all(board.is_output(pin) for pin in (RED, YELLOW, GREEN))

    @pytest.mark.parametrize("pin", [RED, YELLOW, GREEN])
    def test_a_pin_that_cannot_be_used_leaves_the_others_dark(
        self, board: Board, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, pin: int
    ) -> None:
        for lamp in (RED, YELLOW, GREEN):
            board.drive(lamp, True)
        monkeypatch.setattr(GPIO, "setup", fails(GPIO.setup, pin))
        with pytest.raises(PinError, match=rf"^the \w+ lamp on GPIO {pin} cannot be used \(GPIO busy\): another"):
            TrafficLight(clock)
        assert board.lit == {pin}

    def test_of_several_pins_that_cannot_be_used_the_first_is_told(
        self, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(GPIO, "setup", fails(fails(GPIO.setup, YELLOW), RED))
        with pytest.raises(PinError, match="the red lamp"):
            TrafficLight(clock)

    def test_out_of_service_until_it_is_known_to_be_in_service(self, board: Board, clock: FakeClock) -> None:
        light = TrafficLight(clock)
        light.refresh(in_service=False)
        play(light, clock, until=1.0, in_service=False)
        play(light, clock, until=2.0)
        assert shown(board) == [(0.0, {RED, YELLOW}), (1.02, {RED})]


FLASHES_FROM_1 = [
    *[(1.5, DARK), (2.0, {RED}), (2.5, DARK), (3.0, {RED})],
    *[(3.5, DARK), (4.0, {RED}), (4.5, DARK), (5.0, {RED})],
]


class TestSignals:
    @pytest.mark.parametrize(
        ("signal", "expected"),
        [
            (GRANTED, [(1.0, {GREEN}), (6.0, {RED})]),
            (DENIED, FLASHES_FROM_1),
            (UNANSWERED, [(1.0, {RED, YELLOW}), (3.0, {RED})]),
            (UNREADABLE, [(1.0, DARK), (1.5, {RED})]),
        ],
    )
    def test_each_has_its_time(
        self, light: TrafficLight, board: Board, clock: FakeClock, signal: Signal, expected: Shown
    ) -> None:
        play(light, clock, 8.0, ((1.0, signal),))
        assert shown(board) == [(0.0, {RED}), *expected]

    @pytest.mark.parametrize(
        ("signals", "expected"),
        [
            (
                ((1.0, GRANTED), (3.0, GRANTED)),
                [(1.0, {GREEN}), (3.0, DARK), (3.16, {GREEN}), (8.0, {RED})],
            ),
            (
                ((1.0, GRANTED), (3.0, GRANTED), (3.125, GRANTED)),
                [(1.0, {GREEN}), (3.0, DARK), (3.28, {GREEN}), (8.12, {RED})],
            ),
            (
                ((1.0, GRANTED), (6.0, GRANTED)),  # as green ends
                [(1.0, {GREEN}), (6.0, DARK), (6.16, {GREEN}), (11.0, {RED})],
            ),
            (
                ((1.0, GRANTED), (6.5, GRANTED)),  # after its end
                [(1.0, {GREEN}), (6.0, {RED}), (6.5, {GREEN}), (11.5, {RED})],
            ),
            (
                ((0.5, GRANTED), (1.0, DENIED)),
                [(0.5, {GREEN}), (1.0, {RED}), *FLASHES_FROM_1],
            ),
            (
                ((1.0, DENIED), (2.0, GRANTED)),
                [(1.5, DARK), (2.0, {GREEN}), (7.0, {RED})],
            ),
            (
                ((1.0, GRANTED), (2.0, DENIED), (3.0, GRANTED)),
                [(1.0, {GREEN}), (2.0, {RED}), (2.5, DARK), (3.0, {GREEN}), (8.0, {RED})],
            ),
            (
                ((0.25, DENIED), (1.0, DENIED)),  # again, in a dark half second
                [(0.75, DARK), (1.0, {RED}), *FLASHES_FROM_1],
            ),
            (
                ((1.0, GRANTED), (2.0, UNANSWERED)),
                [(1.0, {GREEN}), (2.0, {RED, YELLOW}), (4.0, {RED})],
            ),
            (
                ((1.0, GRANTED), (2.0, UNREADABLE)),
                [(1.0, {GREEN}), (2.0, DARK), (2.5, {RED})],
            ),
            (
                ((1.0, UNREADABLE), (1.25, UNREADABLE)),
                [(1.0, DARK), (1.75, {RED})],
            ),
        ],
    )
    def test_each_rider_sees_his_own(
        self,
        light: TrafficLight,
        board: Board,
        clock: FakeClock,
        signals: tuple[tuple[float, Signal], ...],
        expected: Shown,
    ) -> None:
        play(light, clock, 13.0, signals)
        assert shown(board) == [(0.0, {RED}), *expected]

    def test_is_shown_to_its_end_if_the_gate_goes_out_of_service(
        self, light: TrafficLight, board: Board, clock: FakeClock
    ) -> None:
        light.show(GRANTED)
        play(light, clock, until=6.0, in_service=False)
        assert shown(board) == [(0.0, {GREEN}), (5.0, {RED, YELLOW})]

    def test_green_is_never_lit_beside_another(self, light: TrafficLight, board: Board, clock: FakeClock) -> None:
        for in_service in (True, False):
            for signal in (GRANTED, DENIED, GRANTED, UNANSWERED, GRANTED, UNREADABLE, GRANTED, GRANTED):
                light.show(signal)
                play(light, clock, clock.now() + 0.6, in_service=in_service)
            play(light, clock, clock.now() + 6.0, in_service=in_service)
        assert not [lit for _, lit in board.trace if lit >= {RED, GREEN} or lit >= {YELLOW, GREEN}]


class TestEnd:
    @pytest.mark.parametrize("signal", Signal)
    def test_dark_with_its_pins_released(self, light: TrafficLight, board: Board, signal: Signal) -> None:
        light.show(signal)
        light.close()
        assert board.lit == set()
        assert not [pin for pin in (RED, YELLOW, GREEN) if board.is_output(pin) or board.level(pin)]

    def test_never_shows_in_service_on_the_way(self, light: TrafficLight, board: Board) -> None:
        light.refresh(in_service=False)
        before = len(board.trace)
        light.close()
        assert [lit for _, lit in board.trace[before:]] == [{YELLOW}, DARK]

    @pytest.mark.parametrize("function", ["output", "setup"])
    @pytest.mark.parametrize("pin", [RED, YELLOW, GREEN])
    def test_a_pin_that_fails_keeps_no_other_lit(
        self, light: TrafficLight, board: Board, monkeypatch: pytest.MonkeyPatch, pin: int, function: str
    ) -> None:
        light.refresh(in_service=False)
        monkeypatch.setattr(GPIO, function, fails(getattr(GPIO, function), pin))
        with pytest.raises(PinError, match=f"GPIO {pin} cannot be used"):
            light.close()
        assert board.lit == set()
        assert [each for each in (RED, YELLOW, GREEN) if board.is_output(each)] == (
            [pin] if function == "setup" else []
        )

    def test_its_repr_has_the_lit_lamps(self, light: TrafficLight) -> None:
        light.refresh(in_service=False)
        assert repr(light) == "<TrafficLight: red, yellow>"
        light.close()
        assert repr(light) == "<TrafficLight: dark>"


class TestActiveLow:
    """Lamps that light while their pins are low."""

    def test_from_start_to_end(self, board: Board, clock: FakeClock) -> None:
        light = TrafficLight(clock, active_low=True)
        levels = [self.levels(board)]
        light.refresh(in_service=False)
        levels.append(self.levels(board))
        light.show(GRANTED)
        levels.append(self.levels(board))
        light.close()
        levels.append(self.levels(board))
        assert levels == [
            {RED: True, YELLOW: True, GREEN: True},
            {RED: False, YELLOW: False, GREEN: True},
            {RED: True, YELLOW: True, GREEN: False},
            {RED: True, YELLOW: True, GREEN: True},
        ]
        assert not [pin for pin in (RED, YELLOW, GREEN) if board.is_output(pin)], "pulled up"

    def test_green_left_lit_goes_out_first(self, board: Board, clock: FakeClock) -> None:
        for pin in (RED, YELLOW):
            board.drive(pin, True)
        board.drive(GREEN, False)
        before = len(board.trace)
        TrafficLight(clock, active_low=True).refresh(in_service=False)
        assert [lit for _, lit in board.trace[before:]] == [{RED, YELLOW, GREEN}, {RED, GREEN}, {GREEN}]

    @staticmethod
    def levels(board: Board) -> dict[int, bool]:
        return {pin: board.level(pin) for pin in (RED, YELLOW, GREEN)}
