"""What the journal says of the passes and of the trips."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from common.passes import PassType
from tests.drills.drill import replay
from tests.journal import Entry


class Books(NamedTuple):
    """What the entries that were read add up to.

    Attributes:
        held: the passes.
        trips: how many were sold, credited and so on, by the kind of event.
        owed: the taps whose trips are owed.
        read_to: the id of the last entry.
    """

    held: Mapping[str, dict[str, str]] = {}
    trips: Mapping[str, int] = Counter()
    owed: frozenset[str] = frozenset()
    read_to: str = "0-0"

    def read(self, entry: Entry) -> "Books":
        """Return the books with one more entry.

        Raises:
            BrokenGuaranteeError: it contradicts the others.
        """
        held, trips, owed = dict(self.held), Counter(self.trips), self.owed
        replay(held, entry)
        event, (kind, _, of) = entry.event, entry.channel.partition(":")
        fields = event.get("pass", {})
        if kind == "pass-owed":
            owed |= {event["tap"]}
        elif kind == "pass-reversed" and event["tap"] in owed:
            owed -= {event["tap"]}
            kind = "given back at the desk"
        if kind in {"pass-issued", "pass-voided"}:
            trips[kind] += int(fields.get("tripsRemaining", fields["passType"] == PassType.SINGLE_USE))
        elif kind == "pass-credited":
            trips[kind] += event["trips"]
        elif of and of != PassType.TWO_HOUR:
            trips[kind] += 1
        return Books(held, trips, owed, entry.id)

    def without(self, cards: Collection[str]) -> "Books":
        """Return the books once what these cards held has expired."""
        return self._replace(held={card: each for card, each in self.held.items() if card not in cards})

    @property
    def entered(self) -> int:
        """The trips that were taken, and neither given back nor owed."""
        return self.trips["pass-used"] - self.trips["pass-reversed"] - self.trips["pass-owed"]

    @property
    def left(self) -> int:
        """The trips that must be left on the cards."""
        incoming = self.trips["pass-issued"] + self.trips["pass-credited"]
        return incoming - self.entered - self.trips["pass-voided"] - len(self.owed)
