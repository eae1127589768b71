"""Where the monitor resumes: a table over a canned journal."""

import pytest

from system_monitor.events import START, EventId
from system_monitor.journal import Journal
from system_monitor.resume_point import REMEMBERED_IDS, ResumePoint


class CannedJournal(Journal):
    def __init__(self, entries: list[int], trimmed: bool = False) -> None:
        self._entries = list(map(at, entries))
        self._trimmed = trimmed

    def oldest(self) -> EventId:
        return self._entries[0] if self._entries else START

    def newest(self) -> EventId:
        return self._entries[-1] if self._entries else START

    def holds(self, id_: EventId) -> bool:
        return id_ in self._entries

    def has_been_trimmed(self) -> bool:
        return self._trimmed


def at(milliseconds: int) -> EventId:
    return EventId(milliseconds, 0)


WHOLE = CannedJournal([1, 2, 3, 4, 5])
TRIMMED = CannedJournal([3, 4, 5], trimmed=True)
EMPTY = CannedJournal([])


@pytest.mark.parametrize(
    ("caught_up", "read", "shown_live", "journal", "found"),
    [
        pytest.param(2, [], [], WHOLE, 2, id="nothing since the start"),
        pytest.param(2, [3, 4], [], WHOLE, 4, id="after the newest entry read"),
        pytest.param(2, [3], [4, 5], WHOLE, 5, id="after the newest event shown live"),
        pytest.param(2, [], [3, 6], WHOLE, 3, id="a replica that took over lacks the newest event"),
        pytest.param(2, [3, 6], [], WHOLE, 3, id="it lacks the newest entry, and its clock is behind"),
        pytest.param(2, [], [6, 7], WHOLE, 2, id="it lacks all that was shown live"),
        pytest.param(6, [], [7], WHOLE, 5, id="it lacks all that was shown"),
        pytest.param(2, [], [3, 99], WHOLE, 3, id="a forged id counts for nothing"),
        pytest.param(0, [], [], WHOLE, 0, id="the journal was empty at the start"),
        pytest.param(3, [], [], TRIMMED, 3, id="trimmed as far as was shown"),
        pytest.param(2, [], [4], TRIMMED, 4, id="trimmed, but not past what was shown live"),
        pytest.param(1, [2], [], TRIMMED, None, id="trimmed past what was shown"),
        pytest.param(0, [], [], TRIMMED, None, id="trimmed since it was empty"),
        pytest.param(2, [], [3], EMPTY, None, id="replaced by an empty one"),
        pytest.param(0, [], [], EMPTY, 0, id="still empty"),
    ],
)
def test_where_to_resume(
    caught_up: int, read: list[int], shown_live: list[int], journal: Journal, found: int | None
) -> None:
    point = ResumePoint(at(caught_up))
    for id_ in read:
        point.advance(at(id_))
    for id_ in shown_live:
        assert point.add_live(at(id_))
    assert point.find(journal) == (None if found is None else at(found))


def test_what_the_journal_has_shown_is_not_shown_again() -> None:
    point = ResumePoint(at(5))
    assert [point.add_live(at(id_)) for id_ in (4, 5, 6)] == [False, False, True]


def test_forged_ids_are_dropped_eventually() -> None:
    point = ResumePoint(at(2))
    point.advance(at(3))
    for number in range(REMEMBERED_IDS):
        point.add_live(at(1000 + number))
    assert point.find(CannedJournal([4, 5], trimmed=True)) is None
    assert point.find(WHOLE) == at(3)
