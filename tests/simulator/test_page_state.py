"""What the page reads in Redis, and over how many connections."""

import json
from pathlib import Path

from redis import Redis

from common.devices import State
from common.keys import DEVICES
from simulator.demo_cards import serial_number
from simulator.page.state import Record
from simulator.server import Server


def connections(redis: Redis) -> int:
    return int(redis.info("stats")["total_connections_received"])


def test_a_look_is_one_connection(server: Server, redis: Redis) -> None:
    redis.hset(str(serial_number("1")), mapping={"passType": "SINGLE_USE"})
    row = {"program": "entry-gate", "version": "1", "state": "in-service", "since": 0, "at": 0}
    redis.hset(DEVICES, mapping={"gate": json.dumps(row), "gate2": "no row"})
    record = Record()
    before = connections(redis)
    record.read(server)
    assert connections(redis) == before + 1
    assert record.passes
    assert record.passes["1"].fields == record.passes["copy"].fields == {"passType": "SINGLE_USE"}
    assert record.pulses
    assert [(device.name, device.state) for device in record.pulses.known] == [("gate", State.SILENT)]


def test_rows_that_are_no_hash_are_no_pulses(server: Server, redis: Redis) -> None:
    redis.set(DEVICES, "not a hash")
    record = Record()
    record.read(server)
    assert (record.passes, record.pulses) == ({}, None)


def test_a_server_that_is_not_running_is_known_by_its_passes(server_program: Path, tmp_path: Path) -> None:
    record = Record()
    record.read(Server(server_program, tmp_path))
    assert (record.passes, record.pulses) == (None, None)
