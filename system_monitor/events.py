"""Events: what the channels carry and the journal keeps."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

LARGEST_NUMBER = 10**12
LATEST_MS = 253_402_214_400_000  # 9999-12-31: `datetime` ends with this day, in some time zones before UTC's midnight

_ID = re.compile(r"(\d{1,20})-(\d{1,20})", re.ASCII)
_decode = json.JSONDecoder().decode


class EventId(NamedTuple):
    """The id of a journal entry: Unix time in ms by Redis's clock, and a number within that millisecond."""

    milliseconds: int
    sequence: int

    @classmethod
    def parse(cls, text: str) -> "EventId":
        """Read `1700000000000-0`.

        Raises:
            ValueError: the text is not an id.
        """
        match = _ID.fullmatch(text)
        if not match:
            raise ValueError("not an event id")
        id_ = cls(int(match[1]), int(match[2]))
        if max(id_) >= 2**64:
            raise ValueError("an event id out of range")
        return id_

    @property
    def time(self) -> str:
        """The entry's local date and time; the id itself if its time is out of range, as a forged one's can be."""
        if self.milliseconds >= LATEST_MS:
            return str(self)
        return f"{datetime.fromtimestamp(self.milliseconds / 1000):%Y-%m-%d %H:%M:%S}"

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.sequence}"


START = EventId(0, 0)
"""The id before the first event."""


class MalformedEventError(ValueError):
    """A message that is not a valid event."""


class Event(NamedTuple):
    """One message: its channel, its payload, and the text that carried it.

    The fields that this system adds to those of the original one (`id`, `at`, `device`) may be missing.
    Nothing in the payload is trusted: a field of the wrong type counts as missing.
    """

    channel: str
    payload: Mapping[str, Any]
    text: str

    @classmethod
    def parse(cls, channel: str, text: str, entry_id: EventId | None = None) -> "Event":
        """Read a message, or an entry of the journal.

        Args:
            channel: where it was published.
            text: its payload.
            entry_id: the entry's id, which is added to the payload, as in the message, unless that has one.

        Raises:
            MalformedEventError: the text is not a JSON object.
        """
        try:
            payload = _decode(text)
        except (ValueError, RecursionError) as error:
            raise MalformedEventError("not JSON") from error
        if not isinstance(payload, dict):
            raise MalformedEventError("not a JSON object")
        if entry_id and "id" not in payload:
            text = f'{text.rstrip()[:-1]}{"," if payload else ""}"id":"{entry_id}"}}'
            payload["id"] = str(entry_id)
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
    def claimed_id(self) -> EventId | None:
        """The journal id that the payload claims; a publisher can claim any."""
        try:
            return EventId.parse(self.payload["id"])
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def at(self) -> int | None:
        """When it happened, by Redis's clock: Unix time in milliseconds, up to the year 9999."""
        value = self.payload.get("at")
        return value if type(value) is int and 0 <= value < LATEST_MS else None

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
        return value if type(value) is int and abs(value) < LARGEST_NUMBER else None
