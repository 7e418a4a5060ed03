"""Importing again adds what is new there, and leaves what is here as the host made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.importing_db.conftest import (
    AGES,
    CLAUDE,
    Seed,
    all_events,
    at,
    everything,
    imported,
)

from memva import (
    DatabaseImportProgress,
    Store,
    archive_session,
    associate_events_with_session,
    create_session,
    delete_session,
    import_memva_database,
    list_jobs,
    list_sessions,
    update_session,
)
from memva.adapters.memory import MemoryStore
from memva.adapters.typescript_memva import TypescriptMemva
from memva.domain import DatabaseRow, SourceUnreadable

BATCH = 500


def fill(seed: Seed) -> Seed:
    """Put something of everything into a database of the latest schema."""
    seed.make()
    seed.session("s1", metadata={"claude_session_id": CLAUDE}, settings={"maxTurns": 3})
    seed.session("s2", status="archived", claude_status="processing")
    seed.event("a", 1, session_id="", memva_session_id="s1")
    seed.said("b", 2, "own-b", memva_session_id="s1", parent_uuid="a")
    seed.said("b2", 2, "own-b", memva_session_id="s1", parent_uuid="a")
    seed.event("c", 3, session_id="", memva_session_id="s2")
    seed.event("d", 4, session_id="elsewhere", data="{torn")
    seed.event("e", 5, memva_session_id="nobody")
    seed.job("j1", status="pending").job("j2", data={"session_id": "s2"}).job("j3")
    seed.put("settings", id="singleton", config={"a": 1})
    for status in ("pending", "approved"):
        seed.put("permission_requests", id=status, session_id="s1", status=status, created_at=at(6))
    return seed


def test_again_changes_nothing(store: Store, seed: Seed) -> None:
    fill(seed)
    first = imported(store, seed)
    before = everything(store)
    assert len(before) == 2 + 5 + 2 + 1 + 3
    again = imported(store, seed)
    assert everything(store) == before
    assert (again.sessions, again.jobs, again.known_sessions, again.known_jobs) == (0, 0, 2, 3)
    assert (again.events.added, again.events.replaced) == (0, 0)
    assert again.events.unchanged == first.events.added + 1
    assert again.problem_count == first.problem_count


@pytest.mark.parametrize("age", AGES)
def test_again_changes_nothing_at_any_age(store: Store, seed: Seed, age: str) -> None:
    seed.make(AGES[age]).session(metadata={"claude_session_id": CLAUDE})
    seed.event("a", 1).said("b", 2, "own-b").event("c", 3, session_id="")
    imported(store, seed)
    before = everything(store)
    imported(store, seed)
    assert everything(store) == before


def test_grown_database_adds_what_is_new(store: Store, seed: Seed) -> None:
    fill(seed)
    imported(store, seed)
    seed.session("s3").event("f", 9, memva_session_id="s3").job("j4")
    report = imported(store, seed)
    assert (report.sessions, report.jobs, report.events.added) == (1, 1, 1)


def test_what_the_host_made_of_it_stays(store: Store, seed: Seed) -> None:
    fill(seed)
    imported(store, seed)
    mine = create_session(store, project_path="/mine")
    update_session(store, "s1", title="Mine", metadata={"mine": 1}, status="error")
    archive_session(store, "s1")
    associate_events_with_session(store, ["own-b"], mine.id)
    before = everything(store)
    imported(store, seed)
    assert everything(store) == before


def test_deleted_session_stays_away_until_it_is_restored(store: Store, seed: Seed) -> None:
    fill(seed)
    imported(store, seed)
    delete_session(store, "s1")
    kept = everything(store)
    report = imported(store, seed)
    assert everything(store) == kept
    # Its row, its three events, one of its conversation's in no session, and two requests.
    assert report.deleted == 7
    restored = imported(store, seed, restore=True)
    assert (restored.deleted, restored.sessions) == (0, 1)
    assert {session.id for session in list_sessions(store)} == {"s1"}
    assert len(all_events(store)) == 8
    assert imported(store, seed).deleted == 0


def test_conversation_that_was_deleted_stays_away(store: Store, seed: Seed) -> None:
    create_session(store, id=CLAUDE, project_path="/")
    delete_session(store, CLAUDE)
    seed.make().session().event("a", memva_session_id="s1").event("b", session_id="other")
    report = imported(store, seed)
    assert (report.deleted, [event.uuid for event in all_events(store)]) == (1, ["b"])


def test_it_may_be_stopped_and_goes_on(store: Store, seed: Seed) -> None:
    fill(seed)
    seed.run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
        f" WHERE i < {BATCH + 100}) INSERT INTO events SELECT 'x' || i, 's', 'user',"
        " '2026-03-03T00:00:00.000Z', 0, NULL, '/', '', '{}', 's1', 1 FROM n"
    )

    def stop(progress: DatabaseImportProgress) -> None:
        if progress.table == "events":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imported(store, seed, on_progress=stop)
    assert len(all_events(store)) == BATCH - 1
    assert list_jobs(store).jobs == []
    report = imported(store, seed)
    assert (report.events.unchanged, report.jobs) == (BATCH, 3)
    with MemoryStore() as once:
        imported(once, seed)
        assert without_positions(once) == without_positions(store)


def without_positions(store: Store) -> list[Any]:
    return [event.key for event in all_events(store)]


def test_progress_rises_to_the_end(store: Store, seed: Seed) -> None:
    fill(seed)
    told: list[DatabaseImportProgress] = []
    imported(store, seed, on_progress=told.append)
    assert [progress.table for progress in told] == [
        "sessions", "events", "permission_requests", "jobs", "settings",
    ]  # fmt: skip
    assert [progress.rows for progress in told] == [2, 8, 10, 13, 14]
    assert {progress.total_rows for progress in told} == {14}


class InMemory:
    """A database that is written in the test: any source will do."""

    def __init__(self, *rows: DatabaseRow, fails: bool = False) -> None:
        self.found = rows
        self.fails = fails

    def tables(self) -> Mapping[str, int]:
        return {row.table: 1 for row in self.found}

    def rows(self, table: str, /) -> Iterator[DatabaseRow]:
        if self.fails:
            raise SourceUnreadable("there", "it has gone")
        return (row for row in self.found if row.table == table)

    def event(self, uuid: str, /) -> DatabaseRow | None:
        return None

    def first_claude_sessions(self) -> Mapping[str, str]:
        return {}


def test_row_that_cannot_be_read_is_told(store: Store) -> None:
    torn = DatabaseRow("sessions", "row 1", {}, "is damaged")
    good = DatabaseRow("sessions", "s1", {"id": "s1", "created_at": at(1)})
    told: list[Any] = []
    report = import_memva_database(store, InMemory(torn, good), on_problem=told.append)
    assert (report.sessions, report.problem_count) == (1, 1)
    [problem] = report.problems
    assert (problem.table, problem.id, problem.reason) == ("sessions", "row 1", "is damaged")
    assert tuple(told) == report.problems


def test_source_that_goes_away_is_an_error(store: Store) -> None:
    with pytest.raises(SourceUnreadable):
        import_memva_database(store, InMemory(fails=True))


def test_every_problem_is_counted_and_a_thousand_are_kept(store: Store) -> None:
    rows = [DatabaseRow("events", str(number), {}, "is damaged") for number in range(1_100)]
    report = import_memva_database(store, InMemory(*rows))
    assert (report.problem_count, len(report.problems)) == (1_100, 1_000)


def test_one_database_may_be_read_twice(store: Store, seed: Seed) -> None:
    fill(seed)
    with TypescriptMemva(seed.path) as source:
        import_memva_database(store, source)
        assert import_memva_database(store, source).events.added == 0


def test_long_rows_are_stored_in_small_batches(store: Store, seed: Seed) -> None:
    seed.make()
    for number in range(5):
        seed.event(f"row-{number}", number, data={"text": "x" * 1_100_000})
    told: list[DatabaseImportProgress] = []
    imported(store, seed, on_progress=told.append)
    assert [progress.rows for progress in told] == [2, 4, 5]
