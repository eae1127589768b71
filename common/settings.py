"""The settings: environment variables, read once when a program starts."""

import re
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from common.text import printable

PREFIX = "TRANSIT_PASS_DEMO_"

DESCRIPTIONS = {
    "REDIS_HOST": "the Redis server's name or address (127.0.0.1)",
    "REDIS_PORT": "its port (6379)",
    "REDIS_USERNAME": "the user to log in as (Redis's default user)",
    "REDIS_PASSWORD": "the password (none)",
    "REDIS_TLS": "yes: talk TLS to the server (no)",
    "REDIS_TLS_CA": "a file of certificates to trust (the system's)",
    "REDIS_SENTINELS": "Redis Sentinels to ask for the server in place of the above: host:port,host:port,... (none)",
    "REDIS_SENTINEL_MASTER": "the name under which they know it (transit-pass)",
    "REDIS_REPLICAS": "how many replicas must hold a sale or an entry before it counts (0)",
    "DEVICE": "this device's name in the events (program and host name)",
    "AUDIO_OUTPUT": "mpg123's output module (alsa)",
    "JOURNAL_LENGTH": "about how many events the journal keeps (100000)",
}


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the variable and says what it takes."""


@dataclass(frozen=True)
class Settings:
    """Where Redis is and how this device presents itself."""

    device: str
    redis_host: str = "127.0.0.1"
    redis_port: int = 6379
    redis_username: str | None = None
    redis_password: str | None = field(default=None, repr=False)
    redis_tls: bool = False
    redis_tls_ca: str | None = None
    redis_sentinels: Sequence[tuple[str, int]] = ()
    redis_sentinel_master: str = "transit-pass"
    redis_replicas: int = 0
    audio_output: str = "alsa"
    journal_length: int = 100_000

    @property
    def redis_address(self) -> str:
        """Where Redis is, for people to read."""
        if self.redis_sentinels:
            sentinels = ", ".join(f"{host}:{port}" for host, port in self.redis_sentinels)
            return f"{self.redis_sentinel_master} of the sentinels {sentinels}"
        return f"{self.redis_host}:{self.redis_port}"

    @classmethod
    def from_environment(cls, program: str, environment: Mapping[str, str]) -> "Settings":
        """Read the settings of `program`.

        An empty variable counts as one that is not set.

        Raises:
            SettingsError: a variable has a value that cannot be used.
        """
        values = {
            "device": f"{program}-{socket.gethostname()}",
            **{
                name.lower(): _checked(name, environment[PREFIX + name])
                for name in DESCRIPTIONS
                if environment.get(PREFIX + name)
            },
        }
        return cls(**values)  # type: ignore[arg-type]  # each value has been checked by its own rule


def help_text() -> str:
    """Describe every variable, a line each."""
    width = max(map(len, DESCRIPTIONS))
    lines = [f"  {PREFIX}{name:<{width}}  {description}" for name, description in DESCRIPTIONS.items()]
    return "\n".join(["settings (environment variables):", *lines])


def _checked(name: str, value: str) -> object:
    pattern, meaning, convert = _RULES.get(name, _TEXT)
    if re.fullmatch(pattern, value, re.ASCII) and value.isprintable():
        with suppress(ValueError, OSError):
            return convert(value)
    raise SettingsError(f"{PREFIX}{name} takes {meaning}, not {printable(value, 40)!r}")


def _addresses(text: str) -> Sequence[tuple[str, int]]:
    parts = [address.rpartition(":") for address in text.split(",")]
    return tuple((host, int(port)) for host, _, port in parts)


def _certificates(path: str) -> str:
    ssl.create_default_context(cafile=path)
    return path


_Rule = tuple[str, str, Callable[[str], object]]

_TEXT: _Rule = (r"(?s).+", "printable text", str)
_PORTS = r"0*([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
_RULES: dict[str, _Rule] = {
    "REDIS_PORT": (_PORTS, "a port from 1 to 65535", int),
    "REDIS_SENTINELS": (rf"[^\s,]+:{_PORTS}(,[^\s,]+:{_PORTS})*", "host:port,host:port,...", _addresses),
    "REDIS_SENTINEL_MASTER": (r"[\w.-]+", "a name of letters, digits, dots, dashes and underscores", str),
    "REDIS_REPLICAS": (r"\d", "a number of replicas from 0 to 9", int),
    "REDIS_TLS": ("yes|no", "yes or no", "yes".__eq__),
    "REDIS_TLS_CA": (r"(?s).+", "a file of certificates (PEM) that can be read", _certificates),
    "DEVICE": (r"(?s).{1,64}", "a printable name of at most 64 characters", str),
    "AUDIO_OUTPUT": (r"[\w,-]+", "an output module of mpg123, such as alsa or pulse", str),
    "JOURNAL_LENGTH": (r"0*[1-9]\d{0,11}", "a number of events, at least 1", int),
}
