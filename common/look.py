"""A look at a card: which pass it holds, in one round trip that changes nothing."""

import logging
from typing import Any

from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError

from common.passes import HeldPass
from common.rights import TOLD_FIELDS

_EXPIRED = -2  # since EXISTS; -1 is no expiry

_logger = logging.getLogger(__name__)


def look(redis: Redis, card: str) -> HeldPass | None:
    """Return the pass on the card with this serial number, valid or not; None if it holds none.

    A user who lacks the rights of `rights.TO_TELL`, as before they were there, still learns whether there is one.

    Raises:
        RedisError: the look was refused, or not answered.
    """
    with redis.pipeline(transaction=False) as pipeline:
        pipeline.exists(card)
        pipeline.ttl(card)
        pipeline.hmget(card, TOLD_FIELDS)
        exists, ttl, values = pipeline.execute(raise_on_error=False)
    if not _answer(exists):
        return None
    try:
        remaining_s = int(_answer(ttl))
        fields = dict(zip(TOLD_FIELDS, _answer(values), strict=True))
    except NoPermissionError as error:
        _logger.warning("what is left on a card is not told: %s: compare with deploy/users.acl", error)
        return HeldPass(None, None)
    except ResponseError as error:
        if not str(error).startswith("WRONGTYPE"):
            raise
        return HeldPass({}, None)
    if remaining_s == _EXPIRED:
        return None
    there = {name: str(value) for name, value in fields.items() if value is not None}
    return HeldPass(there, None if remaining_s < 0 else remaining_s)


def _answer(answer: Any) -> Any:  # noqa: ANN401
    if isinstance(answer, Exception):
        raise answer
    return answer
