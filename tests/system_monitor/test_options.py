"""What the options show of a journal, with the program run in this process."""

import argparse
import json
import shlex
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from redis import Redis

from common.keys import DEVICE_STATUS, JOURNAL
from common.settings import PREFIX
from simulator.server import Server
from system_monitor.__main__ import main
from system_monitor.options import milliseconds, read_options, serial_number
from system_monitor.terminal import KINDS
from tests.system_monitor.watching import DENIAL, deny, published

EXPECTED_CARD = "expected a serial number such as 43405556992, or a UID such as 0A:1B:2C:3D"
Run = Callable[..., tuple[list[str], list[str]]]


@pytest.fixture
def run(server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Shows the events so far; returns the lines of its output and of its error output."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setenv(f"{PREFIX}REDIS_PORT", str(server.port))

    def run(*options: str, follows: bool = False) -> tuple[list[str], list[str]]:
        main([*([] if follows else ["--no-follow"]), *options])
        output = capsys.readouterr()
        return output.out.splitlines(), output.err.splitlines()

    return run


def test_the_last_events(run: Run, redis: Redis) -> None:
    for number in range(15):
        deny(redis, str(number))
    assert run("--json") == (published(redis)[5:], [])
    assert run("--json", "-n", "2") == (published(redis)[13:], [])
    assert run("--json", "-n", "0") == ([], [])
    assert run("--json", "-n", "99") == (published(redis), [])


def test_one_card(run: Run, redis: Redis) -> None:
    for number in range(15):
        deny(redis, str(number % 3))
    with redis.pipeline() as pipeline:
        for _ in range(2000):  # which have no card
            pipeline.xadd(JOURNAL, {"channel": DEVICE_STATUS, "payload": '{"device":"gate-1","state":"in-service"}'})
        pipeline.execute()
    output, _ = run("--json", "--card", "1", "-n", "2")
    assert output == published(redis)[1:15:3][-2:]


def test_a_card_of_which_nothing_is_known(run: Run, redis: Redis) -> None:
    deny(redis, "7", id_="1700000000000-0")
    assert run("--card", "8") == ([], ["system-monitor: the journal has no event of card 8"])
    assert run("--card", "8", "-n", "0") == ([], [])
    assert run("--json", "--card", "7") == (published(redis), [])


@pytest.mark.usefixtures("in_utc")
def test_a_card_of_which_nothing_is_known_since_then(run: Run, redis: Redis) -> None:
    deny(redis, "7", id_="1700000000000-0")
    notice = "system-monitor: the journal has no event of card 7 since 2026-01-31 14:00:00"
    assert run("--card", "7", "--since", "2026-01-31 14:00") == ([], [notice])


def test_the_last_since(run: Run, redis: Redis) -> None:
    deny(redis, "old", id_="1700000000000-0")
    for number in range(15):
        deny(redis, str(number % 3))
    new = published(redis)[1:]
    assert run("--json", "--since", "2h", "-n", "99") == (new, [])
    assert run("--json", "--since", "2h", "-n", "4") == (new[-4:], [])
    assert run("--json", "--since", "2h", "-n", "0") == ([], [])
    assert run("--json", "--since", "2h", "-n", "2", "--card", "1") == (new[1::3][-2:], [])


def write(redis: Redis, channel: str, at: int | None, device: str = "gate-1", **fields: object) -> None:
    payload = json.dumps({"cardSerialNumber": "7", "device": device, "at": at} | fields)
    redis.xadd(JOURNAL, {"channel": channel, "payload": payload})


NOON = 1_769_860_800_000  # 2026-01-31 12:00:00 UTC


class TestSelection:
    @pytest.fixture(autouse=True)
    def journal(self, redis: Redis) -> None:
        write(redis, "pass-issued:TEN_TRIP", NOON, device="terminal-1")
        write(redis, "pass-used:TEN_TRIP", NOON + 1000)
        write(redis, "pass-denied", NOON + 2000, device="gate-2")
        write(redis, "device-status", NOON + 3000, device="gate-2", state="stopped")
        write(redis, "pass-moved", NOON + 4000, device="desk", to="8")
        write(redis, "pass-denied", None, device="gate-3")  # its time is that of its entry

    @pytest.mark.parametrize(
        ("options", "shown"),
        [
            (["--device", "gate-2"], [2, 3]),
            (["--device", "gate-2", "--device", "desk"], [2, 3, 4]),
            (["--device", "gate"], []),
            (["--kind", "issued,used"], [0, 1]),
            (["--kind", "issued", "--kind", "moved,denied"], [0, 2, 4, 5]),
            (["--kind", "status"], [3]),
            (["--kind", "denied", "--device", "gate-2"], [2]),
            (["--card", "8"], [4]),
            (["--card", "7"], [0, 1, 2, 3, 4, 5]),
            (["-n", "2", "--kind", "issued,used,denied"], [2, 5]),
            (["-n", "2", "--until", "2026-01-31T12:00:03+00:00"], [1, 2]),
            (["--until", "2026-01-31T12:00:02+00:00"], [0, 1]),
            (["--since", "2026-01-31T12:00:01Z", "--until", "2026-01-31T12:00:04Z"], [1, 2, 3]),
        ],
    )
    def test_what_is_shown(self, run: Run, redis: Redis, options: list[str], shown: list[int]) -> None:
        output, _ = run("--json", *options)
        assert output == [published(redis)[number] for number in shown]

    def test_an_end_that_is_past_ends_at_once(self, run: Run, redis: Redis) -> None:
        output, _ = run("--json", "--until", "2026-01-31T12:00:02Z", follows=True)
        assert output == published(redis)[:2]

    @pytest.mark.usefixtures("in_india")
    def test_in_utc(self, run: Run) -> None:
        local, _ = run("-n", "6", "--since", "2026-01-31 17:30:01", "--until", "2026-01-31 17:30:02")
        utc, _ = run("-n", "6", "--since", "2026-01-31 12:00:01", "--until", "2026-01-31 12:00:02", "--utc")
        assert (local[0][:21], utc[0][:21]) == ("2026-01-31 17:30:01  ", "2026-01-31 12:00:01  ")
        assert [line[21:] for line in local[:1]] == [line[21:] for line in utc[:1]]

    @pytest.mark.usefixtures("in_utc")
    def test_stats(self, run: Run, redis: Redis) -> None:
        redis.xtrim(JOURNAL, maxlen=5, approximate=False)
        for seconds in (61, 62, 180):
            write(redis, "pass-used:SINGLE_USE", NOON + seconds * 1000)
        redis.xadd(JOURNAL, {"channel": "pass-denied", "payload": "nonsense"})
        output, errors = run("--stats", "--until", "2026-01-31 12:05")
        assert output == [
            "2026-01-31 12:00       1 entries      0 sales      1 denials     0.07 events/s",
            "2026-01-31 12:01       2 entries      0 sales      0 denials     0.03 events/s",
            "2026-01-31 12:03       1 entries      0 sales      0 denials     0.02 events/s",
        ]
        assert errors == ["system-monitor: the journal reaches back only to 2026-01-31 12:00:01"]


def test_a_denial_is_explained_by_what_is_not_shown(run: Run, redis: Redis) -> None:
    write(redis, "pass-used:TWO_HOUR", NOON, remainingTime=7200)
    write(redis, "pass-denied", NOON + 7_201_000, device="gate-2", reason="no-pass")
    for options in (["--kind", "denied"], ["--device", "gate-2", "--since", "2026-01-31T10:00Z"], ["-n", "1"]):
        output, _ = run(*options)
        assert [line.partition("denied")[2] for line in output] == [": two hours ran out"]


def test_help_fits_a_screen(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) < 80
    examples = [line for line in lines if line.startswith("  python -m system_monitor")]
    assert len(examples) == 4
    for example in examples:
        read_options(shlex.split(example.partition(">")[0])[3:])


def test_since(run: Run, redis: Redis) -> None:
    deny(redis, "old", id_="1700000000000-0")
    for number in range(15):
        deny(redis, str(number))
    for since, shown in [("2h", 15), ("2023-11-14 00:00", 16), ("1970-01-01", 16), ("2023-11-16T00:00:00+00:00", 15)]:
        assert run("--json", "--since", since) == (published(redis)[16 - shown :], [])


@pytest.mark.usefixtures("in_utc")
def test_since_before_the_journal_begins(run: Run, redis: Redis) -> None:
    for id_ in ("1600000000000-0", "1700000000000-0", "1700000000001-0"):
        deny(redis, "7", id_=id_)
    redis.xtrim(JOURNAL, maxlen=2, approximate=False)
    output, errors = run("--json", "--since", "2020-01-01")
    assert output == published(redis)
    assert errors == ["system-monitor: the journal reaches back only to 2023-11-14 22:13:20"]


def test_since_goes_by_the_time_that_is_printed(run: Run, redis: Redis) -> None:
    """The journal's ids run ahead of Redis's clock after that was set back."""
    hour_ms, now_ms = 3_600_000, int(time.time() * 1000)
    ages_ms = [3 * hour_ms, 2 * hour_ms + 1000, 2 * hour_ms - 1000, 0]
    for number, age_ms in enumerate(ages_ms):
        payload = json.dumps({"cardSerialNumber": "7", "at": now_ms - age_ms})
        redis.xadd(JOURNAL, {"channel": "pass-denied", "payload": payload}, id=f"{now_ms + 9 * hour_ms}-{number + 1}")
    assert run("--json", "--since", "2h") == (published(redis)[2:], [])


def test_since_takes_an_id_from_just_before_its_time(run: Run, redis: Redis) -> None:
    payload = json.dumps({"cardSerialNumber": "7", "at": 1_700_000_000_000})
    redis.xadd(JOURNAL, {"channel": "pass-denied", "payload": payload}, id="1699999999990-0")
    assert run("--json", "--since", "2023-11-14T22:13:20+00:00") == (published(redis), [])


@pytest.mark.parametrize("id_", ["253402300800000-0", "18446744073709551615-0"])
def test_since_with_ids_after_the_year_9999(run: Run, redis: Redis, id_: str) -> None:
    deny(redis, "gone", id_="1-0")
    redis.xtrim(JOURNAL, maxlen=0, approximate=False)
    deny(redis, "planted", id_=id_)
    output, errors = run("--json", "--since", "2h")
    assert output == published(redis)
    assert errors == [f"system-monitor: the journal reaches back only to {id_}"]


@pytest.mark.parametrize(
    ("payload", "line"),
    [
        ('{"cardSerialNumber":"7"}', '{"cardSerialNumber":"7","id":"1700000000000-5"}'),
        ('{"cardSerialNumber":"7"} \n', '{"cardSerialNumber":"7","id":"1700000000000-5"}'),
        ("{ }", '{ "id":"1700000000000-5"}'),
        ('{"cardSerialNumber":"\x7f"}', '{"cardSerialNumber":"\\u007f","id":"1700000000000-5"}'),
        ('{"id":"1700000000000-5","at":5}', '{"id":"1700000000000-5","at":5}'),
        ('{"id":7}', '{"id":7}'),
    ],
)
def test_an_entry_is_printed_as_its_message_was(run: Run, redis: Redis, payload: str, line: str) -> None:
    redis.xadd(JOURNAL, {"channel": "pass-denied", "payload": payload}, id="1700000000000-5")
    assert run("--json") == ([line], [])


def test_malformed_entries_are_skipped(run: Run, redis: Redis) -> None:
    redis.xadd(JOURNAL, {"channel": "pass-denied", "payload": "nonsense"})
    redis.xadd(JOURNAL, {"something": "else"})
    redis.xadd(JOURNAL, {"channel": "pass-denied", "payload": DENIAL % "7"})
    output, errors = run()
    assert [line.partition("card 7  ")[2] for line in output] == ["denied: no pass"]
    assert errors == []


@pytest.mark.parametrize(
    ("options", "is_terminal", "no_color", "is_colored"),
    [
        ([], True, "", True),
        ([], True, "1", False),
        ([], False, "", False),
        (["--color", "always"], False, "1", True),
        (["--color", "never"], True, "", False),
    ],
)
def test_colors(
    run: Run,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    is_terminal: bool,
    no_color: str,
    is_colored: bool,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    monkeypatch.setenv("NO_COLOR", no_color)
    deny(redis, "7")
    output, _ = run(*options)
    assert ("\x1b[38;5;196mdenied" in output[0]) == is_colored


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--since", "soon"], "argument --since: expected 90s, 30m, 2h, 1d, 14:00 or 2026-01-31 14:00"),
        (["--since", "99999999d"], "argument --since: expected 90s, 30m, 2h, 1d, 14:00 or 2026-01-31 14:00"),
        (["--card", "0A:1B:2C"], f"argument --card: {EXPECTED_CARD}"),
        (["--card", "seven"], f"argument --card: {EXPECTED_CARD}"),
        (["--kind", "used,sold"], f"argument --kind: expected some of {','.join(KINDS)}"),
        (["--kind", ""], f"argument --kind: expected some of {','.join(KINDS)}"),
        (["--until", "later"], "argument --until: expected 90s, 30m, 2h, 1d, 14:00 or 2026-01-31 14:00"),
        (["--since", "1h", "--until", "2h"], "--until must be later than --since"),
        (["--stats", "--json"], "--stats prints no JSON"),
        (["-n", "-3"], "argument -n: expected a number of events"),
        (["-n", "x"], "argument -n: expected a number of events"),
    ],
)
def test_a_bad_option(options: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(options)
    assert exit_.value.code == 2
    assert error in capsys.readouterr().err


def test_without_redis(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}REDIS_PORT", "1")
    with pytest.raises(SystemExit) as exit_:
        run()
    reason = "no connection to Redis at 127.0.0.1:1 (Connection refused): check the address and the network"
    assert exit_.value.code == f"system-monitor: {reason}"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("43405556992", "43405556992"),
        ("0043405556992", "43405556992"),
        ("0A:1B:2C:3D", "43405556992"),
        ("0a-1b-2c-3d", "43405556992"),
        ("0a1b2c3d", "43405556992"),
        ("0a 1b 2c 3d", "43405556992"),
        ("04:A1:B2:C3:D4:E5:F6", str(0x04A1B2C3D4E5F6)),
        ("04:A1:B2:C3:D4:E5:F6:07:08:09", str(0x04A1B2C3D4E5F6070809)),
    ],
)
def test_a_card_by_its_number_or_its_uid(text: str, number: str) -> None:
    assert serial_number(text) == number


@pytest.mark.parametrize("text", ["", "x", "0A:1B:2C:3", "0A:1B:2C:3D:4E", "0A::1B:2C:3D", "٣", "-7", "9" * 26])
def test_what_is_no_card(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a serial number"):
        serial_number(text)


@pytest.mark.usefixtures("in_utc")
@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("90s", "2026-01-31 13:58:30"),
        ("2h", "2026-01-31 12:00:00"),
        ("1d", "2026-01-30 14:00:00"),
        ("09:30", "2026-01-31 09:30:00"),
        ("2025-12-24", "2025-12-24 00:00:00"),
        ("2025-12-24 18:00", "2025-12-24 18:00:00"),
        ("2025-12-24T18:00+01:00", "2025-12-24 17:00:00"),
        ("0001-01-02", "1970-01-01 00:00:00"),
    ],
)
def test_times(text: str, time: str) -> None:
    now = datetime(2026, 1, 31, 14, tzinfo=UTC)
    assert milliseconds(text, now) == datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp() * 1000


@pytest.mark.parametrize("text", ["", "2", "h", "24:00", "99999999d", "9999-12-32", "٣h", "-1h"])
def test_invalid_times(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected 90s, 30m, 2h"):
        milliseconds(text, datetime.now().astimezone())
