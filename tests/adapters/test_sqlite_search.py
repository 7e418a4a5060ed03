"""The index of the SQLite store: what is in the file, when it moves, and what a search runs."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from tests.adapters.tracing import traced

from memva import Event, SearchUnavailable, build_search_index, search_events
from memva.adapters.sqlite import SqliteStore, search, search_index
from memva.testing import sample_event, sample_session
from memva.testing.clock import START
from memva.testing.contract.search import found, said

LONG = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memva.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.open(path, busy_timeout=0.2) as store:
        yield store


def rows(store: SqliteStore, sql: str) -> list[Any]:
    with store._transactions.reading() as connection:
        return connection.rows(sql)


def indexed(store: SqliteStore) -> int:
    """Return the position up to which the index has come."""
    return int(rows(store, "SELECT indexed FROM search_state")[0][0])


def words_in(store: SqliteStore) -> list[str]:
    """Return the words that the index has, by FTS5's own account."""
    with store._transactions.apart() as connection:
        connection.run("CREATE VIRTUAL TABLE temp.seen USING fts5vocab (main, search_words, row)")
        try:
            found = connection.rows("SELECT term FROM temp.seen")
            # Beside them are the marks of the events' types and sides.
            return [word for (word,) in found if word < "\ue000"]
        finally:
            connection.run("DROP TABLE temp.seen")


def many(count: int, begin: int = 0) -> list[Event]:
    return [said(f"line-{n}", "login") for n in range(begin, begin + count)]


def statements(store: SqliteStore, query: str, **options: Any) -> list[str]:
    """Return what a search runs."""
    with traced(store) as ran:
        assert search_events(store, query, **options).hits
    return ran


@pytest.mark.parametrize("search", [True, False])
def test_words_of_what_is_gone_leave_the_file(path: Path, search: bool) -> None:
    with SqliteStore.open(path) as store:
        store.sessions.add(sample_session())
        store.events.append(
            [
                said("kept", "login"),
                said("draft", "secret draft"),
                said("deleted", "secret deleted", memva_session_id="session-1"),
            ]
        )
        build_search_index(store)
        assert words_in(store) == ["deleted", "draft", "login", "secret"]
    with SqliteStore.open(path, search=search) as store:
        store.events.append([said("draft", "final", line=1)])
        store.sessions.delete("session-1")
        assert words_in(store) == ["login"]
        assert rows(store, "SELECT count(*) FROM search_entries") == [(1,)]


def test_store_without_search_says_so_and_indexes_nothing(path: Path) -> None:
    with SqliteStore.open(path, search=False) as store:
        store.events.append(many(1_200))
        with pytest.raises(SearchUnavailable, match="search=False"):
            search_events(store, "login")
        with pytest.raises(SearchUnavailable):
            search_events(store, "login", ranked=True)
        with pytest.raises(SearchUnavailable):
            build_search_index(store)
        assert rows(store, "SELECT 1 FROM sqlite_master WHERE name LIKE 'search%'") == []


def test_index_is_built_later(path: Path) -> None:
    with SqliteStore.open(path, search=False) as store:
        store.events.append(many(5_000))
    with SqliteStore.open(path) as store:
        told: list[tuple[int, int]] = []
        assert build_search_index(store, on_progress=lambda *p: told.append(p)) == 5_000
        assert told == [(2_000, 5_000), (4_000, 5_000), (5_000, 5_000)]
        assert indexed(store) == 5_000


def test_building_goes_on_where_it_was_stopped(path: Path) -> None:
    with SqliteStore.open(path, search=False) as store:
        store.events.append(many(5_000))

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with SqliteStore.open(path) as store:
        with pytest.raises(KeyboardInterrupt):
            build_search_index(store, on_progress=stop)
        assert indexed(store) == 2_000
        assert build_search_index(store) == 3_000
        assert len(search_events(store, "login", limit=5_000)) == 5_000


def test_append_brings_the_index_on_where_it_is_behind(store: SqliteStore) -> None:
    store.events.append(many(249))
    assert indexed(store) == 0
    store.events.append(many(1, 249))
    assert indexed(store) == 250
    store.events.append(many(3_000, 250))
    assert indexed(store) == 3_250


def test_one_append_does_not_index_a_whole_history(path: Path) -> None:
    with SqliteStore.open(path, search=False) as store:
        store.events.append(many(3_000))
    with SqliteStore.open(path) as store:
        store.events.append(many(1, 3_000))
        assert indexed(store) == 500
        store.events.append(many(1, 3_001))
        assert indexed(store) == 1_000


def test_long_lines_are_indexed_a_few_at_a_time(path: Path) -> None:
    output = {"stdout": "x" * 3_000_000}
    with SqliteStore.open(path, search=False) as store:
        store.events.append([sample_event(uuid=str(n), data=output) for n in range(5)])
    with SqliteStore.open(path) as store:
        assert store.search.build(limit=100) == (3, 2)
        assert store.search.build(limit=100) == (2, 0)


def test_undone_append_leaves_the_index_as_it_was(store: SqliteStore) -> None:
    with pytest.raises(KeyError), store.transaction():
        store.events.append(many(600))
        assert indexed(store) == 600
        raise KeyError
    assert (indexed(store), words_in(store)) == (0, [])
    store.events.append(many(700))
    assert len(found(store, "login", limit=1_000)) == 700


def test_index_goes_on_after_an_undone_append(store: SqliteStore) -> None:
    with pytest.raises(KeyError), store.transaction():
        store.events.append(many(3_000))
        raise KeyError
    store.events.append(many(1))
    store.events.append(many(300, 1))
    assert indexed(store) == 301


def test_search_with_nothing_to_index_takes_no_lock(path: Path, store: SqliteStore) -> None:
    store.events.append(many(3))
    assert len(found(store, "login")) == 3
    with SqliteStore.open(path) as other, other.transaction():
        assert len(found(store, "login")) == 3


def test_search_that_cannot_write_looks_through_what_is_left(
    path: Path, store: SqliteStore
) -> None:
    store.events.append(many(3))
    assert len(found(store, "login")) == 3
    store.events.append([said("new", "login login")])
    with SqliteStore.open(path) as other, other.transaction():
        assert found(store, "login", limit=2) == ["new", "line-2", "line-1", "line-0"]
        ranked = search_events(store, "login", ranked=True)
        assert [hit.event.uuid for hit in ranked] == ["new", "line-2", "line-1", "line-0"]
    assert indexed(store) == 3


def test_search_waits_for_no_writer_where_little_is_left(path: Path) -> None:
    written, searched = threading.Event(), threading.Event()
    with SqliteStore.open(path, busy_timeout=LONG) as store:
        store.events.append(many(3))

        def write() -> None:
            with store.transaction():
                store.events.append(many(1, 3))
                written.set()
                searched.wait(LONG)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            assert written.wait(LONG)
            begin = time.monotonic()
            assert found(store, "login", limit=9) == ["line-2", "line-1", "line-0"]
            assert time.monotonic() - begin < LONG / 2
        finally:
            searched.set()
            writer.join()
        assert indexed(store) == 0
        assert len(found(store, "login")) == 4
        assert indexed(store) == 4


def test_search_during_the_building_is_right(path: Path) -> None:
    with SqliteStore.open(path, search=False) as store:
        store.events.append(many(5_000))
    with SqliteStore.open(path) as store:
        store.search.build(limit=1_000)
        with store.snapshot():
            assert len(search_events(store, "login", limit=9_999)) == 5_000
        assert len(search_events(store, "login", limit=9_999)) == 5_000


def test_index_of_other_rules_is_made_anew(path: Path) -> None:
    with SqliteStore.open(path) as store:
        store.events.append([said("it", "login")])
        assert found(store, "login") == ["it"]
    other_rules = patch.object(search_index, "VERSION", "1.99")
    for_search = patch.object(search, "VERSION", "1.99")
    with other_rules, for_search, SqliteStore.open(path) as store:
        with store.snapshot():
            assert found(store, "login") == ["it"]
        assert found(store, "login") == ["it"]
        assert rows(store, "SELECT version FROM search_state") == [("1.99",)]
    with SqliteStore.open(path) as store:
        # Appending leaves it to whoever searches; what is deleted leaves it at once.
        store.events.append(many(1_000))
        assert rows(store, "SELECT version FROM search_state") == [("1.99",)]
        store.events.append([said("it", "final", line=1)])
        assert (words_in(store), found(store, "final")) == ([], ["it"])


def test_sqlite_without_fts5(path: Path) -> None:
    with SqliteStore.open(path) as store:
        store.events.append([said("it", "draft")])
        assert found(store, "draft") == ["it"]
    with patch.object(search_index, "_HAS_FTS5", "SELECT 1 WHERE FALSE"):
        with pytest.raises(SearchUnavailable, match="search=False"):
            SqliteStore.open(path)
        with SqliteStore.open(path, search=False) as store:
            store.events.append([said("it", "final", line=1)])
            # Its words cannot be taken out, so that all of it is to be made anew.
            assert rows(store, "SELECT version FROM search_state") == [("",)]
    with SqliteStore.open(path) as store:
        assert (found(store, "draft"), found(store, "final")) == ([], ["it"])


def test_full_millisecond_goes_on_in_the_next(store: SqliteStore) -> None:
    millisecond = timedelta(milliseconds=1)
    with patch.object(search_index, "NUMBERS", 3), patch.object(search, "NUMBERS", 3):
        store.events.append([said("next", "login", timestamp=START + millisecond)])
        store.events.append(many(8))
        assert found(store, "login", limit=2, until=START + millisecond) == [
            *("line-7", "line-6", "line-5", "line-4", "line-3", "line-2", "line-1", "line-0")
        ]
        store.events.append([said("last", "login"), said("first", "login", timestamp=START)])
        everything = found(store, "login", limit=1)
        assert sorted(everything) == sorted(
            [*(f"line-{n}" for n in range(8)), "first", "last", "next"]
        )
        store.events.append([said("line-4", "final", line=1)])
        assert "line-4" not in found(store, "login")


def test_search_runs_the_same_few_statements(store: SqliteStore) -> None:
    store.sessions.add(sample_session())
    store.events.append(
        [said(f"line-{n}", "login", memva_session_id="session-1") for n in range(200)]
    )
    build_search_index(store)
    few: list[dict[str, Any]] = [{}, {"ranked": True}, {"session_id": "session-1", "since": START}]
    for options in few:
        counts = {len(statements(store, "login", limit=limit, **options)) for limit in (1, 50, 500)}
        assert max(counts) == min(counts) <= 10, options


@pytest.mark.parametrize("narrowed", [{}, {"session_id": "session-1"}, {"event_types": ["user"]}])
def test_newest_come_without_sorting(store: SqliteStore, narrowed: dict[str, Any]) -> None:
    store.sessions.add(sample_session())
    store.events.append([said("it", "login", memva_session_id="session-1")])
    build_search_index(store)
    [sql] = [sql for sql in statements(store, "login", **narrowed) if "MATCH" in sql]
    steps = [row[3] for row in rows(store, f"EXPLAIN QUERY PLAN {sql}")]
    assert any("VIRTUAL TABLE INDEX" in step for step in steps)
    assert any("SEARCH events USING INTEGER PRIMARY KEY" in step for step in steps)
    assert not any("SCAN events" in step for step in steps), steps
    # The page alone is sorted.
    assert sum("TEMP B-TREE" in step for step in steps) == 1, steps


def test_several_may_open_a_new_file_at_once(path: Path) -> None:
    stores: list[SqliteStore] = []
    threads = [
        threading.Thread(target=lambda: stores.append(SqliteStore.open(path))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert len(stores) == 8
    assert rows(stores[0], "SELECT count(*) FROM search_state") == [(1,)]
    for store in stores:
        store.close()


def test_building_what_is_built_waits_for_nobody(store: SqliteStore, path: Path) -> None:
    store.events.append(many(2))
    assert store.search.build(limit=10) == (2, 0)
    with SqliteStore.open(path) as other, other.transaction():
        assert store.search.build(limit=1) == (0, 0)
