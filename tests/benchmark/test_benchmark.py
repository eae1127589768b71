"""What the benchmark makes of what it has measured, and how it splits a tap."""

import json
import logging
import math
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests import svg
from tests.benchmark import __main__ as benchmark
from tests.benchmark import gate, machine, picture, tap
from tests.benchmark.comparison import BadFileError, Run, comparison, gain, read_run
from tests.benchmark.row import Row
from tests.benchmark.tap import PARTS, Tap

RATE = Row("events a second", 20_000, "", more_is_better=True)
LATENCY = Row("latency", 10, "ms")


def taps(kind: str, *taps: Tap) -> list[Row]:
    return list(tap.rows(kind, taps, 15, 24))


class TestTap:
    one = Tap(looked=0.007, asked=0.012, answered=0.013, lit=0.0135)

    def test_parts_are_the_whole(self) -> None:
        assert self.one.parts == pytest.approx((0.007, 0.005, 0.001, 0.0005))
        assert sum(self.one.parts) == pytest.approx(self.one.lit)

    def test_rows_are_medians_in_milliseconds(self) -> None:
        rows = taps("card", self.one, replace(self.one, lit=0.03), Tap(0, 0.004, 0.005, 0.006))
        median, last, *parts = rows
        assert [median.value, last.value] == pytest.approx([13.5, 30])
        assert [median.bound, last.bound] == [15, 24]
        assert [row.value for row in parts] == pytest.approx([7, 5, 1, 1])
        assert {row.samples for row in rows} == {3}

    def test_names_tell_rows_apart_whatever_the_number_of_taps(self) -> None:
        few, many = taps("card", self.one), taps("card", self.one, self.one)
        assert [row.name for row in few] == [row.name for row in many]
        names = [row.name for kind in picture.KINDS for row in taps(kind, self.one)]
        assert len({*names}) == len(names)


@pytest.mark.process
@pytest.mark.parametrize("uid_bytes", [4, 7])
def test_a_tap_is_split_where_it_happens(uid_bytes: int, server_program: Path, tmp_path: Path) -> None:
    with gate.station(server_program, tmp_path, uid_bytes) as here:
        for _ in range(2):
            measured = here.tap()
            assert 0 <= measured.looked < measured.asked < measured.answered
            assert measured.asked < measured.lit


class TestGain:
    @pytest.mark.parametrize(
        ("row", "was", "is_", "expected"),
        [
            (RATE, 10, 20, 2),
            (RATE, 20, 10, 0.5),
            (RATE, 0, 10, math.inf),
            (RATE, 10, 0, 0),
            (LATENCY, 10, 20, 0.5),
            (LATENCY, 20, 10, 2),
            (LATENCY, 0, 10, 0),
            (LATENCY, 10, 0, math.inf),
            (LATENCY, 0, 0, 1),
        ],
    )
    def test_less_than_one_is_worse(self, row: Row, was: float, is_: float, expected: float) -> None:
        assert gain(replace(row, value=is_), replace(row, value=was)) == expected


class TestComparison:
    def test_worst_first(self) -> None:
        old = Run({}, (RATE, LATENCY, Row("bytes", 100, "B")))
        new = Run({}, (replace(RATE, value=30_000), replace(LATENCY, value=40), Row("bytes", 100, "B")))
        assert [line.split() for line in list(comparison(new, old))[1:]] == [
            ["0.25", "latency:", "10", "->", "40", "ms"],
            ["1.00", "bytes:", "100", "->", "100", "B"],
            ["1.50", "events", "a", "second:", "20,000", "->", "30,000"],
        ]

    def test_names_rows_that_only_one_has(self) -> None:
        lines = list(comparison(Run({}, (RATE,)), Run({}, (LATENCY,))))
        assert lines[1:] == ["only in this run: events a second", "only in the former: latency"]

    def test_other_units_are_another_row(self) -> None:
        lines = list(comparison(Run({}, (LATENCY,)), Run({}, (replace(LATENCY, unit="s"),))))
        assert lines[1:] == ["only in this run: latency", "only in the former: latency"]

    def test_tells_what_else_differs(self) -> None:
        lines = list(comparison(Run({"python": "3.13.1", "cores": 2}, ()), Run({"python": "3.11.7", "cores": 2}, ())))
        assert lines[1:] == ["not the same python: 3.11.7 -> 3.13.1"]

    def test_prints_nothing_raw(self, tmp_path: Path) -> None:
        file = tmp_path / "run.json"
        rows = [{"name": "\x1b[2Jrow", "value": 1, "unit": "ms"}]
        file.write_text(json.dumps({"machine": {"cpu": "\x1b]0;x\x07"}, "rows": rows}))
        lines = list(comparison(Run({"cpu": "AMD EPYC"}, (RATE,)), read_run(file)))
        assert len(lines) == 4
        assert all(line.isprintable() for line in lines)


class TestReadRun:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            pytest.param("[" * 100_000, id="deep"),
            "[]",
            "{}",
            '{"rows": []}',
            '{"rows": {}}',
            '{"rows": [1]}',
            '{"rows": [{"name": "a", "unit": "ms"}]}',
            '{"rows": [{"name": "a", "unit": "ms", "value": "1"}]}',
            '{"rows": [{"name": "a", "unit": "ms", "value": -1}]}',
            '{"rows": [{"name": "a", "unit": "ms", "value": NaN}]}',
            '{"rows": [{"name": 1, "unit": "ms", "value": 1}]}',
        ],
    )
    def test_bad_file(self, text: str, tmp_path: Path) -> None:
        file = tmp_path / "run.json"
        file.write_text(text)
        with pytest.raises(BadFileError):
            read_run(file)

    def test_not_text(self, tmp_path: Path) -> None:
        file = tmp_path / "run.json"
        file.write_bytes(b"\xff\xfe")
        with pytest.raises(BadFileError):
            read_run(file)

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(BadFileError):
            read_run(tmp_path / "run.json")


class TestPicture:
    rows = tuple(row for kind in picture.KINDS for row in taps(kind, TestTap.one))
    drawing = picture.as_svg(picture.bars(rows))

    def test_bars_are_as_long_as_what_was_measured(self) -> None:
        shapes = ElementTree.fromstring(self.drawing).iter()
        parts = [shape for shape in shapes if shape.get("class") == "part"]
        assert len(parts) == len(picture.KINDS) * len(PARTS)
        widths = [float(part.attrib["width"]) for part in parts[: len(PARTS)]]
        whole = svg.WIDTH - 2 * svg.MARGIN
        assert widths == pytest.approx([whole * each / 13.5 for each in (7, 5, 1, 0.5)], abs=0.1)

    def test_parts_follow_one_another(self) -> None:
        parts = [each for each in ElementTree.fromstring(self.drawing).iter() if each.get("class") == "part"]
        for before, after in pairwise(parts[: len(PARTS)]):
            end = float(before.attrib["x"]) + float(before.attrib["width"])
            assert float(after.attrib["x"]) == pytest.approx(end, abs=0.2)

    def test_says_in_words_what_it_shows(self) -> None:
        description = ElementTree.fromstring(self.drawing).findtext("{http://www.w3.org/2000/svg}desc")
        assert description
        assert "4-byte card, local Redis: 13.5 ms: until the reader looks 7.0 ms, exchange" in description

    def test_the_same_figures_make_the_same_file(self) -> None:
        assert picture.as_svg(picture.bars(reversed(self.rows))) == self.drawing

    def test_the_one_in_the_documents_was_drawn_by_it(self) -> None:
        stored = Path(picture.__file__).parents[2] / "pictures" / "tap.svg"
        texts = [shape.text for shape in ElementTree.parse(stored).iter() if shape.tag.endswith("text")]
        assert [text for text in (picture.TITLE, *PARTS) if text not in texts] == []
        titles = [str(text).rpartition(":")[0] for text in texts]
        assert [title for title in picture.KINDS.values() if title not in titles] == []


class TestCommand:
    @pytest.fixture(autouse=True)
    def measured(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Let measurements give rows at once, and let the results go to a folder of their own."""
        measurements = {name: lambda *_: iter([RATE]) for name in ("monitor", *picture.MEASURED_BY)}
        monkeypatch.setattr(benchmark, "MEASUREMENTS", measurements)
        monkeypatch.setattr(logging, "disable", lambda: None)
        monkeypatch.chdir(tmp_path)

    def test_writes_the_machine_and_the_rows(self, server_program: Path) -> None:
        benchmark.main(["monitor", "--quick"])
        content = json.loads(Path("benchmark.json").read_text())
        facts = content["machine"]
        assert facts["quick"] is True
        assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
        assert facts["server"].split()[0].lower() in {"valkey", "redis"}
        assert facts["server"].split()[1][0].isdigit()
        assert facts["cores"] >= 1
        assert facts["memory_gb"] > 0
        assert {"cpu", "kernel", "virtual", "redis_py", "hiredis", "project", "commit"} <= facts.keys()
        assert machine.sentence(facts).isprintable()
        assert read_run(Path("benchmark.json")).rows == (RATE,)

    def test_compares_with_the_file_that_it_then_replaces(self, capsys: pytest.CaptureFixture[str]) -> None:
        slower = {"name": RATE.name, "unit": "", "value": 10_000, "more_is_better": True}
        Path("benchmark.json").write_text(json.dumps({"machine": {}, "rows": [slower]}))
        benchmark.main(["monitor", "--against", "benchmark.json"])
        assert "  2.00  events a second: 10,000 -> 20,000\n" in capsys.readouterr().out
        assert read_run(Path("benchmark.json")).rows == (RATE,)

    def test_bad_former_run_ends_it_before_anything_is_measured(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as end:
            benchmark.main(["monitor", "--against", "none.json"])
        assert end.value.code == 2
        output, error = capsys.readouterr()
        assert (output, error.count("\n")) == ("", 1)
        assert "none.json: No such file" in error
        assert not Path("benchmark.json").exists()

    @pytest.mark.parametrize(
        "arguments", [["monitor", "--picture", "tap.svg"], ["--picture", "none/tap.svg"], ["--json", "none/run.json"]]
    )
    def test_what_cannot_be_written_is_refused_before(self, arguments: list[str]) -> None:
        with pytest.raises(SystemExit) as end:
            benchmark.main(arguments)
        assert end.value.code == 2
        assert not list(Path().iterdir())

    def test_draws_what_it_measured(self, monkeypatch: pytest.MonkeyPatch) -> None:
        each = zip(picture.MEASURED_BY, picture.KINDS, strict=True)
        measurements = {name: lambda *_, kind=kind: iter(taps(kind, TestTap.one)) for name, kind in each}
        monkeypatch.setattr(benchmark, "MEASUREMENTS", measurements)
        benchmark.main([*picture.MEASURED_BY, "--picture", "tap.svg"])
        assert Path("tap.svg").read_text() == TestPicture.drawing
