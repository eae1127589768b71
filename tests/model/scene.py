"""What all runs of the machine share, because it takes long to make: connections to one server."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from redis import Redis
from redis.exceptions import RedisError

from back_office.store import Store
from common import pass_store
from common.keys import JOURNAL, SPENT_PREFIX
from common.redis_link import RedisLink, Unavailable
from common.settings import Settings
from simulator.server import Server
from tests.journal import Entry

CARDS = ["43405556992", "1302123111085380"]
SPENT = [SPENT_PREFIX + card for card in CARDS]
DESKS = range(2)
USER = "device"
FALL_BEHIND = """
redis.call('SELECT', 1)
redis.call('FLUSHDB')
redis.call('SELECT', 0)
for _, key in ipairs(redis.call('KEYS', '*')) do
  redis.call('COPY', key, key, 'DB', 1)
end"""
LET_TIME_PASS = """
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left >= 0 then
    redis.call('PEXPIRE', key, left - ARGV[1])
  end
end"""
LOOK = """
local journal, receipts, hashes = KEYS[1], {}, {}
local passes = tonumber(ARGV[2])
for i = 2, 1 + passes do
  table.insert(hashes, {redis.call('HGETALL', KEYS[i]), redis.call('PTTL', KEYS[i])})
end
for i = 2 + passes, #KEYS do
  table.insert(receipts, redis.call('GET', KEYS[i]))
end
local size = redis.call('DBSIZE') - redis.call('EXISTS', journal)
return {size, redis.call('XRANGE', journal, '(' .. ARGV[1], '+'), receipts, hashes}"""


class Line(RedisLink):
    """A device's link without its thread: it checks before its first call, after a failure and when it is told to."""

    def __init__(self, redis: Redis, _: Settings, check: Callable[[Redis, bool], None]) -> None:
        self._redis = redis
        self._check = check
        self._problem = "not yet connected"

    @property
    def problem(self) -> str | None:
        return self._problem

    def check(self) -> None:
        self._problem = self._problem or "a check is due"
        self.call(lambda redis: None)

    def call(self, command: Callable[[Redis], Any]) -> Any:
        try:
            if self._problem:
                self._check(self._redis, True)
            answer = command(self._redis)
        except RedisError as error:
            self._problem = str(error)
            raise Unavailable(self._problem) from error
        self._problem = None
        return answer

    def close(self) -> None:
        pass


@dataclass
class Scene:
    """The connections: ours, that of all devices, those of the desks, and that of a subscriber.

    Attributes:
        folder: for the notes of the gates.
        answers: what all runs were answered, by kind of request.
    """

    redis: Redis
    devices: Redis
    desks: Sequence[Store]
    messages: Any
    folder: Path
    answers: Counter[tuple[str, str]]

    def new_messages(self) -> Iterator[tuple[str, str]]:
        """Yield channel and text of each message since the last call."""
        self.redis.publish("pass-end", "")
        while (message := self.messages.get_message(timeout=5))["channel"] != "pass-end":
            yield message["channel"], message["data"]

    def revoke(self, right: str) -> None:
        self.redis.execute_command("ACL", "SETUSER", USER, f"-{right}")

    def permit_all(self) -> None:
        self.redis.execute_command("ACL", "SETUSER", USER, "on", "nopass", "~*", "&*", "+@all")

    def fall_behind(self) -> None:
        """Keep all as it is now in a second database, which is the replica's."""
        self.redis.eval(FALL_BEHIND, 0)

    def fail_over(self) -> None:
        self.redis.swapdb(0, 1)

    def let_time_pass(self, seconds: int) -> None:
        self.redis.eval(LET_TIME_PASS, 0, str(1000 * seconds))

    def look(self, receipts: Sequence[str], after: str) -> tuple[int, list[Entry], list[str], list[Any]]:
        """Look at everything in one call: a pipeline's answers take several times as long to read.

        Args:
            receipts: their keys.
            after: the id of the last entry that is known.

        Returns:
            The number of keys beside the journal; the new entries; the receipts; the hashes of cards and used-up
            passes, each with its time to live in ms.
        """
        keys = [JOURNAL, *CARDS, *SPENT, *receipts]
        found: Any = self.redis.eval(LOOK, len(keys), *keys, after, str(len(CARDS + SPENT)))
        size, entries, numbers, hashes = found
        new = [Entry(id_, *_fields(flat).values()) for id_, flat in entries]
        return size, new, numbers, [(_fields(flat), left_ms) for flat, left_ms in hashes]


def _fields(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


@contextmanager
def scene(server: Server) -> Iterator[Scene]:
    """Connect to the server, whose data are lost; meanwhile devices of this process have `Line`s to it."""
    with ExitStack() as cleanup:
        redis = cleanup.enter_context(server.client())
        devices = cleanup.enter_context(server.client(username=USER, password="any"))
        desks = [Store(Settings(f"desk-{number}", redis_port=server.port), f"desk-{number}") for number in DESKS]
        messages: Any = cleanup.enter_context(redis.pubsub())
        messages.psubscribe("pass-*")
        messages.get_message(timeout=5)
        folder = Path(cleanup.enter_context(TemporaryDirectory()))
        cleanup.enter_context(patch.object(pass_store, "RedisLink", partial(Line, devices)))
        level = logging.root.manager.disable
        logging.disable()  # each lost answer is a line
        cleanup.callback(logging.disable, level)
        made = Scene(redis, devices, desks, messages, folder, Counter())
        made.permit_all()
        yield made
