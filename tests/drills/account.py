"""What riders have seen, compared with what Redis holds: the journal, the passes, and what is owed."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from redis import Redis

from common.keys import SPENT_PREFIX
from common.passes import PassType
from tests import journal
from tests.drills.drill import passes, require, require_balance

HOUR = 3600
TRIPS = {f"pass-issued:{PassType.SINGLE_USE}": 1, f"pass-issued:{PassType.TEN_TRIP}": 10}
Tally = Counter[str]


def account(
    redis: Redis, greens: Mapping[str, int], excused: Mapping[str, int], sold: Mapping[str, int]
) -> tuple[Tally, str]:
    """Settle the account of every card; all devices are connected, and no tap is under way.

    Args:
        redis: a client of the server that holds the passes now.
        greens: how often each card was let in.
        excused: how many trips each card may have lost by a kill between the note of the tap and the lamp.
        sold: how often a terminal has said that it sold a pass to the card.

    Returns:
        `lost`: trips taken without green that nobody owes, and sales that are gone; `doubled`: trips given back twice
        or for a green, and entries that were not sold; `owed`, `reversed`, and `killed`, the trips lost by a kill. Then
        the cards that lost or doubled something, in words.

    Raises:
        BrokenGuaranteeError: the passes are not those that the journal adds up to, or expire at a wrong time.
    """
    channels: dict[str, list[str]] = defaultdict(list)
    settled: list[str] = []
    for entry in journal.entries(redis):
        channels[entry.event["cardSerialNumber"]].append(entry.channel)
        settled += [entry.event["tap"]] if "tap" in entry.event else []
    tally = Counter(doubled=len(settled) - len(set(settled)))
    wrong = ""
    for card in channels.keys() | greens.keys() | sold.keys():
        of_card = _of_a_card(channels[card], greens.get(card, 0), excused.get(card, 0), sold.get(card, 0))
        if of_card["lost"] or of_card["doubled"]:
            wrong += (
                f"; card {card}, {greens.get(card, 0)} greens, {sold.get(card, 0)} sold: {', '.join(channels[card])}"
            )
        tally += of_card
    require_balance(redis)
    _require_expiries(redis, channels)
    return tally, wrong


def _of_a_card(channels: Sequence[str], greens: int, excused: int, sold: int) -> Tally:
    def count(event: str) -> int:
        return sum(channel.startswith(event) for channel in channels)

    used, owed, given_back = count("pass-used"), count("pass-owed"), count("pass-reversed")
    without_green = used - owed - given_back - greens
    if count("pass-issued:TWO_HOUR"):  # each green has its use; a use without green takes nothing
        return +Counter(lost=sold - count("pass-issued"), doubled=-without_green)
    return +Counter(
        lost=max(0, without_green - excused) + max(0, sold - count("pass-issued")),
        killed=min(without_green, excused),
        doubled=max(0, -without_green) + max(0, greens - sum(TRIPS.get(channel, 0) for channel in channels)),
        owed=owed,
        reversed=given_back,
    )


def _require_expiries(redis: Redis, channels: Mapping[str, Sequence[str]]) -> None:
    for card in passes(redis):
        left_s = redis.ttl(card)
        if "pass-activated:TWO_HOUR" in channels[card]:
            require(channels[card].count("pass-activated:TWO_HOUR") == 1, "two hours begin once")
            require(0 < left_s <= 2 * HOUR, "two hours end")
        else:
            require(left_s == -1, f"the pass on card {card} does not expire before its use: {channels[card]}")
    for key in redis.scan_iter(SPENT_PREFIX + "*"):
        require(0 < redis.ttl(key) <= HOUR, "a used-up pass is kept for an hour")
