"""Each script's head is its contract: what it lists is what the script does."""

import re
from pathlib import Path

import pytest

import common
from common.passes import SaleOutcome, UseOutcome
from common.scripts import CHANGE, CHECK, ISSUE, REVERSE, STATUS, USE, Script

FOLDER = Path(common.__file__).parent
OF_DEVICES = ["use", "issue", "reverse"]
TRANSACTIONS = [*OF_DEVICES, "change"]


def head(name: str) -> dict[str, list[str]]:
    """Return the lists at the top of a script, by their first word."""
    lines = (FOLDER / f"{name}.lua").read_text().split("\n\n")[0].splitlines()
    found = (re.fullmatch(r"-- (Answers|Events|Takes|Sets) +([^;]*)(;.*)?", line) for line in lines)
    return {match[1]: match[2].split(", ") for match in found if match}


def body(name: str) -> str:
    return (FOLDER / f"{name}.lua").read_text().split("\n\n", 1)[1]


@pytest.mark.parametrize(
    ("name", "outcomes"),
    [
        ("use", {*UseOutcome}),
        ("issue", {*SaleOutcome} - {SaleOutcome.STALE}),
        ("reverse", {"reversed", "nothing", "owed"}),
        ("change", {"done", "changed"}),
    ],
)
def test_the_answers_are_the_outcomes(name: str, outcomes: set[str]) -> None:
    given = re.findall(r"outcome(?:, pass_type)? = '([a-z-]+)'", body(name))
    assert set(head(name)["Answers"]) == set(given) == outcomes


@pytest.mark.parametrize("name", OF_DEVICES)  # those of a change are given to it
def test_the_events_are_those_published(name: str) -> None:
    published = re.findall(r"'(pass-[^']+)'", body(name))
    assert {each for event in head(name)["Events"] for each in published if event.startswith(each)} == set(published)
    assert all(event.startswith(tuple(published)) for event in head(name)["Events"])


@pytest.mark.parametrize("name", TRANSACTIONS)
def test_what_is_taken_from_transaction_lua_is_what_is_used(name: str) -> None:
    defined = re.findall(r"^local (?:function )?([A-Za-z_, ]+)", (FOLDER / "transaction.lua").read_text(), re.MULTILINE)
    names = {each.strip() for line in defined for each in line.split(",")}
    code = re.sub(r"--.*|'[^']*'", "", body(name))
    used = {each for each in names if re.search(rf"(?<!\.)\b{each}\b", code)}
    assigned = re.findall(r"^ *([a-z_]+(?:, [a-z_]+)*)(?:\[.*\])? = ", code, re.MULTILINE)
    set_ = {each for names_ in assigned for each in names_.split(", ")} & names
    assert set(head(name)["Sets"]) == set_
    assert set(head(name)["Takes"]) == used - set_


@pytest.mark.parametrize(
    ("script", "first_line"),
    [
        (USE, "#!lua"),
        (ISSUE, "#!lua"),
        (CHANGE, "#!lua"),
        (CHECK, "#!lua"),
        (REVERSE, "#!lua flags=allow-oom"),
        (STATUS, "#!lua flags=allow-oom"),
    ],
)
def test_it_is_refused_whole_where_writes_are_refused(script: Script, first_line: str) -> None:
    assert script.text.splitlines()[0] == first_line
