"""The command `devices`: on a real server, and with real devices."""

import json
from typing import Any

import pytest
from redis import Redis
from redis.connection import Connection

from back_office.__main__ import main
from common.keys import DEVICES
from common.settings import PREFIX, Settings
from simulator.server import free_port


@pytest.fixture(autouse=True)
def _environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}REDIS_PORT", str(settings.redis_port))


def put(redis: Redis, name: str, **fields: object) -> None:
    now_ms = redis.time()[0] * 1000
    row = {"program": "entry-gate", "version": "1.1.0", "state": "in-service", "since": now_ms, "at": now_ms}
    redis.hset(DEVICES, name, json.dumps(row | fields))


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    main(["devices", *arguments])
    return capsys.readouterr().out.splitlines()


def test_every_device_has_its_line(redis: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    put(redis, "gate-1")
    put(redis, "gate-2", at=0)
    put(redis, "gate-3", state="out-of-service", problem="the card reader does not answer: check its wiring")
    redis.hset(DEVICES, "gate-4", "\x1b[2J")
    _, *lines, malformed, summary = shown(capsys)
    assert [line.split()[0] for line in lines] == ["gate-2", "gate-3", "gate-1"]
    assert "silent          1970-01-01" in lines[0]
    assert lines[1].endswith("the card reader does not answer: check its wiring")
    assert malformed == "gate-4: malformed row"
    assert summary == "3 devices: 1 silent, 1 out of service, 1 in service"


def test_json(redis: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    put(redis, "gate-1", lastTap=5)
    (line,) = shown(capsys, "--json")
    row = json.loads(line)
    assert (row["device"], row["state"], row["lastTap"]) == ("gate-1", "in-service", 5)
    redis.delete(DEVICES)
    assert shown(capsys, "--json") == []


def test_a_device_that_is_gone_is_forgotten(redis: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    put(redis, "gate-1")
    put(redis, "gate-9")
    assert shown(capsys, "--forget", "gate-9") == ["gate-9 is forgotten, until it tells how it does"]
    assert redis.hkeys(DEVICES) == ["gate-1"]
    with pytest.raises(SystemExit, match=r"^back-office: no device gate-9: `devices` lists those that there are$"):
        main(["devices", "--forget", "gate-9"])


def test_five_hundred_come_in_one_round_trip(
    redis: Redis, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(500):
        put(redis, f"gate-{number}")
    sent: list[object] = []
    send: Any = Connection.send_packed_command

    def send_and_count(connection: Connection, command: object, *more: object) -> None:
        sent.append(command)
        send(connection, command, *more)

    monkeypatch.setattr(Connection, "send_packed_command", send_and_count)
    assert len(shown(capsys)) == 502
    assert len(sent) == 1


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--forget", "gate-1"]])
def test_a_redis_that_is_away_is_one_line(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}REDIS_PORT", str(free_port()))
    with pytest.raises(SystemExit, match=r"^back-office: no connection to Redis at [^\n]*$"):
        main(["devices", *arguments])


def test_a_key_of_another_type_is_one_line(redis: Redis) -> None:
    redis.set(DEVICES, "x")
    with pytest.raises(SystemExit, match=r"^back-office: Redis at [^\n]* reports an error: [^\n]*WRONGTYPE[^\n]*$"):
        main(["devices"])
