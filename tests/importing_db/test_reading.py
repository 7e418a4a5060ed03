"""The database is only read: not one byte of it changes, in use or not, and no file is left."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from tests.importing_db.conftest import CLAUDE, LATEST, Seed, all_events, around, imported

from memva import MemvaDatabase, SourceUnreadable, import_memva_database
from memva.adapters.memory import MemoryStore
from memva.adapters.sqlite import SqliteStore
from memva.adapters.sqlite.identity import APPLICATION_ID
from memva.adapters.typescript_memva import TypescriptMemva, default_memva_database


def open_for_good(seed: Seed, uuid: str) -> sqlite3.Connection:
    """Open the database as its own program does, and commit an event, to the log alone."""
    raw = sqlite3.connect(seed.path)
    raw.execute("PRAGMA wal_autocheckpoint = 0")
    with raw:
        raw.execute(
            "INSERT INTO events VALUES (?, 'c', 'user', '2026-03-02T09:00:00.000Z', 0, NULL,"
            " '/', '', '{}', NULL, 1)",
            (uuid,),
        )
    return raw


def uuids(seed: Seed) -> list[str]:
    with MemoryStore() as store:
        report = imported(store, seed)
        assert report.problems == ()
        return [event.uuid for event in all_events(store)]


def in_use(seed: Seed) -> None:
    """Leave it as another program has it open, without that program."""
    copy = seed.path.parent.with_name("copy")
    with closing(open_for_good(seed, "in-log")):
        shutil.copytree(seed.path.parent, copy)
    shutil.rmtree(seed.path.parent)
    copy.rename(seed.path.parent)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_closed_database_is_not_changed(seed: Seed, mode: str) -> None:
    seed.make(mode=mode).event()
    before = around(seed.path)
    assert list(before) == [seed.path.name]
    assert uuids(seed) == ["row-1"]
    assert around(seed.path) == before


def test_log_without_its_index_is_read_and_nothing_changed(seed: Seed) -> None:
    seed.make()
    in_use(seed)
    seed.path.with_name(f"{seed.path.name}-shm").unlink()
    before = around(seed.path)
    assert len(before) == 2
    assert uuids(seed) == ["in-log"]
    assert around(seed.path) == before


def test_log_that_a_crash_left_is_read_and_stays(seed: Seed) -> None:
    seed.make()
    in_use(seed)
    before = around(seed.path)
    assert uuids(seed) == ["in-log"]
    after = around(seed.path)
    assert after.keys() == before.keys()
    for name in (seed.path.name, f"{seed.path.name}-wal"):
        assert after[name] == before[name]


def test_database_in_use_is_read_and_not_changed(seed: Seed) -> None:
    seed.make()
    with closing(open_for_good(seed, "in-log")) as raw:
        before = around(seed.path)
        assert uuids(seed) == ["in-log"]
        after = around(seed.path)
        # The index alone tells that somebody is reading.
        assert after.keys() == before.keys()
        assert {name for name in after if after[name] != before[name]} <= {f"{seed.path.name}-shm"}
        # Its program goes on, and can tidy up its log.
        raw.execute("INSERT INTO events SELECT 'more', session_id, event_type, timestamp, 0, NULL,"
                    " cwd, project_name, data, NULL, 1 FROM events")  # fmt: skip
        raw.commit()
        assert raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    assert list(around(seed.path)) == [seed.path.name]


def test_reading_goes_on_when_its_program_begins_to_write(seed: Seed) -> None:
    seed.make().event("row-1", 1).event("row-2", 2)
    with TypescriptMemva(seed.path) as source:
        rows = source.rows("events")
        assert next(rows).id == "row-1"
        with closing(open_for_good(seed, "row-0")) as raw:
            raw.execute("UPDATE events SET cwd = '/moved' WHERE uuid = 'row-2'")
            raw.commit()
            [row] = rows
            assert (row.id, row.columns["cwd"]) == ("row-2", "/moved")
            assert source.tables()["events"] == 3
        seed.run("VACUUM")
        assert source.tables()["events"] == 3


_WRITER = """
import sqlite3, sys, time
raw = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
raw.execute("PRAGMA wal_autocheckpoint = 5")
for number in range(300):
    raw.execute(
        "INSERT INTO events VALUES (?, 'c', 'user', ?, 0, NULL, '/', '', '{}', NULL, 1)",
        (f"new-{number}", f"2026-03-02T10:00:00.{number:03}Z"),
    )
    if number == 0:
        print("begun", flush=True)
    time.sleep(0.001)
raw.close()
"""


def test_another_process_writes_all_the_while(seed: Seed) -> None:
    seed.make()
    for number in range(50):
        seed.event(f"row-{number:02}", number)
    command = [sys.executable, "-c", _WRITER, str(seed.path)]
    with (
        TypescriptMemva(seed.path) as source,
        MemoryStore() as store,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer,
    ):
        assert source.tables()["events"] == 50
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
        while writer.poll() is None:
            assert import_memva_database(store, source).problems == ()
        assert writer.returncode == 0
        import_memva_database(store, source)
        assert len(all_events(store)) == 350
    with closing(sqlite3.connect(seed.path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_its_program_can_write_while_rows_are_read(seed: Seed) -> None:
    seed.make().event("row-1", 1).event("row-2", 2)
    with closing(open_for_good(seed, "row-0")) as raw, TypescriptMemva(seed.path) as source:
        rows = source.rows("events")
        next(rows)
        raw.execute("DELETE FROM events WHERE uuid = 'row-2'")
        raw.commit()
        assert raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        assert [row.id for row in rows] == ["row-1"]


def test_file_that_may_not_be_written_is_read(seed: Seed) -> None:
    seed.make().event()
    seed.path.chmod(0o400)
    seed.path.parent.chmod(0o500)
    try:
        assert uuids(seed) == ["row-1"]
    finally:
        seed.path.parent.chmod(0o700)


def test_link_means_the_file_that_it_points_to(seed: Seed, tmp_path: Path) -> None:
    seed.make()
    in_use(seed)
    link = tmp_path / "link.db"
    link.symlink_to(seed.path)
    with TypescriptMemva(link) as source:
        assert [row.id for row in source.rows("events")] == ["in-log"]
    assert not link.with_name("link.db-wal").exists()


def test_odd_names_are_opened(seed: Seed, tmp_path: Path) -> None:
    seed.make().event()
    odd = tmp_path / "a?b#c%20 d.db"
    shutil.copy(seed.path, odd)
    with TypescriptMemva(odd) as source:
        assert source.tables()["events"] == 1


def test_row_is_read_with_text_that_is_no_text(seed: Seed) -> None:
    seed.make()
    seed.run(
        "INSERT INTO events VALUES ('a', 'c', CAST(x'ff41' AS TEXT), '2026-03-02T09:00:00Z', 0,"
        " NULL, '/', '', x'7b7d', NULL, 9e999)"
    )
    with MemoryStore() as store:
        assert imported(store, seed).problems == ()
        [event] = all_events(store)
    assert event.event_type == "unknown"
    kept = {"event_type": "\udcffA", "visible": "inf"}
    assert event.data == {"typescript_memva": kept}


def test_change_that_a_crash_left_half_done_is_not_undone_here(seed: Seed, tmp_path: Path) -> None:
    seed.make(mode="delete")
    for number in range(50):
        seed.event(f"row-{number}", data={"text": "x" * 5_000})
    copy = tmp_path / "copy"
    with closing(sqlite3.connect(seed.path)) as raw:
        raw.execute("PRAGMA cache_size = 1")
        raw.execute("UPDATE events SET cwd = '/half'")
        shutil.copytree(seed.path.parent, copy)
    before = around(copy / seed.path.name)
    assert len(before) == 2
    with pytest.raises(SourceUnreadable, match="cannot be read without changing it"):
        TypescriptMemva(copy / seed.path.name)
    assert around(copy / seed.path.name) == before


def test_database_is_read_while_it_is_written_to_without_a_log(seed: Seed) -> None:
    seed.make(mode="delete").event()
    with closing(sqlite3.connect(seed.path)) as raw:
        raw.execute("UPDATE events SET cwd = '/half'")
        assert uuids(seed) == ["row-1"]


def nothing(path: Path) -> None:
    pass


def empty(path: Path) -> None:
    path.touch()


def tableless(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 1")


def text(path: Path) -> None:
    path.write_text("This is no database, but a text that is long enough to look for a header." * 9)


def foreign(path: Path) -> None:
    Seed(path).run("CREATE TABLE sessions (id TEXT, created_at TEXT)", "CREATE TABLE x (y)")


def memvas_own(path: Path) -> None:
    SqliteStore.open(path).close()


def damaged(path: Path) -> None:
    Seed(path).make().event()
    content = path.read_bytes()
    path.write_bytes(content[:200] + b"\xff" * (len(content) - 200))


def pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (nothing, "No such file or directory"),
        (Path.mkdir, "is not a file"),
        (pipe, "is not a file"),
        (empty, "is empty: there are no tables in it"),
        (tableless, "is empty: there are no tables in it"),
        (text, "is not a SQLite database"),
        (
            foreign,
            "is no database of the TypeScript Memva: it has no events with data, session_id, uuid",
        ),
        (memvas_own, "is a database of this memva, not of the TypeScript one"),
        (damaged, "is damaged: "),
    ],
)
def test_what_is_no_such_database_is_refused_and_untouched(
    seed: Seed, make: Callable[[Path], None], reason: str
) -> None:
    make(seed.path)
    is_file = seed.path.is_file()
    before = around(seed.path) if is_file else {}
    with pytest.raises(SourceUnreadable) as caught:
        TypescriptMemva(seed.path)
    assert caught.value.source == str(seed.path)
    assert caught.value.reason.startswith(reason)
    if is_file:
        assert around(seed.path) == before


def test_own_database_is_refused_while_it_is_open(seed: Seed) -> None:
    with SqliteStore.open(seed.path), pytest.raises(SourceUnreadable, match="nothing to import"):
        TypescriptMemva(seed.path)


def test_own_databases_bear_the_number_that_is_refused() -> None:
    assert APPLICATION_ID == 0x4D454D56


def test_damaged_row_keeps_no_other_back(seed: Seed) -> None:
    seed.make(mode="delete").session()
    for number in range(4):
        long = {"text": chr(ord("a") + number) * 20_000}
        seed.event(f"row-{number}", number, session_id="", memva_session_id="s1", data=long)
    seed.event("row-4", 4, memva_session_id="s1")
    content = bytearray(seed.path.read_bytes())
    # Such a row goes on on pages of its own, each of which begins with the number of the next.
    page = content.index(b"b" * 4_000) // 4096 * 4096 + 4096
    content[page : page + 4] = b"\xff" * 4
    seed.path.write_bytes(bytes(content))
    with MemoryStore() as store:
        report = imported(store, seed)
        found = {event.uuid: event.session_id for event in all_events(store)}
    assert found == dict.fromkeys(["row-0", "row-2", "row-3", "row-4"], CLAUDE)
    [problem] = report.problems
    assert (problem.table, problem.id) == ("events", "row-1")
    assert problem.reason.startswith("is damaged: ")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ((), "memva-prod.db"),
        (("memva.db",), "memva.db"),
        (("memva.db", "memva-prod.db"), "memva-prod.db"),
    ],
)
def test_default_is_where_the_typescript_memva_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: tuple[str, ...], expected: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".memva").mkdir()
    for name in files:
        (tmp_path / ".memva" / name).touch()
    assert default_memva_database() == tmp_path / ".memva" / expected


def test_it_is_what_the_port_asks_for(seed: Seed) -> None:
    seed.make(LATEST)
    with TypescriptMemva(seed.path) as source:
        port: MemvaDatabase = source
        assert list(port.rows("no such table")) == []
        assert port.event("nobody") is None


def test_one_row_at_a_time_is_held(seed: Seed) -> None:
    seed.make(mode="delete")
    for number in range(40):
        seed.event(f"row-{number}", number, data={"text": "x" * 500_000})
    with TypescriptMemva(seed.path) as source:
        tracemalloc.start()
        try:
            rows = sum(1 for _ in source.rows("events"))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert rows == 40
    assert peak < 5_000_000


def test_file_that_changes_all_the_time_is_an_error(
    seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed.make()
    with TypescriptMemva(seed.path) as source:
        moments = count()
        monkeypatch.setattr(source, "_signature", lambda: next(moments))
        with pytest.raises(SourceUnreadable, match="is written to all the time"):
            source.tables()
