"""The cards of the demo, and what Redis holds for them."""

from dataclasses import dataclass

from redis import Redis
from redis.exceptions import RedisError

from common.cards import Card
from simulator.server import Server
from simulator.virtual_pi.cards import AnyCard, VirtualCard, VirtualPhone

CARDS: dict[str, AnyCard] = {
    **{str(number): VirtualCard(bytes.fromhex(f"{number}a1b2c3d")) for number in range(1, 6)},
    "6": VirtualCard(bytes.fromhex("04a1b2c3d4e5f6")),
    "copy": VirtualCard(bytes.fromhex("1a1b2c3d")),  # a forged card 1
    "phone": VirtualPhone(),
}


@dataclass(frozen=True)
class StoredPass:
    """A pass, as Redis holds it.

    Args:
        fields: the hash.
        seconds_left: until Redis expires it; None if it does not.
    """

    fields: dict[str, str]
    seconds_left: int | None

    def __str__(self) -> str:
        fields = " ".join(f"{name}={value}" for name, value in self.fields.items())
        return fields if self.seconds_left is None else f"{fields}  expires in {self.seconds_left} s"


def serial_number(card: str) -> str | None:
    """Return a card's serial number; None for a phone, which has a new one at every tap."""
    known = CARDS[card]
    return Card(known.uid).serial_number if isinstance(known, VirtualCard) else None


def read_passes(redis: Redis) -> dict[str, StoredPass] | None:
    """Return the passes of the cards that have one; None if Redis is not running."""
    numbers = {card: number for card in CARDS if (number := serial_number(card))}
    try:
        with redis.pipeline() as pipeline:
            for number in numbers.values():
                pipeline.hgetall(number)
                pipeline.ttl(number)
            answers = pipeline.execute(raise_on_error=False)
    except RedisError:
        return None
    return {
        card: StoredPass(fields, left_s if left_s >= 0 else None)
        for card, fields, left_s in zip(numbers, answers[::2], answers[1::2], strict=True)
        if isinstance(fields, dict) and fields
    }


def describe(server: Server, card: str) -> str:
    """Return a card's serial number and its pass, in words."""
    number = serial_number(card)
    if number is None:
        return "a new number at every tap"
    with server.client() as redis:
        passes = read_passes(redis)
    if passes is None:
        return f"{number}  (Redis is not running)"
    return f"{number}  {passes.get(card, 'no pass')}"
