"""The settings: environment variables, read once when a program starts."""

import re
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from common.text import printable

PREFIX = "TRANSIT_PASS_DEMO_"


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the variable and says what it takes."""


class Setting(NamedTuple):
    """A row of the table: what it means, its default in words, what it takes in words and as a regular expression."""

    name: str
    description: str
    default: str
    takes: str
    pattern: str
    convert: Callable[[str], object]
    is_secret: bool


def with_port(host: str, port: int) -> str:
    """Return an address for people to read, as a URL has it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _host(text: str) -> str:
    """Return a name as it is, and an address without the brackets that an IPv6 address may have."""
    return text if re.fullmatch(_NAME, text, re.ASCII) else str(ip_address(re.sub(r"^\[(.+)\]$", r"\1", text)))


def _addresses(text: str) -> Sequence[tuple[str, int]]:
    parts = [address.rpartition(":") for address in text.split(",")]
    return tuple((_host(host), int(port)) for host, _, port in parts)


def _certificates(path: str) -> str:
    ssl.create_default_context(cafile=path)
    return path


def _key(path: str) -> str:
    Path(path).read_bytes()
    return path


_PORTS = r"0*([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
# Labels of 1 to 63 characters, 253 in all (RFC 1035, 2.3.4), the last not a number (RFC 3696, 2); containers use "_".
_NAME = r"(?=.{1,253}$)([\w-]{1,63}\.)*(?!\d+\.?$)[\w-]{1,63}\.?"
_TEXT = ("printable text", r"(?s).+", str)
_PORT = ("a port from 1 to 65535", _PORTS, int)
_HOST = ("a name or an address, without port", r"[^\s/@]+", _host)
_ADDRESSES = ("host:port,host:port,...", rf"[^\s,/@]+:{_PORTS}(,[^\s,/@]+:{_PORTS})*", _addresses)
_LABEL = ("a name of letters, digits, dots, dashes and underscores", r"[\w.-]+", str)
_YES_OR_NO = ("yes or no", "yes|no", "yes".__eq__)
_CERTIFICATES = ("a file of certificates (PEM) that can be read", r"(?s).+", _certificates)
_KEY = ("a file of a private key (PEM, no passphrase) that can be read", r"(?s).+", _key)
_REPLICAS = ("a number of replicas from 0 to 9", r"\d", int)
_DEVICE = ("a printable name of at most 64 characters", r"(?s).{1,64}", str)
_OUTPUT = ("an output module of mpg123, such as alsa or pulse", r"[\w,-]+", str)
_AUDIO_DEVICE = ("a device of that module, such as plughw:CARD=Headphones", r"[\w/][\w:=,./+-]*", str)
_VOLUME = ("a percentage from 1 to 100", r"0*([1-9]\d?|100)", int)
_FOLDER = ("the path of a folder, from the root", r"/.*", str)
_GAIN = ("18, 23, 33, 38, 43 or 48", "18|23|33|38|43|48", int)
_EVENTS = ("a number of events, at least 1", r"0*[1-9]\d{0,11}", int)


def _row(
    description: str, default: str, value: object = MISSING, rule: tuple[Any, ...] = _TEXT, *, is_secret: bool = False
) -> Any:  # noqa: ANN401  # as `field`
    """Declare a setting: what it means, its default in words and as a value, what it takes, whether to hide it."""
    return field(default=value, metadata={"row": (description, default, *rule, is_secret)})


@dataclass(frozen=True)
class Settings:
    """Where Redis is and how this device presents itself. A new setting is one row here."""

    device: str = _row("this device's name in the events", "program and host name", rule=_DEVICE)
    redis_host: str = _row("the Redis server's name or address", "127.0.0.1", "127.0.0.1", _HOST)
    redis_port: int = _row("its port", "6379", 6379, _PORT)
    redis_username: str | None = _row("the user to log in as", "Redis's default user", None)
    redis_password: str | None = _row("the password", "none", None, is_secret=True)
    redis_tls: bool = _row("yes: use TLS", "no", False, _YES_OR_NO)
    redis_tls_ca: str | None = _row("a file of certificates to trust, beside the system's", "none", None, _CERTIFICATES)
    redis_tls_cert: str | None = _row("this device's certificate, if Redis asks for one", "none", None, _CERTIFICATES)
    redis_tls_key: str | None = _row("the file of its private key", "none", None, _KEY, is_secret=True)
    redis_sentinels: Sequence[tuple[str, int]] = _row("Redis Sentinels, in place of the above", "none", (), _ADDRESSES)
    redis_sentinel_master: str = _row("the server's name at the Sentinels", "transit-pass", "transit-pass", _LABEL)
    redis_sentinel_username: str | None = _row("the user to log in as at the Sentinels", "their default user", None)
    redis_sentinel_password: str | None = _row("the Sentinels' password", "none", None, is_secret=True)
    redis_replicas: int = _row("how many replicas must hold a sale or an entry before it counts", "0", 0, _REPLICAS)
    lamps_active_low: bool = _row("yes: a lamp is lit while its pin is low", "no", False, _YES_OR_NO)
    audio_output: str = _row("mpg123's output module", "alsa", "alsa", _OUTPUT)
    audio_device: str | None = _row("the output module's device", "its default", None, _AUDIO_DEVICE)
    audio_volume: int = _row("the volume in percent: 50 is 6 dB less", "100", 100, _VOLUME)
    audio_folder: str | None = _row("a folder of clips that take the place of ours", "none", None, _FOLDER)
    audio_lead_in: bool = _row(
        "yes: a soft hum before each prompt wakes a sound card that sleeps", "no", False, _YES_OR_NO
    )
    reader_gain: int = _row("the card reader's gain in dB: more for stickers or behind a cover", "33", 33, _GAIN)
    journal_length: int = _row("about how many events the journal keeps", "100000", 100_000, _EVENTS)

    def __repr__(self) -> str:
        return f"<Settings: {self.device} at {self.redis_address}>"  # never the password

    @property
    def redis_address(self) -> str:
        """Where Redis is, for people to read."""
        if self.redis_sentinels:
            sentinels = ", ".join(with_port(*sentinel) for sentinel in self.redis_sentinels)
            return f"{self.redis_sentinel_master} of the sentinels {sentinels}"
        return with_port(self.redis_host, self.redis_port)

    @classmethod
    def from_environment(cls, program: str, environment: Mapping[str, str]) -> "Settings":
        """Read the settings of `program`; an empty variable counts as one that is not set.

        Raises:
            SettingsError: a variable has a value that cannot be used.
        """
        values: dict[str, Any] = {"device": f"{program}-{socket.gethostname()}"}
        for setting in SETTINGS:
            if value := environment.get(PREFIX + setting.name):
                values[setting.name.lower()] = _checked(setting, value)
        settings = cls(**values)
        _check_pair(settings.redis_tls_cert, settings.redis_tls_key)
        return settings


SETTINGS = tuple(Setting(each.name.upper(), *each.metadata["row"]) for each in fields(Settings))


def help_text() -> str:
    """Describe every variable, a line each."""
    width = max(len(setting.name) for setting in SETTINGS)
    lines = [f"  {PREFIX}{name:<{width}}  {description} ({default})" for name, description, default, *_ in SETTINGS]
    return "\n".join(["settings (environment variables):", *lines])


def unknown_settings(environment: Mapping[str, str]) -> list[str]:
    """Return a line for each variable that is probably meant as a setting, which names the nearest one.

    That is any unknown name with the prefix; and, if the nearest setting is not set, a name of a setting without the
    prefix or with a misspelt one.
    """
    return [
        f"{printable(name, 100)} is not a setting and is ignored; the nearest is {nearest}"
        for name, value in sorted(environment.items())
        if value
        and (nearest := _nearest_setting(name)) not in {name, ""}
        and (name.startswith(PREFIX) or not environment.get(nearest))
    ]


def _nearest_setting(name: str) -> str:
    """Return the variable that this one is or could be meant as; empty if it is not about us."""
    known = [PREFIX + setting.name for setting in SETTINGS]
    if PREFIX + name in known:
        return PREFIX + name
    return next(iter(get_close_matches(name.upper(), known, 1, 0.0 if name.startswith(PREFIX) else 0.8)), "")


def _checked(setting: Setting, value: str) -> object:
    if re.fullmatch(setting.pattern, value, re.ASCII) and value.isprintable():
        with suppress(ValueError, OSError):
            return setting.convert(value)
    may_hold_a_secret = setting.is_secret or "@" in value or "://" in value  # a URL may have the password in it
    given = "" if may_hold_a_secret else f", not {printable(value, 40)!r}"
    raise SettingsError(f"{PREFIX}{setting.name} takes {setting.takes}{given}")


def _check_pair(certificate: str | None, key: str | None) -> None:
    names = f"{PREFIX}REDIS_TLS_CERT", f"{PREFIX}REDIS_TLS_KEY"
    if bool(certificate) != bool(key):
        raise SettingsError("{} needs {}".format(*(names if certificate else reversed(names))))
    if certificate and key:
        try:
            ssl.create_default_context().load_cert_chain(certificate, key, password="")  # "": or a terminal is asked
        except (ValueError, OSError):
            words = "{1} is not the key, without passphrase, of the certificate in {0}"
            raise SettingsError(words.format(*names)) from None
