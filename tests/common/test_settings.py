"""Settings from the environment."""

from pathlib import Path

import pytest
import trustme

from common.settings import PREFIX, SETTINGS, Settings, SettingsError, help_text
from tests.processes import Program


def read(**variables: str) -> Settings:
    return Settings.from_environment("entry-gate", {PREFIX + name: value for name, value in variables.items()})


def test_defaults() -> None:
    settings = read()
    assert settings.device.startswith("entry-gate-")
    assert (settings.redis_host, settings.redis_port, settings.redis_password) == ("127.0.0.1", 6379, None)
    assert (settings.audio_output, settings.journal_length, settings.redis_tls) == ("alsa", 100_000, False)


def test_values(tmp_path: Path) -> None:
    certificates = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(certificates))
    settings = read(
        REDIS_HOST="redis.example",
        REDIS_PORT="6380",
        REDIS_USERNAME="gate",
        REDIS_PASSWORD="s3cret/ü",
        REDIS_TLS="yes",
        REDIS_TLS_CA=str(certificates),
        REDIS_SENTINELS="a.example:26379,[::1]:26380",
        REDIS_SENTINEL_MASTER="city-1",
        REDIS_REPLICAS="2",
        DEVICE="gate 1",
        AUDIO_OUTPUT="pulse",
        JOURNAL_LENGTH="5000",
    )
    assert settings == Settings(
        device="gate 1",
        redis_host="redis.example",
        redis_port=6380,
        redis_username="gate",
        redis_password="s3cret/ü",
        redis_tls=True,
        redis_tls_ca=str(certificates),
        redis_sentinels=(("a.example", 26379), ("[::1]", 26380)),
        redis_sentinel_master="city-1",
        redis_replicas=2,
        audio_output="pulse",
        journal_length=5000,
    )


def test_an_empty_variable_is_not_set() -> None:
    assert read(REDIS_PORT="").redis_port == 6379


def test_the_password_is_never_shown() -> None:
    assert "s3cret" not in repr(read(REDIS_PASSWORD="s3cret"))


BAD_VALUES = [
    ("REDIS_PORT", ["0", "65536", "http", "-1", "6379 ", "²"]),
    ("REDIS_SENTINELS", ["a.example", "a.example:0", "a:1,,b:2", "a:1, b:2"]),
    ("REDIS_SENTINEL_MASTER", ["two words"]),
    ("REDIS_REPLICAS", ["-1", "all", "10"]),
    ("REDIS_TLS", ["maybe", "Yes"]),
    ("REDIS_TLS_CA", ["/nonexistent.pem", __file__]),
    ("DEVICE", ["gate\x1b[2J", "x" * 65, "a\nb"]),
    ("AUDIO_OUTPUT", ["alsa; reboot", "a b"]),
    ("JOURNAL_LENGTH", ["0", "-5", "many", "9" * 20]),
    ("REDIS_HOST", ["a\x00b"]),
]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD_VALUES for value in values])
def test_a_bad_value_is_refused_in_one_clear_line(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{PREFIX}{name} takes ") as caught:
        read(**{name: value})
    assert str(caught.value).isprintable()


@pytest.mark.process
@pytest.mark.parametrize("program", ["entry_gate", "sales_terminal", "system_monitor"])
def test_each_program_refuses_it(program: str) -> None:
    with Program(program, environment={f"{PREFIX}REDIS_PORT": "http"}) as process:
        assert process.end() == 2
        assert process.errors == [f"{PREFIX}REDIS_PORT takes a port from 1 to 65535, not 'http'"]


def test_help_text_has_a_line_for_each() -> None:
    assert len(help_text().splitlines()) == len(SETTINGS) + 1
