"""What can be done to a pass at the desk: each function returns a change of what was seen, and makes none itself.

Each raises `RefusedError` where the change may not be made. That the pass still is as it was seen is checked when the
change is made (common/change.lua).
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from back_office.holding import Holding
from common.cards import Card
from common.keys import RECEIPT_PREFIX
from common.passes import PassType

TRIPS_SOLD = 10
WEEK_S = 604_800


class RefusedError(Exception):
    """What the operator asked for is not done, and nothing has changed; the message says why, in one line."""


class Change(NamedTuple):
    """A change, and what it is made from.

    Attributes:
        before, after: the cards that it is about, the changed one first.
        channel, event: what is published; the script adds card, device and time.
        commands: the commands that change the pass.
        absent: a key that must not exist; empty if it does not matter.
    """

    before: Sequence[Holding]
    after: Sequence[Holding]
    channel: str
    event: Mapping[str, object]
    commands: Sequence[Sequence[str]]
    absent: str = ""

    def as_argument(self, name: str) -> str:
        """Return ARGV[4] of change.lua."""
        seen = dict(self.before[0].fields)
        rest = {"channel": self.channel, "event": self.event, "commands": self.commands}
        return json.dumps({"name": name, "seen": seen, **rest}, ensure_ascii=False)


class OwedTrip(NamedTuple):
    """A tap that cost a trip and showed no green, which could not be given back at once (`pass-owed`)."""

    tap: str
    card: str
    pass_type: PassType


def issue(seen: Holding, pass_type: PassType) -> Change:
    """Put a new pass on the card.

    Raises:
        RefusedError: the card holds something, or is a phone, or shares its UID with many.
    """
    _require_room(seen)
    fields = {name: str(value) for name, value in pass_type.new_pass().items()}
    return _put(seen, fields, f"pass-issued:{pass_type}", {"pass": pass_type.new_pass()})


def block(seen: Holding, reason: str) -> Change:
    """Let the pass open no gate until it is unblocked.

    Raises:
        RefusedError: there is no pass that makes sense, or it is blocked already.
    """
    _require_pass(seen)
    if seen.block is not None:
        raise RefusedError(f"the pass on card {seen.card} is blocked already: {seen}")
    fields = {**seen.fields, "blocked": reason}
    write = ["HSET", seen.card, "blocked", reason]
    return _changed(seen, fields, "pass-blocked", {"pass": fields, "reason": reason}, write)


def unblock(seen: Holding) -> Change:
    """Let a blocked pass open gates again.

    Raises:
        RefusedError: there is no pass that makes sense, or it is not blocked.
    """
    _require_pass(seen)
    if seen.block is None:
        raise RefusedError(f"the pass on card {seen.card} is not blocked: {seen}")
    fields = {name: value for name, value in seen.fields.items() if name != "blocked"}
    return _changed(seen, fields, "pass-unblocked", {"pass": fields}, ["HDEL", seen.card, "blocked"])


def move(seen: Holding, to: Holding) -> Change:
    """Move the pass to a card that has none, with its trips or its remaining time, blocked or not.

    Raises:
        RefusedError: there is no pass that makes sense, or the other card can take none.
    """
    _require_pass(seen)
    if seen.card == to.card:
        raise RefusedError(f"card {seen.card} cannot be moved to itself")
    _require_room(to)
    return Change(
        before=(seen, to),
        after=(seen._replace(fields={}), seen._replace(card=to.card)),
        channel="pass-moved",
        event={"pass": seen.fields, "to": to.card},
        commands=[["RENAMENX", seen.card, to.card]],  # which keeps the time to live
        absent=to.card,
    )


def credit(seen: Holding, trips: int) -> Change:
    """Give trips back to a ten trip pass.

    Raises:
        RefusedError: there is no ten trip pass that makes sense, or it would have more than ten.
    """
    _require_pass(seen)
    if seen.trips is None:
        raise RefusedError(f"card {seen.card} holds no ten trip pass: {seen}")
    if seen.trips + trips > TRIPS_SOLD:
        raise RefusedError(f"card {seen.card} would have more than ten trips: {seen}")
    return _with_trips(seen, trips, "pass-credited", {"trips": trips})


def void(seen: Holding, reason: str) -> Change:
    """End the pass.

    Raises:
        RefusedError: there is no pass that makes sense.
    """
    _require_pass(seen)
    return _changed(seen, {}, "pass-voided", {"pass": seen.fields, "reason": reason}, ["DEL", seen.card])


def give_back(seen: Holding, owed: OwedTrip) -> Change:
    """Give an owed trip back, once: to a ten trip pass, however many trips it has, or as a new pass with one trip.

    Raises:
        RefusedError: the card holds something else, or can hold no pass.
    """
    mark = RECEIPT_PREFIX + owed.tap
    if seen.is_valid and seen.trips is not None:
        change = _with_trips(seen, 1, "pass-reversed:TEN_TRIP", {"tap": owed.tap})
    elif not seen.is_empty:
        words = "it can take the trip when that is used up; or name another card with --card"
        raise RefusedError(f"card {seen.card} holds another pass ({seen}): {words}")
    else:
        _require_room(seen)
        fields = {"passType": str(owed.pass_type)}
        fields |= {"tripsRemaining": "1"} if owed.pass_type is PassType.TEN_TRIP else {}
        change = _put(seen, fields, f"pass-reversed:{owed.pass_type}", {"pass": fields, "tap": owed.tap})
    settled = ["SETEX", mark, str(WEEK_S), f"1 {seen.card} done reverse:{owed.tap}"]
    return change._replace(commands=[*change.commands, settled], absent=mark)


def _require_pass(seen: Holding) -> None:
    if seen.is_empty:
        raise RefusedError(f"card {seen.card} holds no pass")
    if not seen.is_valid:
        raise RefusedError(f"card {seen.card} is left as it is: it holds {seen}")


def _require_room(seen: Holding) -> None:
    if not seen.is_empty:
        raise RefusedError(f"card {seen.card} holds a pass already: {seen}")
    card = Card.with_short_uid(seen.card)
    if card and not card.can_hold_pass:
        raise RefusedError(f"card {seen.card} can hold no pass: it is a phone, or one of many with this UID")


def _changed(
    seen: Holding, fields: Mapping[str, str], channel: str, event: Mapping[str, object], write: Sequence[str]
) -> Change:
    return Change([seen], [seen._replace(fields=fields)], channel, event, [write])


def _put(seen: Holding, fields: Mapping[str, str], channel: str, event: Mapping[str, object]) -> Change:
    """Return the change of a card that holds nothing."""
    after = seen._replace(fields=fields, ttl_s=-1)
    words = [word for pair in fields.items() for word in pair]
    return Change([seen], [after], channel, event, [["HSET", seen.card, *words]])


def _with_trips(seen: Holding, trips: int, channel: str, event: Mapping[str, object]) -> Change:
    fields = {**seen.fields, "tripsRemaining": str((seen.trips or 0) + trips)}
    write = ["HINCRBY", seen.card, "tripsRemaining", str(trips)]
    return _changed(seen, fields, channel, {"pass": fields, **event}, write)
