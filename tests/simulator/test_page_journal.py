"""What the page reads in the journal."""

import json
from pathlib import Path

import pytest
from redis import Redis

from common.keys import JOURNAL
from simulator.page.journal import Journal
from simulator.server import Server

CARD = "112125033744"
PHONE = str(0x08112233 << 8 | 0x08 ^ 0x11 ^ 0x22 ^ 0x33)


def publish(redis: Redis, channel: str, card: str = CARD, **fields: str) -> None:
    payload = {"cardSerialNumber": card, "device": "gate", **fields}
    redis.xadd(JOURNAL, {"channel": channel, "payload": json.dumps(payload)})


@pytest.mark.parametrize(
    ("before", "reason", "why"),
    [
        ([], "no-pass", "no pass"),
        (["pass-issued:TEN_TRIP"], "no-pass", "no pass"),
        (["pass-issued:SINGLE_USE", "pass-used:SINGLE_USE"], "no-pass", "no pass: its single trip is used up"),
        (["pass-used:TEN_TRIP", "pass-denied"], "no-pass", "no pass: its ten trips are used up"),
        (["pass-activated:TWO_HOUR", "pass-used:TWO_HOUR"], "no-pass", "a two-hour pass that ran out"),
        ([], "invalid-pass", "an invalid pass"),
        ([], "blocked-pass", "a blocked pass"),
        ([], "a-reason-to-come", "a-reason-to-come"),
    ],
)
def test_why_a_card_was_denied(redis: Redis, before: list[str], reason: str, why: str) -> None:
    journal = Journal()
    for channel in before:
        publish(redis, channel)
    publish(redis, "pass-denied", reason=reason)
    journal.read(redis)
    assert journal.denials["gate"].reason == why
    assert journal.last == {CARD: "pass-denied"}


def test_a_phone_is_known_by_its_random_uid(redis: Redis) -> None:
    journal = Journal()
    publish(redis, "pass-denied", PHONE, reason="no-pass")
    journal.read(redis)
    assert journal.denials["gate"].reason == "a phone is not a card"


def test_it_reads_on_and_skips_what_is_malformed(redis: Redis) -> None:
    journal = Journal()
    redis.xadd(JOURNAL, {"channel": "pass-used:SINGLE_USE", "payload": "not JSON"})
    redis.xadd(JOURNAL, {"more": "fields"})
    publish(redis, "pass-issued:SINGLE_USE")
    journal.read(redis)
    assert journal.last == {CARD: "pass-issued"}
    publish(redis, "pass-used:SINGLE_USE")
    journal.read(redis)
    assert journal.last == {CARD: "pass-used"}


def test_a_server_that_is_not_running_says_nothing(server_program: Path, tmp_path: Path) -> None:
    journal = Journal()
    with Server(server_program, tmp_path).client() as redis:
        journal.read(redis)
    assert journal.last == {}
