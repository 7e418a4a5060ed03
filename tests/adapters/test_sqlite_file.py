"""The file of a SQLite store: whose it is, who may read it, what it refuses."""

import shutil
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from memva import (
    InvalidValue,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreIncompatible,
    StoreReadOnly,
    StoreUnavailable,
    create_session,
    list_sessions,
)
from memva.adapters.sqlite import SqliteStore, connection, identity, migrations, wal
from memva.adapters.sqlite.errors import translate
from memva.domain import EventQuery
from memva.testing import sample_event, sample_session


def pragma(path: Path, name: str) -> Any:
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute(f"PRAGMA {name}").fetchone()[0]


def settings(store: SqliteStore, *names: str) -> list[Any]:
    with store._transactions.reading() as raw:
        return [raw.rows(f"PRAGMA {name}")[0][0] for name in names]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    path = tmp_path / "made" / "for it" / "memva.db"
    with SqliteStore.open(path) as store:
        create_session(store, project_path="/code")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("memva.db", "memva.db-wal", "memva.db-shm"), 384)
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in path.parents[:2]] == [0o700] * 2


def test_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    SqliteStore.open(tmp_path / "memva.db").close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_file_says_whose_it_is(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path / "memva.db").close()
    assert pragma(tmp_path / "memva.db", "application_id") == identity.APPLICATION_ID
    assert pragma(tmp_path / "memva.db", "user_version") == len(migrations.MIGRATIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["memva.db"]


@pytest.mark.parametrize(("durability", "synchronous"), [("full", 2), ("normal", 1)])
def test_settings_of_every_connection(tmp_path: Path, durability: Any, synchronous: int) -> None:
    with SqliteStore.open(tmp_path / "memva.db", durability=durability) as store:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "fullfsync")
        assert settings(store, *names) == ["wal", synchronous, 1, 0, 1]


def test_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "memva.db").touch()
    with SqliteStore.open(tmp_path / "memva.db") as store:
        assert list(list_sessions(store)) == []


def test_path_may_hold_anything(tmp_path: Path) -> None:
    path = tmp_path / "100% ?mode=ro #é&.db"
    with SqliteStore.open(path) as store:
        create_session(store, project_path="/code")
    with SqliteStore.open(str(path)) as store:
        assert len(list_sessions(store)) == 1


def test_other_applications_file_is_refused_and_untouched(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as raw:
        raw.executescript("PRAGMA journal_mode = WAL; CREATE TABLE sessions (id)")
    before = files(tmp_path)
    with pytest.raises(StoreIncompatible, match="another application"):
        SqliteStore.open(tmp_path / "other.db")
    assert files(tmp_path) == before


def test_file_that_is_no_database_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database " * 100)
    before = files(tmp_path)
    with pytest.raises(StoreIncompatible, match="not a SQLite database") as caught:
        SqliteStore.open(tmp_path / "notes.txt")
    assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)
    assert files(tmp_path) == before


def test_newer_memvas_file_is_refused_and_untouched(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path / "memva.db").close()
    with closing(sqlite3.connect(tmp_path / "memva.db")) as raw:
        raw.execute("PRAGMA user_version = 99")
    before = files(tmp_path)
    with pytest.raises(StoreIncompatible, match="schema 99"):
        SqliteStore.open(tmp_path / "memva.db")
    assert files(tmp_path) == before


def test_newer_version_in_the_log_alone_is_seen(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path / "memva.db").close()
    with closing(sqlite3.connect(tmp_path / "memva.db")) as raw:
        raw.execute("PRAGMA user_version = 99")
        with pytest.raises(StoreIncompatible, match="schema 99"):
            SqliteStore.open(tmp_path / "memva.db")


@pytest.mark.parametrize("path", [":memory:", ""])
def test_memory_is_refused_with_a_hint(path: str) -> None:
    with pytest.raises(InvalidValue, match="MemoryStore"):
        SqliteStore.open(path)


def test_durability_is_checked(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="full or normal"):
        SqliteStore.open(tmp_path / "memva.db", durability="off")  # type: ignore[arg-type]  # there is none
    assert list(tmp_path.iterdir()) == []


def test_place_that_cannot_be_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "memva.db"):
        with pytest.raises(StoreUnavailable):
            SqliteStore.open(path)


def test_migrations_go_forward_step_by_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SqliteStore.open(tmp_path / "memva.db") as store:
        store.sessions.add(sample_session())
    steps = (*migrations.MIGRATIONS, ("ALTER TABLE sessions ADD COLUMN mood TEXT",))
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    with SqliteStore.open(tmp_path / "memva.db") as store:
        assert store.sessions.get("session-1") == sample_session()
    assert pragma(tmp_path / "memva.db", "user_version") == len(steps)


def test_step_that_fails_leaves_the_file_at_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SqliteStore.open(tmp_path / "memva.db").close()
    good, bad = "CREATE TABLE half (x)", "CREATE TABLE sessions (x)"
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, (good, bad)))
        with pytest.raises(StoreError):
            SqliteStore.open(tmp_path / "memva.db")
    SqliteStore.open(tmp_path / "memva.db").close()
    with closing(sqlite3.connect(tmp_path / "memva.db")) as raw:
        assert raw.execute("SELECT name FROM sqlite_schema WHERE name = 'half'").fetchall() == []


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (sqlite3.SQLITE_BUSY, StoreBusy),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreBusy),
        (sqlite3.SQLITE_LOCKED, StoreBusy),
        (sqlite3.SQLITE_CORRUPT, StoreCorrupt),
        (sqlite3.SQLITE_CORRUPT_INDEX, StoreCorrupt),
        (sqlite3.SQLITE_NOTADB, StoreCorrupt),
        (sqlite3.SQLITE_FULL, StoreFull),
        (sqlite3.SQLITE_TOOBIG, StoreFull),
        (sqlite3.SQLITE_READONLY, StoreReadOnly),
        (sqlite3.SQLITE_READONLY_DBMOVED, StoreReadOnly),
        (sqlite3.SQLITE_CANTOPEN, StoreUnavailable),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreUnavailable),
        (sqlite3.SQLITE_ERROR, StoreError),
        (None, StoreError),
    ],
)
def test_errors_are_told_apart_by_code(code: int | None, error: type[StoreError]) -> None:
    raw = sqlite3.OperationalError("database is locked")
    if code is not None:
        raw.sqlite_errorcode = code
    assert type(translate(raw)) is error


def test_writer_that_waits_too_long_is_told(tmp_path: Path) -> None:
    with (
        SqliteStore.open(tmp_path / "memva.db", busy_timeout=0.05) as store,
        closing(sqlite3.connect(tmp_path / "memva.db")) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy) as caught:
            store.sessions.add(sample_session())
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        assert list(list_sessions(store)) == []
        other.rollback()
        store.sessions.add(sample_session())


def test_thread_that_waits_too_long_is_told(tmp_path: Path) -> None:
    with (
        SqliteStore.open(tmp_path / "memva.db", busy_timeout=0.05) as store,
        ThreadPoolExecutor(1) as other,
        store.transaction(),
    ):
        waiting = other.submit(store.sessions.add, sample_session())
        assert isinstance(waiting.exception(), StoreBusy)


def test_full_disk_undoes_the_call_and_passes(tmp_path: Path) -> None:
    with SqliteStore.open(tmp_path / "memva.db") as store:
        store.sessions.add(sample_session())
        [pages] = settings(store, "page_count")
        settings(store, f"max_page_count = {pages + 20}")
        large = sample_event(data={"large": "x" * 1_000_000})
        with pytest.raises(StoreFull):
            store.events.append([large])
        with pytest.raises(StoreFull), store.transaction():
            store.sessions.add(sample_session(id="session-2"))
            store.events.append([large])
        assert [session.id for session in list_sessions(store)] == ["session-1"]
        settings(store, "max_page_count = 1000000")
        store.events.append([large])


def test_transaction_that_sqlite_ended_does_not_pass_for_done(tmp_path: Path) -> None:
    with SqliteStore.open(tmp_path / "memva.db") as store:
        with pytest.raises(StoreUnavailable), store.transaction():
            store.sessions.add(sample_session())
            with store._transactions.reading() as raw:
                raw.rows("ROLLBACK")
            with pytest.raises(StoreUnavailable):
                store.sessions.add(sample_session(id="after"))
        assert list(list_sessions(store)) == []


def write_first_page_alone(path: Path) -> None:
    """Leave the file as a checkpoint does for a moment: its new size is there before its pages."""
    # A process of its own writes it, as closing the file here would drop this one's locks.
    size = "bytes.fromhex('0000ffff')"
    write = f"import os, sys; os.pwrite(os.open(sys.argv[1], os.O_RDWR), {size}, 28)"
    subprocess.run([sys.executable, "-c", write, str(path)], check=True)


def test_file_may_be_opened_during_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "memva.db"
    with SqliteStore.open(path) as store:
        store.events.append([sample_event(uuid=str(n), data={"x": "y" * 500}) for n in range(200)])
        write_first_page_alone(path)
        with SqliteStore.open(path) as other:
            assert len(other.events.page(EventQuery(), limit=500).events) == 200


def test_another_applications_file_is_refused_during_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as theirs:
        theirs.execute("PRAGMA journal_mode = WAL")
        theirs.execute("CREATE TABLE theirs (x)")
        write_first_page_alone(path)
        with pytest.raises(StoreIncompatible):
            SqliteStore.open(path)
        assert theirs.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]


def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "memva.db"
    with SqliteStore.open(path) as store:
        store.events.append([sample_event(uuid=str(n), data={"x": "y" * 500}) for n in range(200)])
    content = bytearray(path.read_bytes())
    pages = len(content) // 4096
    # Behind the schema, without which the store could not be opened.
    for page in range(pages * 3 // 4, pages):
        content[page * 4096 : page * 4096 + 16] = b"\xff" * 16
    path.write_bytes(content)
    with SqliteStore.open(path) as store, pytest.raises(StoreCorrupt):
        store.events.page(EventQuery(), limit=500)
    path.write_bytes(content[:4096] + b"\xff" * 4096)
    with pytest.raises(StoreCorrupt):
        SqliteStore.open(path)


def test_connections_are_bounded_and_kept(tmp_path: Path) -> None:
    opened = []
    original = connection.Connection.__init__

    def counting(self: connection.Connection, *args: Any, **options: Any) -> None:
        opened.append(self)
        original(self, *args, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connection.Connection, "__init__", counting)
        with SqliteStore.open(tmp_path / "memva.db") as store:
            for _ in range(50):
                list_sessions(store)
            assert len(opened) == 1
            with ThreadPoolExecutor(30) as threads:
                for future in [threads.submit(list_sessions, store) for _ in range(300)]:
                    future.result()
            assert len(opened) <= 8


def test_checkpoint_that_fails_is_no_failed_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = connection.Connection.rows

    def full(self: connection.Connection, sql: str, parameters: Any = ()) -> Any:
        if "wal_checkpoint" in sql:
            raise StoreFull("the disk is full")
        return rows(self, sql, parameters)

    monkeypatch.setattr(wal, "WAL_LIMIT", 0)
    monkeypatch.setattr(connection.Connection, "rows", full)
    with SqliteStore.open(tmp_path / "memva.db") as store:
        store.sessions.add(sample_session())
        assert len(list_sessions(store)) == 1
        with store._transactions.reading() as raw:
            assert raw.rows("PRAGMA busy_timeout") == [(0,)]


def test_log_stays_bounded_under_readers_that_overlap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 1024 * 1024
    monkeypatch.setattr(wal, "WAL_LIMIT", limit)
    monkeypatch.setattr(wal.WalKeeper, "_PAUSE_SECONDS", 0.0)
    path = tmp_path / "memva.db"
    done = False

    def read(store: SqliteStore, baton: Any) -> None:
        # Each reader hands over only after the next has begun: there is never a moment without.
        while not done:
            with store.snapshot():
                list_sessions(store)
                baton.wait(5)

    import threading

    baton = threading.Barrier(2)
    with SqliteStore.open(path, durability="normal") as store, ThreadPoolExecutor(2) as threads:
        readers = [threads.submit(read, store, baton) for _ in range(2)]
        for number in range(40):
            store.events.append([sample_event(uuid=str(number), data={"x": "y" * 500_000})])
        size = (tmp_path / "memva.db-wal").stat().st_size
        done = True
        baton.abort()
        for reader in readers:
            reader.exception()
    assert size < 10 * limit


def test_copy_of_the_file_opens(tmp_path: Path) -> None:
    with SqliteStore.open(tmp_path / "memva.db") as store:
        store.sessions.add(sample_session())
    shutil.copy(tmp_path / "memva.db", tmp_path / "copy.db")
    with SqliteStore.open(tmp_path / "copy.db") as store:
        assert store.sessions.get("session-1") == sample_session()
