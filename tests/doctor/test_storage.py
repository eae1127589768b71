"""What the doctor makes of a server's settings, as a real one tells them and as hosted ones leave them out."""

from collections.abc import Mapping

import pytest

from common.settings import PREFIX
from doctor.storage import check_memory, facts_of, judge
from simulator.server import Server


def facts(server: Server, **login: str) -> Mapping[str, str]:
    with server.client(**login) as redis:
        return facts_of(redis)


@pytest.mark.parametrize(
    ("name", "setting", "value", "status", "better"),
    [
        ("durability", "appendonly", "no", "FAIL", "yes"),
        ("durability", "appendfsync", "no", "WARN", "everysec"),
        ("durability", "appendfsync", "everysec", "OK", ""),
        ("durability", "appendfsync", "always", "OK", ""),
        ("eviction", "maxmemory-policy", "noeviction", "OK", ""),
        ("eviction", "maxmemory-policy", "allkeys-lru", "WARN", "noeviction"),
        ("eviction", "maxmemory-policy", "volatile-lru", "WARN", "noeviction"),
    ],
)
def test_a_setting_of_the_server(server: Server, name: str, setting: str, value: str, status: str, better: str) -> None:
    server.client().config_set(setting, value)
    finding = judge(name, facts(server))
    assert finding.status == status
    assert f"({setting} {value})" in finding.text
    assert list(finding.commands[:1]) == ([f"redis-cli CONFIG SET {setting} {better}"] if better else [])


@pytest.mark.parametrize("value", ["always", "everysec"])
def test_nothing_is_claimed_about_the_disk(server: Server, value: str) -> None:
    server.client().config_set("appendfsync", value)
    finding = judge("durability", facts(server))
    assert finding.remedy == "whether the append-only file is on a disk cannot be seen from here"


@pytest.mark.parametrize(("appended", "status"), [("no", "FAIL"), ("yes", "OK")])
def test_info_answers_where_there_is_no_config(server: Server, appended: str, status: str) -> None:
    with server.client() as redis:
        redis.config_set("appendonly", appended)
        redis.execute_command("ACL", "SETUSER", "it", "on", ">secret", "~*", "&*", "+@all", "-config")
    told = facts(server, username="it", password="secret")
    assert judge("durability", told).status == status
    assert judge("eviction", told).status == "OK"
    assert check_memory(told, 1).status == "OK"


@pytest.mark.parametrize("name", ["durability", "eviction"])
def test_what_the_server_does_not_tell_is_skipped(name: str) -> None:
    finding = judge(name, {})
    assert (finding.status, finding.text) == ("SKIP", "neither CONFIG nor INFO tells this user")


class TestMemory:
    @pytest.mark.parametrize(
        ("journal_length", "limit", "used", "status"),
        [
            (100_000, 256_000_000, 2_000_000, "OK"),
            (100_000, 30_000_000, 2_000_000, "WARN"),
            (100_000_000, 256_000_000, 2_000_000, "FAIL"),
            (100_000, 256_000_000, 250_000_000, "WARN"),
        ],
    )
    def test_it_is_compared_with_the_journal(self, journal_length: int, limit: int, used: int, status: str) -> None:
        told = {"maxmemory": str(limit), "used_memory": str(used)}
        assert check_memory(told, journal_length).status == status

    def test_a_long_journal(self, server: Server) -> None:
        server.client().config_set("maxmemory", "30mb")
        finding = check_memory(facts(server), 1_000_000)
        assert finding.status == "FAIL"
        assert finding.text.startswith("a journal of 1,000,000 events takes about 210 MB; the server uses ")
        assert finding.text.endswith(" of 31 MB (maxmemory)")
        assert f"lower {PREFIX}JOURNAL_LENGTH" in finding.remedy

    def test_without_a_limit_it_is_the_machines(self, server: Server) -> None:
        finding = check_memory(facts(server), 100_000)
        assert finding.status == "OK"
        assert finding.text.endswith("(total_system_memory)")

    @pytest.mark.parametrize(
        "told", [{}, {"maxmemory": "0"}, {"maxmemory": "\x1b[2J", "total_system_memory": "9" * 99}]
    )
    def test_a_server_that_does_not_tell(self, told: dict[str, str]) -> None:
        finding = check_memory(told, 100_000)
        assert finding.status == "SKIP"
        assert finding.text.startswith("a journal of 100,000 events takes about 21 MB; ")
