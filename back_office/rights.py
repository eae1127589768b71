"""The rights of the desk's two Redis users, office and viewer: the table behind deploy/users.acl."""

from common.rights import ANY_REQUEST, TO_SELL, Commands

_CARD, _RECEIPT, _JOURNAL, _ = ANY_REQUEST.keys

TO_VIEW: Commands = (
    ("HGETALL", _CARD),
    ("TTL", _CARD),
    ("XRANGE", _JOURNAL, "-", "+", "COUNT", "1"),
    ("XREVRANGE", _JOURNAL, "+", "-", "COUNT", "1"),
    ("XINFO", "STREAM", _JOURNAL),
)
TO_CHANGE: Commands = (
    *TO_SELL,
    *TO_VIEW,
    ("EXISTS", _RECEIPT),
    ("HDEL", _CARD, "blocked"),
    ("HINCRBY", _CARD, "tripsRemaining", "1"),
    ("RENAMENX", _CARD, _CARD),
    ("DEL", _CARD),
    *(("PUBLISH", f"pass-{done}", "") for done in ("blocked", "unblocked", "moved", "credited", "voided")),
    *(("PUBLISH", f"pass-reversed:{pass_type}", "") for pass_type in ("SINGLE_USE", "TEN_TRIP")),
)
