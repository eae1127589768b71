"""Events as the scripts publish them: taken from the scripts, and published again by the hundred thousand."""

import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from common.events import Event, EventId
from common.keys import JOURNAL
from common.pass_store import PassStore
from common.passes import PassType
from common.rights import TO_SELL, TO_USE
from common.settings import Settings
from simulator.server import Server

Message = tuple[str, str]
"""A channel, and what is published there."""
AT_ONCE = 2000
PUBLISH = "for i = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end"
ADD_AND_PUBLISH = f"""
for i = 1, #ARGV, 2 do
  local channel, payload = ARGV[i], ARGV[i + 1]
  local id = redis.call('XADD', '{JOURNAL}', 'MAXLEN', '~', 100000, '*', 'channel', channel, 'payload', payload)
  redis.call('PUBLISH', channel, payload:sub(1, -2) .. ',"id":"' .. id .. '"}}')
end
"""
_DAY = "pass-issued:TEN_TRIP", "pass-used:TEN_TRIP", "pass-used:TWO_HOUR", "pass-used:SINGLE_USE", "pass-denied"


def day(server: Server, rounds: int = 100) -> list[Message]:
    """Return rounds of 20 events each: 2 sales, 10 ten-trip, 4 two-hour and 2 single entries, 2 denials.

    The sales of single and two hour passes are left out, and so are first uses of the latter. The server is emptied.
    """
    found = _of_scripts(server, rounds)
    assert len(found) == 20 * rounds
    return found


def single_entries(server: Server, rounds: int = 500) -> list[Message]:
    """Return as many single entries as there are in a number of rounds. The server is emptied."""
    return [message for message in _of_scripts(server, rounds) if message[0] == "pass-used:SINGLE_USE"]


def _of_scripts(server: Server, rounds: int) -> list[Message]:
    cards = (str(number) for number in itertools.count(43405556992, step=977))
    with closing(PassStore(Settings("gate-1", redis_port=server.port), [*TO_USE, *TO_SELL])) as store:
        for _ in range(rounds):
            for type_, cards_of_type, uses in (
                (PassType.TEN_TRIP, 2, 5),
                (PassType.TWO_HOUR, 1, 4),
                (PassType.SINGLE_USE, 2, 1),
                (None, 2, 1),
            ):
                for card in itertools.islice(cards, cards_of_type):
                    if type_:
                        store.issue(store.new_request(card), type_)
                    for _ in range(uses):
                        store.use(card)
    with server.client() as redis:
        entries: Any = redis.xrange(JOURNAL)
        redis.flushdb()
    events = [Event.parse(fields["channel"], fields["payload"], EventId.parse(id_)) for id_, fields in entries]
    return [(event.channel, event.published) for event in events if event.channel in _DAY]


def without_ids(messages: Sequence[Message]) -> list[Message]:
    """Return what is in the journal."""
    return [(channel, re.sub(r',"id":"[^"]*"}$', "}", text)) for channel, text in messages]


def batches(messages: Sequence[Message], events: int, at_once: int = AT_ONCE) -> Iterator[list[str]]:
    """Yield the arguments of a script above, until there were so many events: the messages, over and over."""
    endless = itertools.cycle(messages)
    for first in range(0, events, at_once):
        yield [*itertools.chain(*itertools.islice(endless, min(at_once, events - first)))]
