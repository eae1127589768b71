"""The desk's side of Redis."""

import json
import re
from typing import Any, NamedTuple

from redis.exceptions import RedisError, ResponseError

from back_office.desk import Change, OwedTrip, RefusedError
from back_office.holding import Holding
from back_office.owed import find_owed_trip
from common import scripts
from common.events import EventId
from common.journal import Journal
from common.keys import RECEIPT_PREFIX
from common.redis_client import redis_client
from common.redis_errors import explain
from common.request import Request
from common.scripts import CHANGE, Replicas
from common.settings import Settings

SOCKET_TIMEOUT_S = 2.0
REPLICATION_LIMIT_MS = 1000
NEWEST = EventId(2**64 - 1, 2**64 - 1)


class Receipt(NamedTuple):
    """What Redis remembers of a change for a week: its card, `done` or `changed`, and what it was."""

    card: str
    outcome: str
    name: str


class Store:
    """Passes and journal, not connected to yet; every method raises `RedisError` if Redis is away or refuses."""

    def __init__(self, settings: Settings, device: str) -> None:
        """Create one for a desk of this name."""
        self._settings = settings
        self._device = device
        self._redis: Any = redis_client(settings, retries=1, socket_timeout_s=SOCKET_TIMEOUT_S)
        self.journal = Journal(self._redis, each_batch=lambda: None)

    def look(self, card: str) -> Holding:
        """Return what the card holds."""
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.ttl(card)
            pipeline.hgetall(card)
            ttl_s, fields = pipeline.execute(raise_on_error=False)
        is_hash = not (isinstance(fields, ResponseError) and str(fields).startswith("WRONGTYPE"))
        if not is_hash:
            fields = {}
        for answer in (ttl_s, fields):
            if isinstance(answer, Exception):
                raise answer
        return Holding(card, fields, ttl_s, is_hash)

    def owed_trip(self, tap: str) -> OwedTrip:
        """Return the trip that is owed for a tap.

        Raises:
            RefusedError: it was given back, or the journal knows of none.
        """
        owed = find_owed_trip(self.journal.backwards(NEWEST), tap)
        if self.receipt(tap):
            raise RefusedError(f"tap {tap} is settled already")
        return owed

    def receipt(self, id_: str) -> Receipt | None:
        """Return what is remembered of a change.

        Raises:
            RefusedError: the id is that of something else.
        """
        text = self._redis.get(RECEIPT_PREFIX + id_)
        if text is None:
            return None
        match = re.fullmatch(r"1 (\d{1,25}) (done|changed) ([\w:-]+)", text, re.ASCII)
        if not match:
            raise RefusedError(f"{id_} is the id of something else: leave --id out")
        return Receipt(*match.groups())

    def make(self, change: Change, name: str, id_: str) -> None:
        """Make the change, once for each id.

        Raises:
            RefusedError: the pass has changed since it was seen; or Redis refuses the change; or there was no answer,
                and it may be made or not.
        """
        keys = [change.absent] if change.absent else []
        self._run(Request(id_, 1, change.before[0].card), change.as_argument(name), id_, keys)

    def repeat(self, receipt: Receipt, id_: str) -> None:
        """Ask again for a change of which there is a receipt: nothing more is done, but the replicas must have it.

        Raises:
            RefusedError: it was refused, or there was no answer.
        """
        self._run(Request(id_, 1, receipt.card), json.dumps({"name": receipt.name}), id_, [])

    def _run(self, request: Request, change: str, id_: str, more_keys: list[str]) -> None:
        arguments: list[str | int] = [self._device, self._settings.journal_length, 1, change]
        replicas = Replicas(self._settings.redis_replicas, REPLICATION_LIMIT_MS)
        try:
            answer = scripts.run(self._redis, CHANGE, request, arguments, replicas, more_keys)
        except RedisError as error:
            if str(error).startswith("MISMATCH"):
                raise RefusedError(f"{id_} is the id of something else: leave --id out") from error
            is_refused = isinstance(error, ResponseError) and not re.match(r"\d+ of \d+ replicas", str(error))
            state = "nothing is done" if is_refused else f"it may be done or not; with --id {id_} it is done once"
            raise RefusedError(f"{explain(error, self._settings)}; {state}") from error
        if answer != "done":
            card = request.card
            raise RefusedError(
                f"card {card} has changed meanwhile: nothing is done; see `show {card}`, then start over"
            )
