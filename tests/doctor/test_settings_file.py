"""The settings file as the doctor reads it, compared with systemd's own parser where that is installed."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.settings import PREFIX
from doctor.settings_file import check_settings, parse, read_settings

GENERATOR = Path("/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator")
NAME = f"{PREFIX}REDIS_PASSWORD"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"{NAME}=depot 9  ", "depot 9"),
        (f"  {NAME} = depot9", "depot9"),
        (rf"{NAME}=depot\9", "depot9"),
        (rf"{NAME}=depot\\9\ " + " ", r"depot\9 "),
        (f"{NAME}=depot\\\n9", "depot9"),
        (f"{NAME}=depot#9", "depot#9"),
        (f"{NAME}=de'po't", "de'po't"),
        (rf'{NAME}="depot\"9\$\x"', r'depot"9$\x'),
        (f'{NAME}="depot" # of the depot', "depot# of the depot"),
        (f'{NAME}="depot" "9"', "depot9"),
        (f'{NAME}="de\\\npot"', "depot"),
        (rf"{NAME}='depot\9'", r"depot\9"),
        (f"{NAME}='de\npot'", "de\npot"),
        (f"{NAME}=depot9\r\nOTHER=1\r\n", "depot9"),
        (f"# {NAME}=1\n;{NAME}=2\n{NAME}=3\n{NAME}=4", "4"),
        (f"{NAME}=\\", ""),
    ],
)
def test_values(text: str, value: str) -> None:
    assert parse(text).values[NAME] == value


@pytest.mark.skipif(not GENERATOR.exists(), reason="systemd's generator of environments is not installed")
@given(st.lists(st.sampled_from(["\nC=", "B", "=", "'", '"', "\\", "\n", " ", "#", ";", "é"]), max_size=25))
def test_systemd_reads_the_same(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    text = "A=" + "".join(parts)
    folder = tmp_path_factory.mktemp("home")
    try:
        ours = parse(text).values
    except ValueError:
        return
    (folder / "environment.d").mkdir()
    (folder / "environment.d/a.conf").write_text(text, encoding="utf-8")
    environment = {"XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
    said = subprocess.run([GENERATOR], env=environment, capture_output=True, text=True, check=True).stdout
    shown = subprocess.run(["sh", "-c", f'{said}\nprintf %s "$A"'], env={}, capture_output=True, text=True, check=True)
    assert shown.stdout == ours.get("A", "").replace("\n", "\\n")  # it shows a newline so, and leaves out what is empty


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f'A=1\n{NAME}="depot\nB=2', "line 2: a quote is not closed"),
        (f"{NAME}='depot", "line 1: a quote is not closed"),
        (f"# a comment \\\n{NAME}=depot", "line 1: a comment ends with a backslash"),
    ],
)
def test_what_is_uncertain_is_refused(text: str, line: str) -> None:
    with pytest.raises(ValueError, match=line) as refusal:
        parse(text)
    assert "depot" not in str(refusal.value)


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"A=\xff")
    with pytest.raises(ValueError, match="utf-8"):
        read_settings(tmp_path / "file")


class TestFinding:
    def test_all_is_well(self) -> None:
        (finding,) = check_settings(parse(f"# the gate\n{NAME}=depot\nLANG=C\n"), {NAME: "depot"})
        assert (finding.status, finding.text) == ("OK", "every name is known")

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (f"\nexport {NAME}=depot", "line 2 is ignored: what stands before its = is not the name of a variable"),
            (f"{NAME}: depot", "line 1 is ignored: it is not NAME=VALUE"),
        ],
    )
    def test_a_line_that_sets_nothing(self, text: str, problem: str) -> None:
        (finding,) = check_settings(parse(text), {})
        assert (finding.status, finding.text) == ("FAIL", problem)

    def test_a_name_without_the_prefix_where_the_right_one_is_set_too(self) -> None:
        file = parse(f"{NAME}=\nREDIS_PASSWORD=depot\n")
        (finding,) = check_settings(file, {**file.values, NAME: "other"})
        assert finding.status == "FAIL"
        assert finding.text == f"REDIS_PASSWORD is not a setting and is ignored; the nearest is {NAME}"

    def test_each_variable_that_sets_nothing(self) -> None:
        environment = {f"{PREFIX}REDIS_HOTS": "x", "REDIS_PASSWORD": "depot"}
        findings = list(check_settings(parse(""), environment))
        assert [finding.status for finding in findings] == ["FAIL", "FAIL"]
        assert [finding.text.rsplit(" ")[-1] for finding in findings] == [NAME, f"{PREFIX}REDIS_HOST"]
        assert "depot" not in str(findings)
