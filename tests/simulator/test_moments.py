"""What a device does, told in few lines, in this process: time is what the outputs say."""

from simulator.device import Output, OutputKind
from simulator.moments import Moment, Moments

AFTER_S = 100.0

LAMP, SOUND, LOG = OutputKind.LAMP, OutputKind.SOUND, OutputKind.LOG
Doing = tuple[float, OutputKind | None, str]

CLOSED: list[Doing] = [(-10, LAMP, "red on")]
GRANTED: list[Doing] = [
    *((0, LAMP, "red off"), (0, LAMP, "green on")),
    *((0.01, LOG, "granted"), (0.05, SOUND, "access-granted")),
]
DENIED: list[Doing] = [(0, LOG, "denied"), (0.05, SOUND, "access-denied")]
FLASHES: list[Doing] = [(0.5 * step, LAMP, "red off" if step % 2 else "red on") for step in range(1, 9)]


def told(*doings: Doing) -> list[tuple[float, str]]:
    """Return the lines, and when each is told."""
    moments, lines, now = Moments(), [], 0.0
    for at, kind, text in [*doings, (AFTER_S, None, "")]:
        while moments.due is not None and moments.due <= at:
            now = max(now, moments.due)
            lines += [(now, in_words(moment)) for moment in moments.settle(now)]
        now = at
        if kind:
            lines += [(now, in_words(moment)) for moment in moments.add(Output("gate", kind, text, at))]
    return [(round(at, 3), line) for at, line in lines]


def in_words(moment: Moment) -> str:
    lamps = [f"{lamp}{' flashes' if lamp in moment.flashing else ''}" for lamp in sorted(moment.lit | moment.flashing)]
    return " ".join([*([",".join(lamps) or "dark"] if moment.changed else []), *sorted(moment.texts.values())])


def later(by_s: float, doings: list[Doing]) -> list[Doing]:
    return [(at + by_s, kind, text) for at, kind, text in doings]


def test_a_grant_is_one_line_at_once_and_red_again_another() -> None:
    closing: list[Doing] = [(5, LAMP, "green off"), (5, LAMP, "red on")]
    lines = told(*CLOSED, *GRANTED, *closing)[1:]
    assert lines == [(0.05, "green access-granted granted"), (5.8, "red")]


def test_a_denial_is_one_line_however_often_the_lamp_flashes() -> None:
    assert told(*CLOSED, *DENIED, *FLASHES)[1:] == [(1.0, "red flashes access-denied denied")]


def test_a_denial_is_one_line_also_where_another_lamp_has_just_ceased_to_flash() -> None:
    fault: list[Doing] = [(-1.2, LAMP, "yellow on"), (-0.79, LAMP, "yellow off")]
    lines = told(*CLOSED, *fault, *DENIED, *FLASHES)[1:]
    assert [line for _, line in lines] == ["red,yellow flashes", "red flashes access-denied denied"]


def test_a_denial_while_green_stands() -> None:
    lamps: list[Doing] = [(2, LAMP, "green off"), (2, LAMP, "red on")]
    lines = told(*CLOSED, *GRANTED, *lamps, *later(2, DENIED), *later(2, FLASHES))[1:]
    assert lines == [(0.05, "green access-granted granted"), (3.0, "red flashes access-denied denied")]


def test_a_second_denial_while_red_flashes_is_a_line_of_its_own() -> None:
    lines = told(*CLOSED, *DENIED, *FLASHES[:3], *later(1.7, DENIED), (1.7, LAMP, "red on"), *later(1.7, FLASHES))[1:]
    assert [line for _, line in lines] == ["red flashes access-denied denied"] * 2


def test_a_grant_while_red_flashes_ends_the_flashing() -> None:
    lines = told(*CLOSED, *DENIED, *FLASHES[:4], *later(2.1, GRANTED))[1:]
    assert lines == [(1.0, "red flashes access-denied denied"), (2.15, "green access-granted granted")]


def test_a_grant_while_green_stands() -> None:
    again: list[Doing] = [(3, LAMP, "green off"), (3.01, LOG, "granted"), (3.05, SOUND, "access-granted")]
    lines = told(*CLOSED, *GRANTED, *again, (3.15, LAMP, "green on"))[2:]
    assert lines == [(3.15, "green flashes access-granted granted")]


def test_two_cards_at_once_put_red_out_once() -> None:
    lines = told(*CLOSED, (0, LAMP, "red off"), (0.04, SOUND, "access-denied"), (0.5, LAMP, "red on"))[1:]
    assert lines == [(0.8, "red flashes access-denied")]


def test_lamps_that_stay_otherwise_after_flashing_are_told() -> None:
    lines = told(*CLOSED, *DENIED, *FLASHES[:3])[1:]
    assert [line for _, line in lines] == ["red flashes access-denied denied", "dark"]


def test_a_fault_is_told_with_its_lamps_and_each_line_of_the_log_once() -> None:
    lines = told(*CLOSED, (0, LOG, "no connection"), (0.2, LOG, "no answer"), (0.3, LAMP, "yellow on"))[1:]
    assert lines == [(0.2, "no connection"), (1.0, "red,yellow no answer")]


def test_a_fault_that_lasts_a_moment_is_told() -> None:
    lines = told(*CLOSED, (0, LAMP, "yellow on"), (0.3, LAMP, "yellow off"))[1:]
    assert lines == [(0.8, "red,yellow flashes"), (1.1, "red")]


def test_a_light_that_goes_out_for_good_is_told() -> None:
    assert told(*CLOSED, (0, LAMP, "red off"))[1:] == [(0.8, "dark")]


def test_a_device_without_lamps_is_told_at_once() -> None:
    assert told((0, SOUND, "select-a-pass"), (1, LOG, "sold"), (1.05, SOUND, "thank-you")) == [
        (0, "select-a-pass"),
        (1.05, "sold thank-you"),
    ]


def test_what_is_open_at_the_end_is_told() -> None:
    moments = Moments()
    assert not list(moments.add(Output("gate", LOG, "has ended", 0)))
    assert [in_words(moment) for moment in moments.close()] == ["has ended"]
    assert not list(moments.close())
