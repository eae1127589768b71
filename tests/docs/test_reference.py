"""What the documents list is what the code has: settings, options, log lines, messages, drills, and the layout."""

import ast
import json
import re
import runpy
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from back_office import __main__ as back_office
from back_office import desk
from back_office.desk import Change
from back_office.store import Store
from common import scripts, wiring
from common.clock import Clock
from common.keys import DEVICE_STATUS, JOURNAL, SPENT_PREFIX
from common.pass_store import PassStore
from common.passes import PassType
from common.pulse import Pulse
from common.request import Request
from common.rights import TO_SELL, TO_USE
from common.scripts import REVERSE, USE
from common.service_manager import ServiceManager
from common.settings import PREFIX, SETTINGS, Settings
from tests.docs.documents import Document, document, documents
from tests.drills.table import tables
from tests.processes import REPOSITORY

PRODUCT = ["audio", "common", "back_office", "doctor", "entry_gate", "sales_terminal", "system_monitor"]
LIMITED = [*PRODUCT, "scripts", "simulator"]
PROGRAMS = [*PRODUCT[2:], "simulator.demo", "tests.drills", "tests.benchmark"]
CARD = "43405556992"
REPORTING = r"\b(_logger\.(warning|error)|notice|_warn|_report)$"

HARDWARE = document("docs/hardware.md")
OPERATING = document("docs/operating.md")
PROTOCOL = document("docs/protocol.md")
CONTRIBUTING = document("CONTRIBUTING.md")


def files() -> list[str]:
    """Return the paths of all files that git knows."""
    return subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout.splitlines()


def quoted(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def test_settings() -> None:
    rows = [[cell.replace("`", "") for cell in row] for row in OPERATING.table("variable")]
    assert rows == [[PREFIX + row.name, row.description, row.takes, row.default] for row in SETTINGS]


@pytest.mark.parametrize("each", [each for each in documents() if str(each) != "CHANGELOG.md"], ids=str)
def test_a_setting_has_its_whole_name(each: Document) -> None:
    names = {setting.name for setting in SETTINGS}
    assert [word for word in quoted(each.prose) if word.partition("=")[0] in names] == []


class TestWiring:
    @pytest.mark.parametrize("part", ["button", "lamp"])
    def test_colours(self, part: str) -> None:
        ground = f"ground, pin {wiring.GROUND.header_pin}"
        rows = [[row[0], *row[-3:]] for row in HARDWARE.table(part)]
        assert rows == [[wire.contact, f"GPIO {wire.bcm}", str(wire.header_pin), ground] for wire in wiring.COLOURS]

    def test_reader(self) -> None:
        rows = {contact.split()[0]: (bcm, pin) for contact, _, bcm, pin in HARDWARE.table("on the reader")}
        assert rows == {"IRQ": ("-", "-")} | {
            wire.contact: (f"GPIO {wire.bcm}" if isinstance(wire, wiring.GpioWire) else "-", str(wire.header_pin))
            for wire in wiring.READER
        }


class TestOptions:
    @pytest.mark.parametrize("program", PROGRAMS)
    def test_of_a_program(
        self, program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", [program, "--help"])
        monkeypatch.delitem(sys.modules, f"{program}.__main__", raising=False)  # another test's import
        with pytest.raises(SystemExit):
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        assert not undocumented_options(capsys.readouterr().out)

    @pytest.mark.parametrize("command", [quoted(row[0])[0].split()[0] for row in OPERATING.table("command")])
    def test_of_the_desk(self, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            back_office.main([command, "--help"])
        assert not undocumented_options(capsys.readouterr().out)

    def test_commands_of_the_desk(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            back_office.main(["--help"])
        listed = re.findall(r"^    ([a-z-]+)  ", capsys.readouterr().out, re.MULTILINE)
        assert [quoted(row[0])[0].split()[0] for row in OPERATING.table("command")] == listed

    def test_of_the_installation(self) -> None:
        shown = subprocess.run([REPOSITORY / "scripts/install", "--help"], check=True, capture_output=True, text=True)
        assert not undocumented_options(shown.stdout)

    def test_of_the_monitor_have_a_table(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["system_monitor", "--help"])
        monkeypatch.delitem(sys.modules, "system_monitor.__main__", raising=False)
        with pytest.raises(SystemExit):
            runpy.run_module("system_monitor", run_name="__main__", alter_sys=True)
        listed = {quoted(option)[0].split()[0] for option, _ in OPERATING.table("option")}
        assert listed == options(capsys.readouterr().out) - {"--version"}


def options(help_text: str) -> set[str]:
    """Return the options that have a line of their own."""
    lines = re.findall(r"^ +(-.+?)(?:  |$)", help_text, re.MULTILINE)
    return {option for line in lines for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", line)} - {"-h", "--help"}


def undocumented_options(help_text: str) -> set[str]:
    text = "\n".join(document.text for document in documents())
    return {option for option in options(help_text) if not re.search(rf"(?<![\w-]){option}(?![\w-])", text)}


@pytest.mark.xdist_group("templates")  # which are made once in each process
class TestLogLines:
    lines = tuple(quoted(row[0])[0] for table in ("line in the log", "notice") for row in OPERATING.table(table))

    @pytest.mark.parametrize("line", lines)
    def test_code_has_the_line(self, line: str) -> None:
        assert any(template.fullmatch(line) for template in templates())

    def test_messages_in_the_prose_are_those_of_the_code(self) -> None:
        said = [text for document in documents() for text in re.findall(r"\bsays `([^`]+)`", document.prose)]
        assert len(said) > 1
        assert [text for text in said if not any(template.fullmatch(text) for template in templates())] == []

    def test_every_line_about_a_fault_has_its_row(self) -> None:
        assert [
            template for template in logged_templates() if not any(template.fullmatch(line) for line in self.lines)
        ] == []


@cache
def trees() -> list[ast.AST]:
    paths = (path for folder in PRODUCT for path in (REPOSITORY / folder).rglob("*.py"))
    return [ast.parse(path.read_text()) for path in paths]


@cache
def templates() -> frozenset[re.Pattern[str]]:
    """Return a regular expression for each text in the product, with its fields left open."""
    found = (template(node) for tree in trees() for node in ast.walk(tree))
    return frozenset(re.compile(each) for each in found if len(re.findall("[a-z]", each)) > 4)


def template(node: ast.AST) -> str:
    """Return the regular expression of a text, such as `no\\ clip\\ .+`; empty for anything else."""
    match node:
        case ast.JoinedStr(values=parts):
            return "".join(template(part) or ".+" for part in parts)
        case ast.Constant(value=str(text)):
            return ".+".join(map(re.escape, re.split("%[sd]", text)))
    return ""


@cache
def logged_templates() -> frozenset[re.Pattern[str]]:
    """Return the texts that report a fault to an operator: those for a logger, and the answers of `explain`."""
    found = (template(text) for tree in trees() for node in ast.walk(tree) for text in faults(node))
    return frozenset(map(re.compile, found)) & templates()


def faults(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Call(func=function, args=[text, *_]) if re.search(REPORTING, ast.unparse(function)):
            yield text
        case ast.FunctionDef(name="explain", body=body):
            yield from (
                each.value for part in body for each in ast.walk(part) if isinstance(each, ast.Return) and each.value
            )


def tap_and_reverse(redis: Redis, pass_type: PassType, number: int, is_late: bool = False) -> None:
    """Use up a pass, and reverse the tap at once, or when the used-up pass is not kept any more."""
    request = Request("9f86d081884c7d65", number, CARD)
    redis.hset(CARD, "passType", pass_type)
    if pass_type is PassType.TEN_TRIP:
        redis.hset(CARD, "tripsRemaining", "1")
    for script in (USE, REVERSE):
        scripts.run(redis, script, request, ["gate-1", 1000, number])
        if is_late:
            redis.delete(SPENT_PREFIX + CARD)
    redis.delete(CARD)


def change_at_the_desk(redis: Redis, store: Store) -> None:
    """Let the desk do to a pass what it can; the cards hold none before and after."""

    def make(change: Change) -> None:
        store.make(change, "test", secrets.token_hex(8))

    new_card = "1303689068602870"
    make(desk.issue(store.look(CARD), PassType.TEN_TRIP))
    redis.hset(CARD, "tripsRemaining", "7")
    make(desk.block(store.look(CARD), "lost"))
    make(desk.move(store.look(CARD), store.look(new_card)))
    make(desk.unblock(store.look(new_card)))
    make(desk.credit(store.look(new_card), 2))
    make(desk.void(store.look(new_card), "refunded"))


class TestMessages:
    @pytest.fixture
    def published(self, redis: Redis, settings: Settings) -> list[tuple[str, str]]:
        """The messages of one card that buys and uses a pass of every type, is denied once, and has taps reversed.

        The last is of a gate that is starting.
        """
        with (
            redis.pubsub() as pubsub,
            closing(PassStore(settings, TO_SELL)) as terminal,
            closing(PassStore(settings, TO_USE)) as gate,
        ):
            pubsub.psubscribe("pass-*")
            pubsub.subscribe(DEVICE_STATUS)
            for _ in range(2):
                pubsub.get_message(timeout=1)
            for pass_type in PassType:
                terminal.issue(terminal.new_request(CARD), pass_type)
                gate.use(CARD)
                redis.delete(CARD)
            gate.use(CARD)
            change_at_the_desk(redis, Store(settings, "desk-1 (alice)"))
            for number, pass_type in enumerate([PassType.SINGLE_USE, PassType.TEN_TRIP]):
                tap_and_reverse(redis, pass_type, 2 * number + 1)
                tap_and_reverse(redis, pass_type, 2 * number + 2, is_late=True)
            scripts.check(redis, TO_USE, 0, Pulse("entry-gate", settings, ServiceManager(Clock()), Clock()))
            messages = iter(lambda: pubsub.get_message(timeout=0.05), None)
            return [(message["channel"], message["data"]) for message in messages]

    def test_each_channel_carries_what_is_shown(self, published: list[tuple[str, str]]) -> None:
        shown = {quoted(channel)[0]: quoted(payload)[0] for channel, payload in PROTOCOL.table("channel")}
        assert {channel: form(json.loads(text)) for channel, text in published} == {
            channel: form(json.loads(text)) for channel, text in shown.items()
        }
        assert {list(json.loads(text))[-1] for text in [*dict(published).values(), *shown.values()]} == {"id"}

    def test_journal_has_them_without_their_ids(self, published: list[tuple[str, str]], redis: Redis) -> None:
        entries: Any = redis.xrange(JOURNAL)
        assert [(fields["channel"], {**json.loads(fields["payload"]), "id": id_}) for id_, fields in entries] == [
            (channel, json.loads(text)) for channel, text in published
        ]

    def test_every_field_has_its_row(self) -> None:
        shown = (json.loads(quoted(payload)[0]) for _, payload in PROTOCOL.table("channel"))
        assert {field for payload in shown for field in payload} == {
            quoted(row[0])[0] for row in PROTOCOL.table("field")
        }


def form(value: object) -> object:
    """Return a value's fields and their types."""
    return {name: form(each) for name, each in value.items()} if isinstance(value, dict) else type(value)


def test_drills() -> None:
    shown = (REPOSITORY / "docs/guarantees.md").read_text(encoding="utf-8")
    promises, drills = "\n".join(tables()).split("\n\n")
    assert promises in shown
    assert drills in shown


class TestLayout:
    def test_every_path_that_is_named_exists(self) -> None:
        paths = [path for row in CONTRIBUTING.table("read") for path in quoted(row[0])]
        assert [path for path in paths if not (REPOSITORY / path).exists()] == []

    def test_every_module_of_the_product_is_named(self) -> None:
        named = {path for row in CONTRIBUTING.table("read") for path in quoted(row[0])}
        modules = [
            str(path.relative_to(REPOSITORY))
            for folder in PRODUCT
            for path in sorted((REPOSITORY / folder).rglob("*"))
            if path.suffix in {".py", ".lua"} and path.name not in {"__init__.py", "__main__.py"}
        ]
        assert [module for module in modules if module not in named and f"{Path(module).parent}/" not in named] == []

    def test_no_file_of_the_product_is_long(self) -> None:
        lengths = {
            path: (REPOSITORY / path).read_bytes().count(b"\n")
            for path in files()
            if path.split("/")[0] in LIMITED and not path.endswith(".mp3")
        }
        assert [path for path, lines in lengths.items() if lines > (700 if path.endswith(".css") else 250)] == []

    def test_readme_names_every_folder(self) -> None:
        folders = {path.partition("/")[0] + "/" for path in files() if "/" in path and path[0] != "."}
        assert folders - {path for row in document("README.md").table("folder") for path in quoted(row[0])} == set()


def test_commit_hooks_are_the_checks_of_scripts_test() -> None:
    checks = re.findall(r"^(\.venv/bin/(?!python).+)$", (REPOSITORY / "scripts/test").read_text(), re.MULTILINE)
    hooks = re.findall(r"entry: (.+)", (REPOSITORY / ".pre-commit-config.yaml").read_text())
    assert hooks == checks


def test_changelog_begins_with_what_is_not_released() -> None:
    headings = re.findall(r"^(#+) (.+)$", document("CHANGELOG.md").text, re.MULTILINE)
    assert headings[:2] == [("#", "Changes"), ("##", "Unreleased")]
    assert {title for level, title in headings if level == "###"} <= {"Added", "Changed", "Removed", "Fixed"}
