"""The rights that each device's Redis user needs: the table behind deploy/users.acl and the check of the server."""

from collections.abc import Sequence

from common.passes import PassType
from common.request import Request

Commands = Sequence[tuple[str, ...]]

ANY_REQUEST = Request("check", 1, "0")
_CARD, _RECEIPT, _JOURNAL, _SPENT = ANY_REQUEST.keys

_BOTH: Commands = (
    ("TIME",),
    ("GET", _RECEIPT),
    ("XADD", _JOURNAL, "*", "channel", "payload"),
    ("XINFO", "STREAM", _JOURNAL),
    ("SETEX", _RECEIPT, "1", ""),
)
TO_USE: Commands = (
    *_BOTH,
    ("HGETALL", _CARD),
    ("TTL", _CARD),
    ("HINCRBY", _CARD, "tripsRemaining", "-1"),
    ("EXPIRE", _CARD, "1"),
    ("RENAME", _CARD, _SPENT),
    ("EXPIRE", _SPENT, "1"),
    ("HGETALL", _SPENT),
    ("PERSIST", _SPENT),
    ("RENAMENX", _SPENT, _CARD),
    ("PUBLISH", "pass-activated:TWO_HOUR", ""),
    ("PUBLISH", "pass-denied", ""),
    *(("PUBLISH", f"pass-used:{pass_type}", "") for pass_type in PassType),
    *(
        ("PUBLISH", f"pass-{outcome}:{pass_type}", "")
        for outcome in ("reversed", "owed")
        for pass_type in (PassType.SINGLE_USE, PassType.TEN_TRIP)
    ),
)
TO_SELL: Commands = (
    *_BOTH,
    ("EXISTS", _CARD),
    ("HSET", _CARD, "passType", ""),
    *(("PUBLISH", f"pass-issued:{pass_type}", "") for pass_type in PassType),
)
TOLD_FIELDS = ("passType", "tripsRemaining", "blocked")
TO_TELL: Commands = (("TTL", _CARD), ("HMGET", _CARD, *TOLD_FIELDS))
"""What a terminal needs to tell a rider what is left on a card; without it, it sells all the same."""
