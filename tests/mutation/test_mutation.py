"""The defects that are tried, and how it is told whether the tests let one through."""

import ast
from pathlib import Path
from textwrap import dedent

import pytest

from tests.mutation import lua, python
from tests.mutation.__main__ import harmless, mutants
from tests.mutation.modules import MODULES
from tests.mutation.trial import BrokenTestsError, Copy

ROOT = Path(__file__).parents[2]


def changes(module: str, text: str) -> list[str]:
    """Return what is changed, without the lines around."""
    made = {"python": python, "lua": lua}[module].mutants("x", text)
    return [mutant.change[mutant.change.index("{") + 1 : mutant.change.rindex("}")] for mutant in made]


class TestPython:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("a < b", ["a < b -> a <= b", "a < b -> a >= b"]),
            ("a is None", ["a is None -> a is not None"]),
            ("a and b", ["a and b -> a or b"]),
            ("not a", ["not a -> a"]),
            ("a + b", ["a + b -> a - b"]),
            ("min(a)", ["min(a) -> pass", "min -> max"]),
            ("1 if a else 2.0", ["a -> not a", "1 -> 2", "1 -> 0", "2.0 -> 4.0", "2.0 -> 1.0"]),
            ("'ä' == b", ["'ä' == b -> 'ä' != b", "'ä' -> ''"]),
            ("x = f'{1}'", ["f'{1}' -> ''"]),
            ("a.b = True", ["True -> False"]),
            (
                "def f(a: 'int') -> 'int':\n  '''One.'''\n  a.b = a\n  return a",
                ["a.b = a -> pass", "return a -> return None"],
            ),
        ],
    )
    def test_each_defect_is_made(self, text: str, expected: list[str]) -> None:
        assert changes("python", text) == expected

    def test_the_rest_stays_and_it_can_be_parsed(self) -> None:
        text = (ROOT / "entry_gate/gate.py").read_text()
        made = [*python.mutants("entry_gate/gate.py", text)]
        for mutant in made:
            assert ast.dump(ast.parse(mutant.text)) != ast.dump(ast.parse(text))
            assert mutant.text.splitlines()[: mutant.line - 1] == text.splitlines()[: mutant.line - 1]
        assert len({mutant.text for mutant in made}) == len(made)


class TestLua:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("local x = a == 'b' -- or 1", ["== -> ~=", "'b' -> ''"]),
            ("if is_first then", ["is_first -> not (is_first)"]),
            ("x = not a and 10", ["not -> ", "and -> or", "10 -> 11", "10 -> 9", "x = not a and 10 -> "]),
            ("x = {\n  'a' .. b,\n}", ["'a' -> ''"]),
            ("local function f()\n  return a <= b\nend", ["<= -> <", "<= -> >", "a <= b -> nil"]),
        ],
    )
    def test_each_defect_is_made(self, text: str, expected: list[str]) -> None:
        assert changes("lua", text) == expected


class TestTrial:
    """On a program of three lines."""

    TESTS = ("test_limit.py",)
    SOUND = "def is_high(number):\n    return number > 10\n"

    @pytest.fixture
    def copy(self, tmp_path: Path) -> Copy:
        (tmp_path / "program").mkdir()
        (tmp_path / "program/limit.py").write_text(self.SOUND)
        (tmp_path / "program/test_limit.py").write_text(
            dedent("""\
                from limit import is_high
                def test_high():
                    assert is_high(12)
                    assert not is_high(8)
                """)
        )
        return Copy(tmp_path, tmp_path / "program")

    @pytest.mark.process
    def test_what_no_test_sees_is_let_through(self, copy: Copy) -> None:
        copy.warm_up(self.TESTS)
        for text, is_let_through in [
            (self.SOUND, True),
            (self.SOUND.replace(">", "<"), False),
            (self.SOUND.replace(">", ">="), True),
            (self.SOUND.replace("10", "11"), True),
            (self.SOUND.replace("10", "12"), False),
            ("while True: pass", False),
            ("def", False),
        ]:
            assert copy.lets_through("limit.py", text, self.TESTS, limit_s=3) is is_let_through, text
        assert (copy.folder / "limit.py").read_text() == self.SOUND

    @pytest.mark.process
    def test_tests_that_fail_anyway_tell_nothing(self, copy: Copy) -> None:
        (copy.folder / "limit.py").write_text("")
        with pytest.raises(BrokenTestsError, match=r"test_limit\.py without a defect: exit code"):
            copy.warm_up(self.TESTS)


class TestTables:
    @pytest.mark.parametrize("path", MODULES)
    def test_what_is_tried_is_there(self, path: str) -> None:
        assert mutants(path, ROOT)
        assert all((ROOT / each).exists() for each in MODULES[path])

    def test_what_is_known_to_be_harmless_can_still_be_made(self) -> None:
        made = {f"{path}: {mutant.change}" for path in MODULES for mutant in mutants(path, ROOT)}
        assert harmless() - made == set()
