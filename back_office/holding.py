"""What a card holds, as the desk saw it, and how that is told."""

from collections.abc import Mapping
from typing import NamedTuple

from common.passes import PassType, trips_of
from common.rendering import PASS_NAMES, count
from common.text import printable


class Holding(NamedTuple):
    """A card, and the pass on it at one moment.

    Attributes:
        card: the serial number.
        fields: the pass; empty if there is none, or if the key is of another type.
        ttl_s: the key's time to live in seconds: -1 for ever, -2 if there is no key.
        is_hash: False if the key is of another type.
    """

    card: str
    fields: Mapping[str, str]
    ttl_s: int = -1
    is_hash: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether the card holds nothing, not even an invalid pass."""
        return self.is_hash and not self.fields

    @property
    def trips(self) -> int | None:
        """The trips of a ten trip pass; None if they are invalid, or for another pass."""
        return trips_of(self.fields)

    @property
    def is_valid(self) -> bool:
        """Whether the pass makes sense, blocked or not; bytes that are no UTF-8 were replaced by U+FFFD."""
        is_text = not any("\ufffd" in each for pair in self.fields.items() for each in pair)
        pass_type = self.fields.get("passType")
        return is_text and pass_type in set(PassType) and (pass_type != PassType.TEN_TRIP or self.trips is not None)

    @property
    def block(self) -> str | None:
        """Why the pass is blocked; None if it is not."""
        return self.fields.get("blocked")

    def __str__(self) -> str:
        if self.is_empty:
            return "no pass"
        if not self.is_hash:
            return "a key that is no hash, so no pass"
        if not self.is_valid:
            content = ", ".join(f"{name} {value!r}" for name, value in sorted(self.fields.items()))
            return f"an invalid pass: {printable(content)}"
        blocked = "" if self.block is None else f", blocked: {printable(self.block)}"
        return f"{PASS_NAMES[self.fields['passType']]}{self._left()}{blocked}"

    def _left(self) -> str:
        if self.trips:
            return f", {count(self.trips, 'trip')} left"
        if self.fields["passType"] == PassType.TWO_HOUR:
            return f", {self.ttl_s // 60} min left" if self.ttl_s >= 0 else ", not used yet"
        return ""
