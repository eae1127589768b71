"""What is remembered of the entries that were shown."""

import random

import pytest

from common.events import START, Event, EventId
from system_monitor import shown
from system_monitor.shown import Shown


def some_ids(chance: random.Random, number: int) -> list[EventId]:
    """Return ascending ids, many of them within one millisecond."""
    return sorted({EventId(chance.randrange(50), chance.choice([0, 1, 2, 2**64 - 1])) for _ in range(number)})


def test_it_holds_what_was_added_and_nothing_else() -> None:
    chance = random.Random(1)
    for _ in range(200):
        ids = some_ids(chance, chance.randrange(40))
        remembered = Shown(START, ids)
        assert remembered.is_empty == (not ids)
        end = EventId(chance.randrange(50), chance.randrange(3))
        for forgets in (False, True):
            if forgets:
                remembered.forget_after(end)
            kept = {id_ for id_ in ids if not forgets or id_ <= end}
            asked = [*ids, *some_ids(chance, 20), START, EventId(2**64 - 1, 2**64 - 1)]
            assert {id_ for id_ in asked if id_ in remembered} == kept


def test_the_oldest_are_forgotten_and_it_knows_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "REMEMBERED_IDS", 20)
    remembered = Shown(START)
    for number in range(1, 201):
        remembered.add(EventId(number, 0), None)
        kept = {EventId(each, 0) for each in range(1, number + 1) if EventId(each, 0) in remembered}
        assert min(number, 20) <= len(kept) <= 25
        assert kept == {EventId(each, 0) for each in range(number - len(kept) + 1, number + 1)}
        assert remembered.begin in {START, min(kept)}


def test_messages_are_known_by_their_whole_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "REMEMBERED_MESSAGES", 10)
    remembered = Shown(START)
    for number in range(1, 101):
        id_ = EventId(number, 0)
        remembered.add(id_, Event.parse("pass-denied", "{}", id_))
        known = [each for each in range(1, number + 1) if remembered.has_message(f'{{"id":"{each}-0"}}')]
        assert known == list(range(number - len(known) + 1, number + 1))
        assert min(number, 10) <= len(known) <= 21
    assert not remembered.has_message('{"id": "100-0"}')
    remembered.forget_after(START)
    assert not remembered.has_message('{"id":"100-0"}')


def test_a_message_is_not_known_by_an_id_that_its_entry_claims() -> None:
    remembered = Shown(START)
    remembered.add(EventId(1, 0), Event.parse("pass-denied", '{"id":"7-7"}', EventId(1, 0)))
    remembered.add(EventId(2, 0), None)
    assert not remembered.has_message('{"id":"7-7"}')
