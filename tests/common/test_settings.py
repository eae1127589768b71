"""Settings from the environment."""

from pathlib import Path
from typing import ClassVar

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from common.settings import PREFIX, SETTINGS, Settings, SettingsError, help_text, unknown_settings
from simulator.virtual_pi.station import VirtualPi
from tests.processes import Program

KEY = "a file of a private key (PEM, no passphrase) that can be read"


def read(**variables: str) -> Settings:
    return Settings.from_environment("entry-gate", {PREFIX + name: value for name, value in variables.items()})


def test_defaults() -> None:
    settings = read()
    assert settings.device.startswith("entry-gate-")
    assert (settings.redis_host, settings.redis_port, settings.redis_password) == ("127.0.0.1", 6379, None)
    assert (settings.audio_output, settings.journal_length, settings.redis_tls) == ("alsa", 100_000, False)
    assert (settings.audio_volume, settings.audio_folder, settings.audio_lead_in) == (100, None, False)
    assert settings.reader_gain == 33


def test_values(tmp_path: Path) -> None:
    certificates = tmp_path / "ca.pem"
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(certificates))
    own = str(tmp_path / "gate.pem")
    authority.issue_cert("gate-1").private_key_and_cert_chain_pem.write_to_path(own)
    settings = read(
        REDIS_HOST="redis.example",
        REDIS_PORT="6380",
        REDIS_USERNAME="gate",
        REDIS_PASSWORD="s3cret/ü",
        REDIS_TLS="yes",
        REDIS_TLS_CA=str(certificates),
        REDIS_TLS_CERT=own,
        REDIS_TLS_KEY=own,
        REDIS_SENTINELS="a.example:26379,[::1]:26380",
        REDIS_SENTINEL_MASTER="city-1",
        REDIS_SENTINEL_USERNAME="asking",
        REDIS_SENTINEL_PASSWORD="d3pot",
        REDIS_REPLICAS="2",
        DEVICE="gate 1",
        AUDIO_OUTPUT="pulse",
        AUDIO_DEVICE="plughw:CARD=Headphones,DEV=0",
        AUDIO_VOLUME="80",
        AUDIO_FOLDER="/srv/our clips",
        AUDIO_LEAD_IN="yes",
        READER_GAIN="48",
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
        redis_tls_cert=own,
        redis_tls_key=own,
        redis_sentinels=(("a.example", 26379), ("::1", 26380)),
        redis_sentinel_master="city-1",
        redis_sentinel_username="asking",
        redis_sentinel_password="d3pot",
        redis_replicas=2,
        audio_output="pulse",
        audio_device="plughw:CARD=Headphones,DEV=0",
        audio_volume=80,
        audio_folder="/srv/our clips",
        audio_lead_in=True,
        reader_gain=48,
        journal_length=5000,
    )


def test_an_empty_variable_is_not_set() -> None:
    assert read(REDIS_PORT="").redis_port == 6379


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("redis-1.depot.example", "redis-1.depot.example:6379"),
        ("transit_redis_1", "transit_redis_1:6379"),
        ("redis.example.", "redis.example.:6379"),
        ("10.0.0.7", "10.0.0.7:6379"),
        ("2001:DB8::7", "[2001:db8::7]:6379"),
        ("[::1]", "[::1]:6379"),
        ("fe80::1%eth0", "[fe80::1%eth0]:6379"),
    ],
)
def test_a_host_is_a_name_or_an_address(host: str, address: str) -> None:
    assert read(REDIS_HOST=host).redis_address == address


def test_an_ipv6_address_is_one_to_connect_to() -> None:
    settings = read(REDIS_HOST="[::1]", REDIS_SENTINELS="[::1]:26379")
    assert (settings.redis_host, settings.redis_sentinels) == ("::1", (("::1", 26379),))
    assert settings.redis_address == "transit-pass of the sentinels [::1]:26379"


def test_the_password_is_never_shown() -> None:
    assert "s3cret" not in repr(read(REDIS_PASSWORD="s3cret"))


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("REDIS_PASSWORD", "s3cret\n", "REDIS_PASSWORD takes printable text"),
        ("REDIS_PASSWORD", "\x1b[2Js3cret", "REDIS_PASSWORD takes printable text"),
        ("REDIS_SENTINEL_PASSWORD", "s3cret\n", "REDIS_SENTINEL_PASSWORD takes printable text"),
        (
            "REDIS_TLS_KEY",
            "s3cret",
            "REDIS_TLS_KEY takes a file of a private key (PEM, no passphrase) that can be read",
        ),
        ("REDIS_HOST", "rediss://default:s3cret@h.example:1", "REDIS_HOST takes a name or an address, without port"),
        ("REDIS_HOST", "redis://:s3cret", "REDIS_HOST takes a name or an address, without port"),
        ("REDIS_HOST", "default:s3cret@h.example", "REDIS_HOST takes a name or an address, without port"),
        ("REDIS_SENTINELS", "redis://:s3cret@h.example:26379", "REDIS_SENTINELS takes host:port,host:port,..."),
        ("REDIS_PORT", "s3cret@h.example:6379", "REDIS_PORT takes a port from 1 to 65535"),
    ],
)
def test_what_may_hold_a_password_is_not_shown_in_the_error(name: str, value: str, line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(**{name: value})
    assert str(caught.value) == PREFIX + line


def test_a_certificate_and_its_key_belong_together(tmp_path: Path) -> None:
    one, other = str(tmp_path / "one.pem"), str(tmp_path / "other.pem")
    trustme.CA().issue_cert("one").private_key_and_cert_chain_pem.write_to_path(one)
    trustme.CA().issue_cert("other").private_key_and_cert_chain_pem.write_to_path(other)
    with pytest.raises(SettingsError, match=f"^{PREFIX}REDIS_TLS_CERT needs {PREFIX}REDIS_TLS_KEY$"):
        read(REDIS_TLS_CERT=one)
    with pytest.raises(SettingsError, match=f"^{PREFIX}REDIS_TLS_KEY needs {PREFIX}REDIS_TLS_CERT$"):
        read(REDIS_TLS_KEY=one)
    key = tmp_path / "key.pem"
    for content in (Path(other).read_bytes(), b"s3cret", with_passphrase(Path(one).read_bytes())):
        key.write_bytes(content)
        with pytest.raises(SettingsError) as caught:
            read(REDIS_TLS_CERT=one, REDIS_TLS_KEY=str(key))
        assert str(caught.value) == (
            f"{PREFIX}REDIS_TLS_KEY is not the key, without passphrase, of the certificate in {PREFIX}REDIS_TLS_CERT"
        )


def with_passphrase(key: bytes) -> bytes:
    """Return the key encrypted."""
    return serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"words"),
    )


BAD_VALUES = [
    ("REDIS_PORT", ["0", "65536", "http", "-1", "6379 ", "²"]),
    (
        "REDIS_SENTINELS",
        ["a.example", "a.example:0", "a:1,,b:2", "a:1, b:2", "a b:1", "a..b:1", "a:1:2", "redis://a:1"],
    ),
    ("REDIS_SENTINEL_MASTER", ["two words"]),
    ("REDIS_REPLICAS", ["-1", "all", "10"]),
    ("REDIS_TLS", ["maybe", "Yes"]),
    ("REDIS_TLS_CA", ["/nonexistent.pem", __file__]),
    ("DEVICE", ["gate\x1b[2J", "x" * 65, "a\nb"]),
    ("AUDIO_OUTPUT", ["alsa; reboot", "a b"]),
    ("AUDIO_DEVICE", ["-t", "hw:1 ", "hw:1;reboot"]),
    ("AUDIO_VOLUME", ["0", "101", "50%", "-1", "loud"]),
    ("AUDIO_FOLDER", ["clips", "~/clips", "/srv/\x1b[2J"]),
    ("AUDIO_LEAD_IN", ["200", "200 ms"]),
    ("READER_GAIN", ["0", "28", "33 dB", "max"]),
    ("JOURNAL_LENGTH", ["0", "-5", "many", "9" * 20]),
    (
        "REDIS_HOST",
        ["a\x00b", " ", "127.0.0.1 ", "two words", "redis..example", ".example", "a" * 64, "a." * 127 + "a"],
    ),
    (
        "REDIS_HOST",
        ["h.example:6379", "10.0.0.7:6379", "[::1]:6379", "6379", "10.0.0.256", "redis://h.example", "/run/r"],
    ),
]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD_VALUES for value in values])
def test_a_bad_value_is_refused_in_one_clear_line(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{PREFIX}{name} takes ") as caught:
        read(**{name: value})
    assert str(caught.value).isprintable()


@pytest.mark.process
@pytest.mark.parametrize(
    "command",
    [("entry_gate",), ("sales_terminal",), ("system_monitor",), ("back_office", "devices"), ("doctor",)],
    ids=" ".join,
)
def test_each_program_refuses_it(command: tuple[str, ...]) -> None:
    with Program(*command, environment={f"{PREFIX}REDIS_PORT": "http"}) as process:
        assert process.end() == 2
        assert process.errors == [f"{PREFIX}REDIS_PORT takes a port from 1 to 65535, not 'http'"]


class TestUnknownSettings:
    MISSPELT: ClassVar = {f"{PREFIX}REDIS_PASWORD": "s3cret"}
    LINE = f"{PREFIX}REDIS_PASWORD is not a setting and is ignored; the nearest is {PREFIX}REDIS_PASSWORD"

    @pytest.mark.parametrize(
        ("name", "nearest"),
        [
            (f"{PREFIX}REDIS_PASWORD", "REDIS_PASSWORD"),
            (f"{PREFIX}REDISHOST", "REDIS_HOST"),
            (f"{PREFIX}SOUND_DEVICE", "AUDIO_DEVICE"),
            ("REDIS_PASSWORD", "REDIS_PASSWORD"),
            ("DEVICE", "DEVICE"),
            ("TRANSIT_PASS_REDIS_HOST", "REDIS_HOST"),
            ("TRANSITPASS_DEMO_REDIS_TLS", "REDIS_TLS"),
            ("transit_pass_demo_redis_host", "REDIS_HOST"),
        ],
    )
    def test_the_line_names_it_and_the_nearest_one_but_no_value(self, name: str, nearest: str) -> None:
        assert unknown_settings({name: "s3cret"}) == [
            f"{name} is not a setting and is ignored; the nearest is {PREFIX}{nearest}"
        ]

    def test_a_name_that_cannot_be_printed(self) -> None:
        (line,) = unknown_settings({f"{PREFIX}\x1b[2J": "1"})
        assert line.startswith(rf"{PREFIX}\x1b[2J is not a setting")

    @pytest.mark.parametrize(
        "environment",
        [
            {PREFIX + setting.name: "1" for setting in SETTINGS},
            {f"{PREFIX}REDIS_HOSTS": ""},
            {"REDIS_HOST": "another.program", f"{PREFIX}REDIS_HOST": "ours"},
            {"MY_REDIS_HOST": "1", "REDIS_URL": "1", "AUDIODEV": "1", "HOME": "/", "VIRTUAL_PI_SOUND_CARD": "1"},
        ],
    )
    def test_no_line_about_others(self, environment: dict[str, str]) -> None:
        assert unknown_settings(environment) == []

    def test_no_line_about_the_virtual_pi(self, pi: VirtualPi) -> None:
        assert unknown_settings(pi.environment({})) == []

    @pytest.mark.process
    @pytest.mark.parametrize("program", ["entry_gate", "sales_terminal"])
    def test_a_device_logs_it_and_runs(self, environment: dict[str, str], program: str) -> None:
        with Program(program, environment=environment | self.MISSPELT) as device:
            device.wait_for_error("connected to Redis")
            assert device.stop() == 0
        assert device.errors[0] == self.LINE
        assert [line for line in device.errors[1:] if "PASWORD" in line] == []

    @pytest.mark.process
    def test_the_monitor_says_it_and_runs(self, environment: dict[str, str]) -> None:
        with Program("system_monitor", "--no-follow", environment=environment | self.MISSPELT) as monitor:
            assert monitor.end() == 0
        assert monitor.errors == [self.LINE]


def test_help_text_has_a_line_for_each_with_its_whole_name() -> None:
    _, *lines = help_text().splitlines()
    assert [line.split()[0] for line in lines] == [PREFIX + setting.name for setting in SETTINGS]
