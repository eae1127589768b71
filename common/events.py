"""Events: what the channels carry and the journal keeps."""

import json
import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import lru_cache
from json.scanner import make_scanner
from typing import Any, NamedTuple

LARGEST_NUMBER = 10**12
LATEST_MS = 253_402_214_400_000  # 9999-12-31: `datetime` ends with this day, in some time zones before UTC's midnight

LARGEST_PART = 2**64 - 1
_match_id = re.compile(r"(\d{1,20})-(\d{1,20})", re.ASCII).fullmatch


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON (RFC 8259, 6)")


_decoder = json.JSONDecoder(parse_constant=_refuse)  # or it takes NaN and Infinity
_scan = make_scanner(_decoder)  # type: ignore[arg-type]  # what `raw_decode` calls, without its call


def _decode(text: str) -> object:
    """Decode JSON; without white space around it, as we write it, at once.

    Raises:
        ValueError: the text is not JSON.
        RecursionError: it is nested too deep.
    """
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        end = None
    return value if end == len(text) else _decoder.decode(text)


@lru_cache(maxsize=1000)
def _kind(channel: str) -> str:
    return channel.partition(":")[0]


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
        match = _match_id(text)
        if not match:
            raise ValueError("not an event id")
        milliseconds, sequence = int(match[1]), int(match[2])
        if milliseconds > LARGEST_PART or sequence > LARGEST_PART:
            raise ValueError("an event id out of range")
        return cls(milliseconds, sequence)

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.sequence}"


START = EventId(0, 0)
"""The id before the first event."""


def date_and_time(milliseconds: int, zone: tzinfo | None = None) -> str:
    """Write a Unix time before `LATEST_MS` as a date and time in the zone; None for the local one."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, zone):%Y-%m-%d %H:%M:%S}"


class MalformedEventError(ValueError):
    """A message that is not a valid event."""


class Event(NamedTuple):
    """One message: its channel, its payload, and the text that carried it.

    The fields that this system adds to those of the original one (`id`, `at`, `device`) may be missing.
    Nothing in the payload is trusted: a field of the wrong type counts as missing.

    Attributes:
        entry_id: the id of the journal's entry; None for a message.
    """

    channel: str
    payload: Mapping[str, Any]
    text: str
    entry_id: EventId | None = None

    @classmethod
    def parse(cls, channel: str, text: str, entry_id: EventId | None = None) -> "Event":
        """Read a message, or an entry of the journal.

        Args:
            channel: where it was published.
            text: its payload.
            entry_id: the entry's id; None for a message.

        Raises:
            MalformedEventError: the text is not a JSON object.
        """
        try:
            payload = _decode(text)
        except (ValueError, RecursionError) as error:
            raise MalformedEventError("not JSON") from error
        if not isinstance(payload, dict):
            raise MalformedEventError("not a JSON object")
        return tuple.__new__(cls, (channel, payload, text, entry_id))  # half the time of `cls(...)`

    @property
    def published(self) -> str:
        """The text of the message: an entry's, with its id as the last member unless it has one."""
        if self.entry_id is None or "id" in self.payload:
            return self.text
        return f'{self.text.rstrip()[:-1]}{"," if self.payload else ""}"id":"{self.entry_id}"}}'

    @property
    def kind(self) -> str:
        """The channel's name up to the type of pass, such as `pass-used`."""
        return _kind(self.channel)

    @property
    def card(self) -> str:
        """The card's serial number."""
        return _text(self.payload.get("cardSerialNumber"))

    @property
    def claimed_id(self) -> EventId | None:
        """The journal id that the payload claims; a publisher can claim any."""
        value = self.payload.get("id")
        try:
            return EventId.parse(value) if type(value) is str else None
        except ValueError:
            return None

    @property
    def at(self) -> int | None:
        """When it happened, by Redis's clock: Unix time in ms, up to the year 9999; by the entry's id if need be."""
        value = self.payload.get("at")
        if type(value) is not int and self.entry_id:
            value = self.entry_id.milliseconds
        return value if type(value) is int and 0 <= value < LATEST_MS else None

    @property
    def device(self) -> str | None:
        """Where it happened."""
        device = self.payload.get("device")
        return device if isinstance(device, str) else None

    @property
    def pass_type(self) -> str:
        """The pass's type, as the payload has it."""
        value = self.payload.get("pass")
        return _text(value.get("passType")) if type(value) is dict else "?"

    @property
    def pass_trips(self) -> int | None:
        """The trips on the pass, which Redis keeps as text."""
        value = self.payload.get("pass")
        trips = value.get("tripsRemaining") if type(value) is dict else None
        return int(trips) if isinstance(trips, str | int) and re.fullmatch(r"\d{1,12}", str(trips), re.ASCII) else None

    def text_of(self, field: str) -> str:
        """Return a field that is a text or a whole number; `?` if it is missing."""
        return _text(self.payload.get(field))

    def number(self, field: str) -> int | None:
        """Return a field that is a whole number of a size that a pass can have."""
        value = self.payload.get(field)
        return value if type(value) is int and abs(value) < LARGEST_NUMBER else None


def _text(value: object) -> str:
    """Return a text or a whole number as text; anything else, which may be nested without end, as `?`."""
    if type(value) is str:
        return value
    return str(value) if type(value) is int else "?"
