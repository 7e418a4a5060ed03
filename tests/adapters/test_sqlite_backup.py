"""Backing up a SQLite store: whole, checked, or not at all."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memva import InvalidValue, StoreCorrupt, StoreUnavailable, list_sessions
from memva.adapters.sqlite import SqliteStore
from memva.domain import EventQuery
from memva.testing import sample_event, sample_session


def fill(store: SqliteStore, begin: int, count: int) -> None:
    numbers = range(begin, begin + count)
    store.events.append([sample_event(uuid=str(n), data={"x": "y" * 2_000}) for n in numbers])


def test_backup_is_the_store_at_one_moment(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with SqliteStore.open(tmp_path / "memva.db") as store:
        store.sessions.add(sample_session())
        fill(store, 0, 5_000)
        with ThreadPoolExecutor(1) as other:

            def progress(done: int, total: int) -> None:
                # Writers go on meanwhile, and the copy does not begin anew.
                other.submit(fill, store, 10_000 + len(told), 1).result()
                told.append((done, total))

            store.backup(tmp_path / "copy.db", on_progress=progress)
    assert len(told) > 1
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1]
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "memva.db"]
    with SqliteStore.open(tmp_path / "copy.db") as copy:
        assert copy.sessions.get("session-1") == sample_session()
        assert len(copy.events.page(EventQuery(), limit=20_000).events) == 5_000


def test_backup_inside_a_transaction_holds_what_was_committed(tmp_path: Path) -> None:
    with SqliteStore.open(tmp_path / "memva.db") as store, store.transaction():
        store.sessions.add(sample_session())
        store.backup(tmp_path / "copy.db")
    with SqliteStore.open(tmp_path / "copy.db") as copy:
        assert list(list_sessions(copy)) == []


def appear(path: Path) -> None:
    path.write_text("precious")


def test_backup_takes_the_place_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")
    with SqliteStore.open(tmp_path / "memva.db") as store:
        with pytest.raises(InvalidValue, match="must be a new file"):
            store.backup(tmp_path / "copy.db")
        with pytest.raises(StoreUnavailable):
            store.backup(tmp_path / "no folder" / "copy.db")
        with pytest.raises(InvalidValue):
            store.backup(tmp_path / "late.db", on_progress=lambda *_: appear(tmp_path / "late.db"))
    assert (tmp_path / "copy.db").read_text() == "precious"
    assert (tmp_path / "late.db").read_text() == "precious"


def test_interrupted_backup_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(_: int, __: int) -> None:
        raise KeyboardInterrupt

    with SqliteStore.open(tmp_path / "memva.db") as store:
        with pytest.raises(KeyboardInterrupt):
            store.backup(tmp_path / "copy.db", on_progress=interrupt)
        store.backup(tmp_path / "copy.db")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "memva.db"]


def test_damaged_store_gives_no_backup(tmp_path: Path) -> None:
    path = tmp_path / "memva.db"
    with SqliteStore.open(path) as store:
        fill(store, 0, 100)
    content = bytearray(path.read_bytes())
    pages = len(content) // 4096
    # Behind the schema, without which the store could not be opened.
    for page in range(pages * 3 // 4, pages):
        content[page * 4096 : page * 4096 + 16] = b"\xff" * 16
    path.write_bytes(content)
    with SqliteStore.open(path) as store, pytest.raises(StoreCorrupt):
        store.backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
