"""The place in the journal over restarts."""

from pathlib import Path

import pytest
from redis import Redis

from common.events import EventId
from common.settings import Settings
from system_monitor.journal_reader import Place
from system_monitor.saved_place import SavedPlace
from tests.mounts import require_root, small_disk
from tests.system_monitor.test_monitor import GONE_BACK, add
from tests.system_monitor.watching import ScriptedWatch, deny, published


def test_it_reads_what_it_wrote(tmp_path: Path) -> None:
    for place in (Place(EventId(2**64 - 1, 2**64 - 1), 2**63), Place(EventId(1, 0), 1), Place()):
        SavedPlace(str(tmp_path)).write(place)
        assert SavedPlace(str(tmp_path)).read() == place


def test_nothing_is_kept_without_a_folder() -> None:
    saved = SavedPlace(None)
    saved.write(Place(EventId(1, 0), 1))
    assert saved.read() is None


@pytest.mark.parametrize("content", ["", "\x00" * 80, "1-0", "x 1", "1-0 x", "1-0 1 1", "\udcff"])
def test_anything_else_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "place").write_text(content, errors="surrogateescape")
    with pytest.raises(ValueError, match=r".+"):
        SavedPlace(str(tmp_path)).read()


def watch(settings: Settings, folder: Path) -> ScriptedWatch:
    return ScriptedWatch(settings, SavedPlace(str(folder)))


def test_a_restart_goes_on_where_it_was(settings: Settings, redis: Redis, tmp_path: Path) -> None:
    shown, notices = [], []
    add(redis, 20)
    for _ in range(3):
        monitor = watch(settings, tmp_path)
        monitor.clock.at(1, lambda: deny(redis, "live"))
        monitor.run(until=5)
        shown += monitor.output
        notices += monitor.notices
        deny(redis, "in between")
    assert shown == published(redis)[10:-1]
    assert notices == ["1 event recovered"] * 2


def test_a_restart_tells_what_is_missing(settings: Settings, redis: Redis, tmp_path: Path) -> None:
    add(redis, 3)
    watch(settings, tmp_path).run(until=1)
    add(redis, 5)
    redis.xtrim("transit-pass:events", maxlen=2, approximate=False)
    monitor = watch(settings, tmp_path)
    monitor.run(until=1)
    assert monitor.output == published(redis)
    assert monitor.notices[0].endswith("before they were shown: 3")


def test_a_restart_with_another_journal(settings: Settings, redis: Redis, tmp_path: Path) -> None:
    add(redis, 3)
    watch(settings, tmp_path).run(until=1)
    redis.flushall()
    deny(redis, "new", id_="5-0")
    monitor = watch(settings, tmp_path)
    monitor.run(until=1)
    assert monitor.output == published(redis)
    assert monitor.notices == [GONE_BACK, "1 event recovered"]


def test_a_file_that_cannot_be_used_is_told(settings: Settings, redis: Redis, tmp_path: Path) -> None:
    add(redis, 20)
    (tmp_path / "place").mkdir()
    monitor = watch(settings, tmp_path)
    monitor.clock.at(1, lambda: deny(redis, "live"))
    monitor.run(until=5)
    assert monitor.output == published(redis)[10:]
    assert [notice.partition(":")[0] for notice in monitor.notices] == [
        "cannot go on from where it was",
        "cannot save its place for a restart",
    ]


def test_a_full_disk_is_told_once_and_takes_nothing_from_what_is_there(
    settings: Settings, redis: Redis, tmp_path: Path
) -> None:
    require_root("a small disk")
    add(redis, 20)
    with small_disk(tmp_path / "full", "8k") as folder:
        with pytest.raises(OSError, match="No space left"):
            (folder / "filler").write_bytes(bytes(100_000))
        monitor = watch(settings, folder)
        for at in (1, 2, 3):
            monitor.clock.at(at, lambda: deny(redis, "live"))
        monitor.run(until=5)
    assert monitor.output == published(redis)[10:]
    assert [notice.partition(":")[0] for notice in monitor.notices] == ["cannot save its place for a restart"]
