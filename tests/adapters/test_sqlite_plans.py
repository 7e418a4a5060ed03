"""The statements of the SQLite store use its indexes: no page sorts, no claim walks."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from memva import update_session
from memva.adapters.sqlite import (
    SqliteStore,
    counting,
    counts,
    cursors,
    deletions,
    events,
    job_changes,
    job_pages,
    jobs,
    queue,
    sequences,
    sessions,
)
from memva.adapters.sqlite.connection import Parameters
from memva.adapters.sqlite.narrowing import narrowing
from memva.domain import EventQuery, SessionCursor, SessionQuery, SessionSort
from memva.testing import sample_event, sample_session

PLACE = SessionCursor("2026-01-02T03:04:05.678901Z", "session-1")


def listing(
    sort: SessionSort = "updated_at",
    *,
    ascending: bool = False,
    after: SessionCursor | None = None,
    **narrowed_to: Any,
) -> str:
    query = SessionQuery(**narrowed_to)
    return sessions._finding(query, sort, ascending=ascending, after=after)[0]


def page(condition: str, *, back: bool = False) -> str:
    return (events._PAGE_BACK if back else events._PAGE).format(narrowing=condition)


OURS = narrowing(EventQuery(memva_session_id="s", event_types=["user"], is_sidechain=True))[0]
THEIRS = narrowing(EventQuery(session_id="s"))[0]


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (page(OURS), "events_by_memva_session (memva_session_id=? AND (sort_at,project_key,"),
        (page(OURS, back=True), "memva_session_id=? AND sort_at>? AND (sort_at,"),
        (page(THEIRS), "events_by_claude_session (session_id=?"),
        (page(THEIRS, back=True), "events_by_claude_session (session_id=?"),
        (events._PLACE, "events_by_key (session_id=? AND uuid=? AND"),
        (events._COMMITTED.format(narrowing=OURS), "INTEGER PRIMARY KEY (rowid>? AND rowid<?"),
        (events._SELECT, "events_by_key (session_id=? AND uuid=? AND"),
        (events._VERSIONS, "events_by_key (session_id=? AND uuid=?"),
        (events._MANY_VERSIONS, "events_by_key (session_id=? AND uuid=?"),
        (sequences._LAST_BEFORE, "COVERING INDEX events_by_line (session_id=? AND project_key=?"),
        (sequences._LAST_STREAMED, "COVERING INDEX events_by_line (session_id=? AND project_key=?"),
        (events._COUNT_LINES, "events_by_key (session_id=? AND uuid>? AND uuid<?"),
        (events._ASSOCIATED, "events_by_claude_session (session_id=?"),
        (listing(), "sessions_by_update"),
        (listing(after=PLACE), "SEARCH sessions USING INDEX sessions_by_update"),
        (listing(ascending=True, after=PLACE), "SEARCH sessions USING INDEX sessions_by_update"),
        (listing(archived=True, project_path="/p"), "sessions_by_update"),
        (listing(statuses=["error"], claude_statuses=["error"]), "sessions_by_update"),
        (listing("created_at"), "sessions_by_creation"),
        (listing("created_at", after=PLACE), "SEARCH sessions USING INDEX sessions_by_creation"),
        (counts._KEPT, "SEARCH session_counts USING PRIMARY KEY (memva_session_id=?"),
        (counts._TOLD, "SEARCH responses USING PRIMARY KEY (memva_session_id=?"),
        (counts._COSTS, "SEARCH events USING INDEX events_said (memva_session_id=?"),
        (counts._LATEST, "SEARCH said USING COVERING INDEX events_said (memva_session_id=?"),
        (counts._KEEP, "SEARCH session_counts USING PRIMARY KEY (memva_session_id=?"),
        (counting._SELECT, "responses USING PRIMARY KEY (memva_session_id=? AND session_id=?"),
        (counting._SELECT_MANY, "responses USING PRIMARY KEY (memva_session_id=? AND session_id=?"),
        (counting._REMOVE, "responses USING PRIMARY KEY (memva_session_id=? AND session_id=?"),
        (counting._REMOVE_SESSION, "responses USING PRIMARY KEY (memva_session_id=?"),
        (counting._TELLING, "SEARCH events USING INTEGER PRIMARY KEY (rowid=?"),
        (queue._FIRST_READY, "jobs_at_hand (stage=? AND type=?)"),
        (queue._IS_READY, "COVERING INDEX jobs_at_hand (stage=? AND type=?"),
        (queue._FIRST_WAITING, "COVERING INDEX jobs_waiting (stage=?"),
        (queue._PROMOTE, "COVERING INDEX jobs_waiting (stage=? AND scheduled_at<?"),
        (queue._READY_TYPES, "COVERING INDEX jobs_at_hand (stage=? AND type>?"),
        (queue._IS_HELD, "jobs_holding (concurrency_key=?"),
        (queue._READY_OF_KEY, "jobs_pending_by_key (concurrency_key=? AND stage=?"),
        (queue._TYPES_BEHIND, "jobs_pending_by_key (concurrency_key=? AND stage=? AND type>?"),
        (queue._FIRST_BEHIND, "jobs_pending_by_key (concurrency_key=? AND stage=? AND type=?"),
        (job_pages._FIND.format(narrowing="position > 1", direction="ASC"), "PRIMARY KEY (rowid>?"),
        (cursors._FIND_AFTER, "sqlite_autoindex_transcript_cursors_1 (source>?"),
        (deletions._FIND_AFTER, "PRIMARY KEY (session_id>?"),
        (jobs._CLAIM, "INTEGER PRIMARY KEY (rowid=?"),
        (job_changes._CHANGE.format("status = ?"), "sqlite_autoindex_jobs_1 (id=?"),
        (job_changes._SELECT_UNIQUE, "jobs_unique (type=? AND unique_key=?"),
        (jobs._ENDED_TYPES, "COVERING INDEX jobs_ended (status=? AND type>?"),
        (jobs._PRUNE, "COVERING INDEX jobs_ended (status=? AND type=? AND completed_at>?"),
    ],
)
def test_statement_uses_its_index(tmp_path: Path, sql: str, index: str) -> None:
    steps = plan(tmp_path, sql)
    assert any(index in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


def test_claude_sessions_are_read_from_the_index_alone(tmp_path: Path) -> None:
    steps = plan(tmp_path, events._CLAUDE_SESSIONS)
    assert "COVERING INDEX events_by_memva_session (memva_session_id=?)" in steps[0]


@pytest.mark.parametrize(
    ("condition", "index"),
    [(OURS, "events_by_memva_session"), (THEIRS, "events_by_claude_session")],
)
def test_far_back_a_sessions_positions_alone_are_sorted(
    tmp_path: Path, condition: str, index: str
) -> None:
    sql = events._COMMITTED_FAR_BACK.format(narrowing=condition, index=index)
    steps = plan(tmp_path, sql)
    assert "SEARCH events USING INTEGER PRIMARY KEY (rowid=?)" in steps[0]
    assert any(f"INDEX {index} (" in step for step in steps)


@pytest.mark.parametrize(
    ("sql", "index"), [(counts._TYPES, "events_by_memva_session"), (counts._TURNS, "events_said")]
)
def test_counting_reads_no_event(tmp_path: Path, sql: str, index: str) -> None:
    assert f"SEARCH events USING COVERING INDEX {index} (memva_session_id=?)" in plan(tmp_path, sql)


def test_leases_are_sought_among_claimed_jobs_alone(tmp_path: Path) -> None:
    assert plan(tmp_path, jobs._EXPIRED) == [
        "SEARCH jobs USING INDEX jobs_at_hand (stage=?)",
        "USE TEMP B-TREE FOR ORDER BY",
    ]


def test_session_is_updated_without_a_walk_through_its_events(tmp_path: Path) -> None:
    """Naming a key that others refer to, SQLite would look at all of these."""
    with SqliteStore.open(tmp_path / "memva.db") as store:
        steps = []
        for name, count in (("short", 1), ("long", 300)):
            store.sessions.add(sample_session(id=name))
            store.events.append(
                [sample_event(uuid=f"{name}-{n}", memva_session_id=name) for n in range(count)]
            )
            steps.append(_steps(store, partial(update_session, store, name, title="New")))
        assert steps[0] == steps[1]


def _steps(store: SqliteStore, call: Callable[[], object]) -> int:
    """Return how many steps of its machine SQLite takes for a call."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    with store._transactions.apart() as connection:
        connection.raw.set_progress_handler(step, 1)
    call()
    with store._transactions.apart() as connection:
        connection.raw.set_progress_handler(None, 0)
    return count


def plan(folder: Path, sql: str) -> list[str]:
    with (
        SqliteStore.open(folder / "memva.db") as store,
        store._transactions.reading() as connection,
    ):
        return [row[3] for row in connection.rows(f"EXPLAIN QUERY PLAN {sql}", _nulls(sql))]


def _nulls(sql: str) -> Parameters:
    if ":" not in sql:
        return [None] * sql.count("?")

    class Nulls(dict[str, None]):
        def __missing__(self, key: str) -> None:
            return None

    return Nulls()
