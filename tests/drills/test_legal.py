"""Histories by hand, legal and illegal."""

from contextlib import closing
from math import inf
from pathlib import Path
from xml.etree import ElementTree

import pytest

from common.passes import PassType
from common.rights import TO_SELL, TO_USE
from common.scripts import USE
from common.settings import Settings
from tests import svg
from tests.drills import legal
from tests.drills.history import DRAWING, ENDING, History, Operation, RecordedStore, keep, read
from tests.drills.illegal import as_svg, as_text
from tests.drills.legal import UndecidedError, judge, without_order
from tests.model.defects import changed
from tests.model.values import Pass, Request

TEN, SINGLE, TWO_HOUR = PassType.TEN_TRIP, PassType.SINGLE_USE, PassType.TWO_HOUR


def sale(began: float, ended: float = inf, answer: str | None = "issued", type_: PassType = SINGLE) -> Operation:
    return Operation("terminal", Request("sell", f"s{began}", 1, "7", type_), began, ended, answer)


def tap(began: float, ended: float = inf, answer: str | None = "granted", session: str = "") -> Operation:
    return Operation("gate", Request("tap", session or f"t{began}", 1, "7"), began, ended, answer)


def reversal(session: str, began: float, ended: float = inf, answer: str | None = "reversed") -> Operation:
    return Operation("gate", Request("reverse", session, 1, "7"), began, ended, answer)


def change(kind: str, began: float, ended: float, answer: str | None = "done", **more: object) -> Operation:
    request = Request(kind, f"c{began}", 1, "7", name=kind)._replace(**more)  # type: ignore[arg-type]
    return Operation("desk", request, began, ended, answer)


def shapes_of(drawing: str, class_: str) -> list[ElementTree.Element]:
    return [shape for shape in ElementTree.fromstring(drawing).iter() if shape.get("class") == class_]


REPEATED = [
    sale(0, 1), tap(2, 3), tap(4, inf, None, "a"), *(reversal("a", 5 + n, inf, None) for n in range(30)),
    sale(40, 41, type_=TEN), tap(42, 43), reversal("a", 44, 45, "no-pass"),
]  # fmt: skip

LEGAL = {
    "nothing": [],
    "one after the other": [sale(0, 1), tap(2, 3), tap(4, 5, "no-pass")],
    "a tap that began before the sale was answered": [sale(0, 5), tap(1, 2), tap(3, 4, "no-pass")],
    "of two taps at once the later one wins": [sale(0, 1), tap(2, 9, "no-pass"), tap(3, 8)],
    "a tap without an answer has taken": [sale(0, 1), tap(2, inf, None), tap(4, 5, "no-pass")],
    "a tap without an answer has not taken": [sale(0, 1), tap(2, inf, None), tap(4, 5)],
    "a tap without an answer takes late": [
        sale(0, 1, type_=TEN), tap(2, inf, None), *(tap(3 + n, 3.5 + n) for n in range(9)), tap(20, 21, "no-pass"),
    ],
    "a sale without an answer takes late": [sale(0, inf, None), tap(1, 2, "no-pass"), tap(3, 4)],
    "a reversal gives back what was taken": [
        sale(0, 1), tap(2, inf, None, "a"), tap(3, 4, "no-pass"), reversal("a", 5, 6), tap(7, 8),
    ],
    "a reversal without an answer gives back late": [
        sale(0, 1), tap(2, inf, None, "a"), reversal("a", 3, inf, None), tap(4, 5, "no-pass"), tap(6, 7),
    ],
    "a tap that was reversed before it came takes nothing": [
        tap(0, inf, None, "a"), reversal("a", 1, 2), sale(3, 4), tap(5, 6),
    ],
    "an owed trip": [
        sale(0, 1), tap(2, inf, None, "a"), sale(3, 4, type_=TWO_HOUR), reversal("a", 5, 6, "owed"), tap(7, 8),
    ],
    "a reversal that was repeated thirty times": [*REPEATED, tap(46, 47)],
    "fifty gates": [sale(0, 1, type_=TEN),
        *(tap(2, 9 + n / 100, "no-pass", f"n{n}") for n in range(40)),
        *(tap(3, 8 + n / 100, "granted", f"g{n}") for n in range(10)),
    ],
    "a change of a pass that was tapped meanwhile": [
        sale(0, 1, type_=TEN), tap(2, 4), change("void", 3, 5, "changed", seen=Pass(TEN, 10)), tap(6, 7),
    ],
    "a pass that is moved": [sale(0, 1), change("move", 2, 3, seen=Pass(SINGLE), other="8"), tap(4, 5, "no-pass")],
}  # fmt: skip
ILLEGAL = {
    "a reversal that was repeated thirty times": [*REPEATED, tap(46, 47, "no-pass")],
    "a lost update": [sale(0, 1, type_=TEN), *(tap(2 + n, 3 + n) for n in range(11))],
    "a double grant": [sale(0, 1), tap(2, 9), tap(3, 8)],
    "two sales at once": [sale(0, 5), sale(1, 6, type_=TEN)],
    "a tap before the sale": [tap(0, 1), sale(2, 3)],
    "a sale that is gone": [sale(0, 1), tap(2, 3, "no-pass")],
    "a reversal that gives back twice": [
        sale(0, 1), tap(2, inf, None, "a"), reversal("a", 3, 4), reversal("a", 5, 6), tap(7, 8), tap(9, 10),
    ],
    "a tap that takes after its reversal": [
        sale(0, 1), tap(2, inf, None, "a"), reversal("a", 3, 4), tap(5, 6, "no-pass"),
    ],
    "a trip that is neither given back nor owed": [
        sale(0, 1), tap(2, inf, None, "a"), reversal("a", 3, 4, "no-pass"), tap(5, 6),
    ],
    "a change of a pass that has changed": [
        sale(0, 1, type_=TEN), tap(2, 3), change("void", 4, 5, seen=Pass(TEN, 10)),
    ],
    "a pass that is moved and stays": [
        sale(0, 1), change("move", 2, 3, seen=Pass(SINGLE), other="8"), tap(4, 5),
    ],
    "a gate that lets in behind fifty": [
        sale(0, 1, type_=TEN), *(tap(2, 9 + n / 100, "granted", f"g{n}") for n in range(11)),
        *(tap(2, 9 + n / 100, "no-pass", f"n{n}") for n in range(39)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("history", LEGAL.values(), ids=LEGAL)
def test_there_is_a_legal_order(history: list[Operation]) -> None:
    assert [*without_order(history)] == []


@pytest.mark.parametrize("history", ILLEGAL.values(), ids=ILLEGAL)
def test_there_is_no_legal_order(history: list[Operation]) -> None:
    assert len([*without_order(history)]) == 1


def test_a_request_without_an_answer_has_no_effect_after_a_later_one_of_its_session() -> None:
    unknown = sale(0, inf, None)
    later = Operation("terminal", Request("sell", unknown.request.session, 2, "8", SINGLE), 1, 2, "issued")
    assert [*without_order([unknown, later, tap(1.5, 2.5)])] == []
    assert [*without_order([unknown, later, tap(3, 4, "no-pass"), tap(5, 6)])]


def test_too_many_orders_are_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legal, "MOST_STATES", 5)
    assert [*without_order([tap(n, n + 0.5, "no-pass") for n in range(4)])] == []
    with pytest.raises(UndecidedError):
        list(without_order([tap(n, n + 0.5, "no-pass") for n in range(9)]))


def test_a_drill_is_judged(settings: Settings, tmp_path: Path) -> None:
    history = tmp_path / f"1{ENDING}"
    with closing(RecordedStore(history, settings, [*TO_USE, *TO_SELL])) as store:
        store.issue(store.new_request("7"), TEN)
        store.use("7")
        assert judge(tmp_path) == []
        with changed("writes = {{'HINCRBY', card, 'tripsRemaining', '-1'}}", "", USE):
            outcomes = [store.use("7") for _ in range(10)]
    assert outcomes == 10 * ["granted"]
    (wrong,) = judge(tmp_path)
    assert wrong.count("tap: granted") == 11
    assert wrong.endswith("<- does not fit")
    assert len(shapes_of((tmp_path / DRAWING).read_text(), "request")) == 12


def answer_is_lost() -> str:
    raise ConnectionError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    request = Request("credit", "ab", 1, "7", TEN, Pass(TEN, 3, is_blocked=True), "", 2, "credit:2")
    history = History(tmp_path / "1.history")
    assert history.record("desk", request, lambda: "done") == "done"
    with pytest.raises(ConnectionError):
        history.record("desk", request, answer_is_lost)
    first, second = read(tmp_path / "1.history")
    assert (first.client, first.request, first.answer) == ("desk", request, "done")
    assert (second.request, second.ended, second.answer) == (request, inf, None)
    assert first.began <= first.ended <= second.began


def test_an_illegal_history_is_drawn(tmp_path: Path) -> None:
    history = History(tmp_path / "1.history")
    for number in (1, 2):
        history.record("gate", Request("tap", "a", number, "7"), lambda: "granted")
    (wrong,) = judge(tmp_path)
    assert "1: card 7 has no legal order" in wrong
    last = tap(12, 39, session="cd")
    assert as_text([sale(0, 20), tap(10, 15, session="ab"), last], last).splitlines() == [
        "  |=====================                   | 7 s0-1 sell: issued",
        "  |          ======                        | 7 ab-1 tap: granted",
        "  |            ============================| 7 cd-1 tap: granted   <- does not fit",
    ]


def test_a_drawing_has_a_bar_for_each_request_and_says_of_which_card() -> None:
    misfit = tap(12, 39, session="cd")
    history = [sale(0, 20), tap(10, 15, session="ab"), tap(11, inf, None, "ef"), misfit, tap(41, 42, "no-pass")]
    drawing = as_svg("1: card 7 has no legal order", history, misfit)
    bars = shapes_of(drawing, "request")
    assert [bar[0].text for bar in bars] == [
        "7 s0-1 sell: issued", "7 ab-1 tap: granted", "7 ef-1 tap: no answer", "7 cd-1 tap: granted",
    ]  # fmt: skip
    ends = [float(bar.attrib["x"]) + float(bar.attrib["width"]) for bar in bars]
    assert [bar.attrib["fill"] for bar in bars] == [svg.GREEN, svg.GREEN, svg.GREY, svg.GREEN]
    left, right = float(bars[0].attrib["x"]), ends[-1]
    assert [(end - left) / (right - left) for end in ends] == pytest.approx([20 / 39, 15 / 39, 1, 1], abs=0.01)
    (mark,) = shapes_of(drawing, "legal")
    assert mark.attrib["d"].startswith(f"M{right:.1f} ")
    texts = [*ElementTree.fromstring(drawing).itertext()]
    assert "1: card 7 has no legal order" in texts
    assert "4 of 5 requests" in texts
    reason = "What was answered before 39000.0 ms (dashed) has a legal order; the tap of gate, then answered granted,"
    assert any(text.startswith(reason) for text in texts)


def test_what_overlaps_is_drawn_below_one_another() -> None:
    history = ILLEGAL["a gate that lets in behind fifty"]
    bars = shapes_of(as_svg("1", history, history[-1]), "request")
    assert len({bar.attrib["y"] for bar in bars}) == len(bars) == len(history)


@pytest.mark.parametrize("text", ["</svg><script>", "\0\x1b[2J", '&"\ud800\ufffe'])
def test_no_text_of_a_history_gets_into_a_drawing_as_it_is(text: str) -> None:
    misfit = Operation(text, Request("tap", text, 1, text), 0, 1, text)
    drawing = as_svg(text, [misfit], misfit)
    drawing.encode()
    assert {each.tag.rpartition("}")[2] for each in ElementTree.fromstring(drawing).iter()} == {
        "svg", "title", "desc", "rect", "text", "path",
    }  # fmt: skip


def test_only_what_has_no_order_is_drawn_beside_the_kept_history(tmp_path: Path) -> None:
    kept, folder = tmp_path / "run.jsonl", tmp_path / "drill"
    folder.mkdir()
    request = Request("tap", "a", 1, "7")
    History(folder / f"1{ENDING}").record("gate", request, lambda: "no-pass")
    assert judge(folder) == []
    keep("cuts", folder, kept)
    assert [*tmp_path.glob("*.svg")] == []
    for round_ in (2, 3):
        History(folder / f"{round_}{ENDING}").record("gate", request, lambda: "granted")
    assert len(judge(folder)) == 2
    keep("cuts", folder, kept)
    drawing = (tmp_path / "run.jsonl.cuts.svg").read_text()
    assert drawing == (folder / DRAWING).read_text()
    assert '<title id="title">2: card 7 has no legal order</title>' in drawing
