"""How the SQLite store counts: by rows that follow the events, and figures kept while they hold."""

from __future__ import annotations

import json
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from memva import get_session_stats, list_session_summaries
from memva.adapters.sqlite import SqliteStore, counts
from memva.adapters.sqlite.connection import Connection
from memva.adapters.sqlite.counting import count_stored
from memva.adapters.stats_look import Look
from memva.domain import Event, EventQuery
from memva.domain.told_response import told_in
from memva.testing import sample_event, sample_session
from memva.testing.contract.count_histories import answer, conversation


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memva.db"


@pytest.fixture
def store(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteStore]:
    monkeypatch.setattr(counts, "_WORTH_KEEPING", 1)
    with SqliteStore.open(path) as store:
        store.sessions.add(sample_session())
        yield store


def rows(store: SqliteStore, sql: str) -> list[Any]:
    with store._transactions.reading() as connection:
        return connection.rows(sql)


def kept(store: SqliteStore) -> list[bool]:
    return [text is not None for (text,) in rows(store, "SELECT stats FROM session_counts")]


def delete_and_add(store: SqliteStore) -> None:
    store.sessions.delete("session-1")
    store.sessions.add(sample_session())


def new(number: int) -> Event:
    return answer(response=f"r{number}", uuid=f"u{number}", memva_session_id="session-1")


def test_rows_know_the_positions_of_their_lines(store: SqliteStore) -> None:
    def check() -> None:
        told: dict[object, list[int]] = {}
        for event in store.events.committed(EventQuery(), after=0, limit=99).events:
            response = told_in(event)
            if response is not None:
                key = (response.transcript.session_id, response.response_id, event.subpath)
                told.setdefault(key, []).append(event.position)
        found = rows(store, "SELECT session_id, response_id, subpath, positions FROM responses")
        assert {(*key,): sorted(json.loads(at)) for *key, at in found} == told

    store.events.append(conversation("claude-1", "session-1"))
    check()
    # Neither positions that were taken back nor those of deleted rows are given again.
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.events.append(conversation("claude-2", "session-1"))
        raise ZeroDivisionError
    store.events.append([new(1)])
    check()
    store.sessions.add(sample_session(id="session-2"))
    store.events.append(conversation("claude-3", "session-2"))
    store.sessions.delete("session-2")
    store.events.append([new(2), sample_event(uuid="prompt"), new(3)])
    check()
    store.events.append([answer((1, 1, 1, 1), response="r3", uuid="u3", line=7), new(4)])
    check()


def test_association_holds_no_long_lines(store: SqliteStore) -> None:
    """Only answers are counted: results of megabytes stay where they are."""
    output = {"message": {"content": "x" * 1_000_000}}
    store.events.append(
        [sample_event(uuid=str(n), line=n, data=output) for n in range(1, 41)] + [new(1)]
    )
    tracemalloc.start()
    try:
        assert store.events.associate([str(n) for n in range(1, 41)], "session-1") == 40
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_counting_a_stored_history_holds_no_long_lines(store: SqliteStore) -> None:
    output = {"message": {"content": "x" * 1_000_000}}
    store.events.append([sample_event(uuid=str(n), line=n, data=output) for n in range(1, 41)])
    store.events.append([new(1)])
    kept_of_them = ("SELECT * FROM responses", "SELECT said FROM events")
    before = [rows(store, sql) for sql in kept_of_them]
    with store.transaction(), store._transactions.writing() as connection:
        connection.run("DELETE FROM responses")
        connection.run("UPDATE events SET said = NULL")
        tracemalloc.start()
        try:
            count_stored(connection)
            assert tracemalloc.get_traced_memory()[1] < 10_000_000
        finally:
            tracemalloc.stop()
    assert [rows(store, sql) for sql in kept_of_them] == before


def test_figures_are_kept_from_the_second_look(store: SqliteStore) -> None:
    store.events.append(conversation("claude-1", "session-1"))
    for expected in ([], [False], [True], [True]):
        assert kept(store) == expected
        get_session_stats(store, "session-1")
    store.events.append([sample_event(uuid="more", memva_session_id="session-1")])
    assert kept(store) == []


def test_figures_that_cost_little_are_not_kept(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.events.append(conversation("claude-1", "session-1"))
    monkeypatch.setattr(counts, "_WORTH_KEEPING", 9)
    get_session_stats(store, "session-1")
    assert kept(store) == []


def test_nothing_is_kept_inside_a_transaction_or_a_snapshot(store: SqliteStore) -> None:
    store.events.append(conversation("claude-1", "session-1"))
    for block in (store.transaction(), store.snapshot()):
        with block:
            get_session_stats(store, "session-1")
    assert kept(store) == []


@pytest.mark.parametrize("change", ["append", "associate", "delete"])
def test_what_changed_during_a_look_is_not_kept(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Another process changes the session between the look and the write."""
    store.events.append(conversation("claude-1", "session-1"))
    store.events.append([answer(response="r", uuid="elsewhere", session_id="claude-9")])
    get_session_stats(store, "session-1")

    with SqliteStore.open(path) as other:
        changes: dict[str, Callable[[], object]] = {
            "append": lambda: other.events.append([new(1)]),
            "associate": lambda: other.events.associate(["elsewhere"], "session-1"),
            "delete": lambda: delete_and_add(other),
        }

        def look(connection: Connection, ids: str) -> Look:
            found = original(connection, ids)
            if not looked:
                looked.append(True)
                changes[change]()
                # Someone else's look is the first of those that see the change.
                get_session_stats(other, "session-1")
            return found

        original, looked = counts._look, list[bool]()
        with monkeypatch.context() as patched:
            patched.setattr(counts, "_look", look)
            before = get_session_stats(store, "session-1")
        assert not any(kept(store))
        assert get_session_stats(store, "session-1") != before


def test_a_look_waits_for_no_writer(store: SqliteStore, path: Path) -> None:
    store.events.append(conversation("claude-1", "session-1"))
    begun, done = threading.Event(), threading.Event()

    def write(store: SqliteStore) -> None:
        with store.transaction():
            store.events.append([new(1)])
            begun.set()
            done.wait(30)

    with SqliteStore.open(path) as other:
        for writer in (store, other):
            begun.clear()
            done.clear()
            thread = threading.Thread(target=write, args=[writer])
            thread.start()
            assert begun.wait(30)
            begin = time.monotonic()
            get_session_stats(store, "session-1")
            assert time.monotonic() - begin < 15
            done.set()
            thread.join()
    assert kept(store) == []


@pytest.mark.parametrize("look", ["first", "later"])
def test_the_home_screen_takes_as_many_statements_for_any_number_of_sessions(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    for number in range(2, 51):
        id_ = f"session-{number}"
        store.sessions.add(sample_session(id=id_))
        store.events.append(conversation(f"claude-{number}", id_))
    monkeypatch.setattr(counts, "_WORTH_KEEPING", 10**9 if look == "first" else 1)
    if look == "later":
        for _ in range(2):
            list_session_summaries(store)
    run: list[str] = []

    def counting(connection: Connection, sql: str, parameters: Sequence[object] = ()) -> Any:
        run.append(sql)
        return original(connection, sql, parameters)

    original = Connection.rows
    monkeypatch.setattr(Connection, "rows", counting)
    numbers = []
    for limit in (5, 50):
        run.clear()
        assert len(list_session_summaries(store, limit=limit)) == limit
        numbers.append(len(run))
    assert numbers == ([7, 7] if look == "first" else [3, 3])
