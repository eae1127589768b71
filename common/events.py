"""Events: what the channels carry and the journal keeps."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

CHANNELS = "pass-*"
"""The pattern of all channels."""


_ID = re.compile(r"(\d{1,20})-(\d{1,20})", re.ASCII)
_decode = json.JSONDecoder().decode


class EventId(NamedTuple):
    """An entry's place in the journal: the Unix time in ms of Redis's clock, and a number within it."""

    milliseconds: int
    sequence: int

    @classmethod
    def parse(cls, text: str) -> "EventId":
        """Read `1700000000000-0`.

        Raises:
            ValueError: the text is no such id.
        """
        match = _ID.fullmatch(text)
        if not match:
            raise ValueError("no event id")
        return cls(int(match[1]), int(match[2]))

    @property
    def time(self) -> datetime:
        """The time of the entry, in the local zone."""
        return datetime.fromtimestamp(self.milliseconds / 1000, UTC).astimezone()

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.sequence}"


MOST = 10**12
YEAR_10000_MS = 253_402_300_800_000

START = EventId(0, 0)
"""The place before the first event."""


class MalformedEventError(ValueError):
    """A message that is no event."""


class Event(NamedTuple):
    """One message: its channel, its payload, and the text that carried it.

    The fields that this system adds to those of the original one (`id`, `at`, `device`) may be missing.
    Nothing in the payload is trusted: what does not have the form it should have counts as missing.
    """

    channel: str
    payload: Mapping[str, Any]
    text: str

    @classmethod
    def parse(cls, channel: str, text: str) -> "Event":
        """Read a message.

        Raises:
            MalformedEventError: the text is no JSON object.
        """
        try:
            payload = _decode(text)
        except (ValueError, RecursionError) as error:
            raise MalformedEventError("not JSON") from error
        if not isinstance(payload, dict):
            raise MalformedEventError("not a JSON object")
        return cls(channel, payload, text)

    @property
    def kind(self) -> str:
        """The channel's name up to the type of pass, such as `pass-used`."""
        return self.channel.partition(":")[0]

    @property
    def card(self) -> str:
        """The card's serial number."""
        return str(self.payload.get("cardSerialNumber", "?"))

    @property
    def id(self) -> EventId | None:
        """The event's place in the journal."""
        try:
            return EventId.parse(self.payload["id"])
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def at(self) -> int | None:
        """When it happened, by Redis's clock: Unix time in milliseconds, before the year 10000."""
        value = self.payload.get("at")
        return value if type(value) is int and 0 <= value < YEAR_10000_MS else None

    @property
    def device(self) -> str | None:
        """Where it happened."""
        device = self.payload.get("device")
        return device if isinstance(device, str) else None

    @property
    def pass_type(self) -> str:
        """The pass's type, as the payload has it."""
        sold = self.payload.get("pass")
        return str(sold.get("passType", "?")) if isinstance(sold, dict) else "?"

    def number(self, field: str) -> int | None:
        """Return a field that is a whole number of a size that a pass can have."""
        value = self.payload.get(field)
        return value if type(value) is int and abs(value) < MOST else None
