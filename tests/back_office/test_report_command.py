"""The command `report`: its options, and what it says of a real server's journal."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from back_office import report_command
from back_office.__main__ import main
from back_office.report_command import span_of
from common.keys import JOURNAL
from common.settings import PREFIX
from simulator.server import Server
from tests.processes import Program

NOW = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
Run = Callable[..., tuple[str, str]]


def options(*words: str) -> Namespace:
    parser = ArgumentParser()
    report_command.add(parser.add_subparsers())
    return parser.parse_args(["report", *words])


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("words", "begin", "end"),
    [
        ([], "2026-01-31T23:00", "2026-02-01T23:00"),  # it is tomorrow in Berlin
        (["--utc"], "2026-01-31T00:00", "2026-02-01T00:00"),
        (["--day", "yesterday"], "2026-01-30T23:00", "2026-01-31T23:00"),
        (["--day", "today", "--utc"], "2026-01-31T00:00", "2026-02-01T00:00"),
        (["--day", "2026-10-25"], "2026-10-24T22:00", "2026-10-25T23:00"),
        (["--day", "2026-03-29"], "2026-03-28T23:00", "2026-03-29T22:00"),
        (["--from", "2026-01-01"], "2025-12-31T23:00", "2026-01-31T23:30"),
        (["--from", "2026-01-01", "--to", "2026-01-02"], "2025-12-31T23:00", "2026-01-02T23:00"),
        (["--from", "2026-01-01 14:00", "--to", "2026-01-01 15:00"], "2026-01-01T13:00", "2026-01-01T14:00"),
        (["--from", "2026-01-01T14:00Z", "--to", "2026-01-01"], "2026-01-01T14:00", "2026-01-01T23:00"),
        (["--from", "yesterday", "--to", "today", "--utc"], "2026-01-30T00:00", "2026-02-01T00:00"),
        (["--from", "1970-01-01"], "1970-01-01T00:00", "2026-01-31T23:30"),
    ],
)
def test_spans(words: list[str], begin: str, end: str) -> None:
    span = span_of(options(*words), NOW)
    moments = [datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="minutes") for ms in span[:2]]
    assert moments == [f"{begin}+00:00", f"{end}+00:00"]
    assert span.zone == (UTC if "--utc" in words else None)


A_DAY = "expected a day such as 2026-01-31, today or yesterday"
A_TIME = f"{A_DAY}, or a time such as '2026-01-31 14:00'"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--day", "tomorrow"], f"--day: {A_DAY}"),
        (["--day", ""], f"--day: {A_DAY}"),
        (["--day", "2026-02-29"], f"--day: {A_DAY}"),
        (["--day", "2026-01-31 14:00"], f"--day: {A_DAY}"),
        (["--day", "9999-12-31"], f"--day: {A_DAY}"),
        (["--from", "soon"], f"--from: {A_TIME}"),
        (["--from", "2026-01-01", "--to", "25:00"], f"--to: {A_TIME}"),
        (["--to", "2026-01-01"], "--to needs --from"),
        (["--day", "today", "--from", "2026-01-01"], "--day goes without --from and --to"),
        (["--from", "2026-01-02", "--to", "2026-01-01"], "the report would end before it begins"),
    ],
)
def test_bad_options(words: list[str], error: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["report", *words])
    assert exit_.value.code == f"back-office: {error}"


@pytest.fixture
def run(server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv(f"{PREFIX}REDIS_PORT", str(server.port))

    def run(*words: str) -> tuple[str, str]:
        main(["report", "--utc", *words])
        output = capsys.readouterr()
        return output.out, output.err

    return run


def add(redis: Redis, channel: str, time_: str, **fields: object) -> None:
    at = int(datetime.fromisoformat(time_).replace(tzinfo=UTC).timestamp() * 1000)
    payload = json.dumps({"cardSerialNumber": "7", "device": "gate-1", "at": at, **fields})
    redis.xadd(JOURNAL, {"channel": channel, "payload": payload}, id=f"{at}-*")


@pytest.fixture
def journal(redis: Redis) -> None:
    add(redis, "pass-issued:SINGLE_USE", "2026-01-30 12:00", **{"pass": {"passType": "SINGLE_USE"}})
    add(redis, "pass-used:SINGLE_USE", "2026-01-31 12:00", **{"pass": {"passType": "SINGLE_USE"}})
    add(redis, "pass-denied", "2026-01-31 13:00", reason="no-pass")


CSV = """\
hour,event,device,pass,reason,count
2026-01-31 12:00+00:00,entry,gate-1,SINGLE_USE,,1
2026-01-31 13:00+00:00,denial,gate-1,,no-pass,1
"""


@pytest.mark.usefixtures("journal")
class TestReport:
    def test_a_day(self, run: Run) -> None:
        assert run("--day", "2026-01-31", "--csv") == (CSV, "")

    def test_many_pages(self, run: Run, redis: Redis) -> None:
        for minute in range(60):
            for _ in range(40):
                add(redis, "pass-denied", f"2026-01-31 14:{minute:02}", reason="no-pass")
        output, _ = run("--day", "2026-01-31", "--csv")
        assert output == f"{CSV}2026-01-31 14:00+00:00,denial,gate-1,,no-pass,2400\n"

    def test_a_time_counts_as_it_is_told(self, run: Run, redis: Redis) -> None:
        """Ids run ahead of the times after the server's clock was set back."""
        fields = {"cardSerialNumber": "7", "device": "gate-1", "at": 1_769_868_000_000, "reason": "no-pass"}
        redis.xadd(JOURNAL, {"channel": "pass-denied", "payload": json.dumps(fields)}, id="1800000000000-0")
        output, _ = run("--day", "2026-01-31", "--csv")
        assert output == f"{CSV}2026-01-31 14:00+00:00,denial,gate-1,,no-pass,1\n"

    @pytest.mark.parametrize(("since", "is_whole"), [("2026-01-31 11:00", False), ("2026-01-31 12:00", True)])
    def test_it_says_how_far_the_journal_reaches_back(
        self, run: Run, redis: Redis, since: str, is_whole: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        redis.xtrim(JOURNAL, maxlen=2, approximate=False)
        notice = "back-office: the journal reaches back only to 2026-01-31 12:00:00\n"
        assert run("--from", since, "--csv") == (CSV, "" if is_whole else notice)

    def test_it_says_what_cannot_be_read(self, run: Run, redis: Redis) -> None:
        for channel, payload in [("pass-denied", "nonsense"), ("pass-\x1b[2J", "{}"), ("pass-denied", "[" * 100_000)]:
            redis.xadd(JOURNAL, {"channel": channel, "payload": payload}, id="1769868000000-*")
        redis.xadd(JOURNAL, {"something": "else"}, id="1769868000000-*")
        notice = "back-office: messages that cannot be read, and are not counted: 4\n"
        assert run("--day", "2026-01-31", "--csv") == (CSV, notice)

    def test_a_drawing(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "day.svg"
        assert run("--day", "2026-01-31", "--csv", "--plot", str(path)) == (CSV, "")
        assert "<svg" in path.read_text()

    def test_a_drawing_that_cannot_be_written(self, run: Run, tmp_path: Path) -> None:
        with pytest.raises(SystemExit) as exit_:
            run("--plot", str(tmp_path / "missing/day.svg"))
        assert exit_.value.code == f"back-office: --plot: {tmp_path}/missing/day.svg: No such file or directory"

    def test_without_matplotlib(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(SystemExit) as exit_:
            run("--plot", "day.svg")
        assert str(exit_.value.code).startswith("back-office: --plot needs Matplotlib: run ")


def test_without_a_journal(run: Run) -> None:
    assert run("--csv") == ("hour,event,device,pass,reason,count\n", "")


def test_another_key_in_its_place(run: Run, redis: Redis) -> None:
    redis.set(JOURNAL, "")
    with pytest.raises(SystemExit) as exit_:
        run()
    assert exit_.value.code == f"back-office: {JOURNAL} is no journal but another type of key: delete it"


def test_without_redis(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}REDIS_PORT", "1")
    with pytest.raises(SystemExit) as exit_:
        run()
    reason = "no connection to Redis at 127.0.0.1:1 (Connection refused): check the address and the network"
    assert exit_.value.code == f"back-office: {reason}"


@pytest.mark.process
@pytest.mark.usefixtures("journal")
def test_as_a_process(server: Server, tmp_path: Path) -> None:
    """In the time zone of the machine; its status is 0."""
    environment = {f"{PREFIX}REDIS_PORT": str(server.port), "TZ": "Asia/Kolkata"}
    words = ("report", "--day", "2026-01-31", "--csv", "--plot", str(tmp_path / "day.svg"))
    with Program("back_office", *words, environment=environment) as program:
        assert program.end() == 0
        assert program.output == [
            "hour,event,device,pass,reason,count",
            "2026-01-31 17:00+05:30,entry,gate-1,SINGLE_USE,,1",
            "2026-01-31 18:00+05:30,denial,gate-1,,no-pass,1",
        ]
        assert program.errors == []
