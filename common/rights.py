"""The rights that each Redis user needs: the tables behind deploy/users.acl and the checks of the server."""

from collections.abc import Sequence

from common.keys import DEVICE_STATUS, DEVICES
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
TO_PULSE: Commands = (
    ("TIME",),
    ("HGET", DEVICES, ""),
    ("HSET", DEVICES, "", ""),
    ("XADD", _JOURNAL, "*", "channel", "payload"),
    ("PUBLISH", DEVICE_STATUS, ""),
)
"""What a device needs for its pulse; without, it goes on working."""
TO_SEE_DEVICES: Commands = (("TIME",), ("HGETALL", DEVICES))
"""What whoever shows the devices needs."""
TO_VIEW: Commands = (
    ("HGETALL", _CARD),
    ("TTL", _CARD),
    ("XRANGE", _JOURNAL, "-", "+", "COUNT", "1"),
    ("XREVRANGE", _JOURNAL, "+", "-", "COUNT", "1"),
    ("XINFO", "STREAM", _JOURNAL),
    *TO_SEE_DEVICES,
)
"""What the desk needs to look."""
TO_CHANGE: Commands = (
    *TO_SELL,
    *TO_VIEW,
    ("EXISTS", _RECEIPT),
    ("HDEL", _CARD, "blocked"),
    ("HINCRBY", _CARD, "tripsRemaining", "1"),
    ("RENAMENX", _CARD, _CARD),
    ("DEL", _CARD),
    ("HDEL", DEVICES, ""),
    *(("PUBLISH", f"pass-{done}", "") for done in ("blocked", "unblocked", "moved", "credited", "voided")),
    *(("PUBLISH", f"pass-reversed:{pass_type}", "") for pass_type in (PassType.SINGLE_USE, PassType.TEN_TRIP)),
)
"""What it needs to do all that it can."""
