"""What statements read of the server's pages does not grow with what they are not about."""

from datetime import timedelta
from typing import Any, TypeAlias

import pytest

from memva import NewJob, complete_job, create_job, create_jobs, get_next_jobs
from memva.adapters.postgres import PostgresStore, transcripts
from memva.adapters.postgres.connection import Connection, Parameters
from memva.domain import Event, EventQuery
from memva.testing import sample_event, sample_job, sample_session

MANY = 1_000
FEW_PAGES = 100
Statement: TypeAlias = tuple[str, Parameters]


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[Statement]:
    """Give the statements with parameters that are run, as they are run."""
    seen: list[Statement] = []
    for name in ("rows", "run"):
        method = getattr(Connection, name)

        def noting(
            self: Connection, sql: str, values: Parameters = (), method: Any = method
        ) -> Any:
            if values and not sql.startswith("EXPLAIN"):
                seen.append((sql, values))
            return method(self, sql, values)

        monkeypatch.setattr(Connection, name, noting)
    return seen


def pages(store: PostgresStore, statement: Statement) -> int:
    """Return how many pages a statement reads, which is undone."""
    sql, values = statement
    with store._transactions.apart() as connection:
        connection.script("BEGIN")
        [(plan,)] = connection.rows(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", values)
        connection.script("ROLLBACK")
    read = plan[0]["Plan"]
    return int(read["Shared Hit Blocks"] + read["Shared Read Blocks"])


def assert_few_pages(store: PostgresStore, statements: list[Statement]) -> None:
    # What was inserted is there already.
    seen = [one for one in statements if not one[0].strip().startswith("INSERT INTO events")]
    assert seen
    for statement in seen:
        assert pages(store, statement) < FEW_PAGES, statement[0]


@pytest.fixture
def crowded(postgres_store: PostgresStore) -> PostgresStore:
    """Give a store whose queue is full of what claims of the type `mine` are not about."""
    store = postgres_store
    later = store.now() + timedelta(days=1)
    crowds: list[list[NewJob]] = [
        [NewJob(type="mine", priority=9, scheduled_at=later) for _ in range(MANY)],
        [NewJob(type="theirs", priority=9) for _ in range(MANY)],
        [NewJob(type="mine", priority=9, concurrency_key="busy") for _ in range(MANY)],
        [NewJob(type="mine", priority=-number) for number in range(MANY)],
    ]
    for jobs in crowds:
        create_jobs(store, jobs)
    ended = {"status": "completed", "completed_at": store.now(), "started_at": store.now()}
    store.jobs.add([sample_job(id=str(n), type="mine", **ended) for n in range(MANY)])
    # The first of the busy key holds it.
    [busy] = get_next_jobs(store, types=["mine"], limit=1)
    assert busy.concurrency_key == "busy"
    return store


def test_claims_read_few_pages(crowded: PostgresStore, statements: list[Statement]) -> None:
    for types in (["mine"], ["mine", "none"], None):
        assert len(get_next_jobs(crowded, types=types, limit=2)) == 2
    assert get_next_jobs(crowded, types=["none"], limit=1) == []
    crowded.jobs.next_due(types=["mine"])
    crowded.jobs.expired(limit=10)
    assert_few_pages(crowded, statements)


def test_ends_and_additions_read_few_pages(
    crowded: PostgresStore, statements: list[Statement]
) -> None:
    [job] = get_next_jobs(crowded, types=["mine"], limit=1)
    complete_job(crowded, job)
    create_job(crowded, type="mine", unique_key="u")
    create_job(crowded, type="mine", concurrency_key="busy")
    crowded.jobs.prune("completed", ended_before=crowded.now() - timedelta(days=1), limit=10)
    assert_few_pages(crowded, statements)


def test_end_of_a_busy_key_reads_few_pages(
    crowded: PostgresStore, statements: list[Statement]
) -> None:
    [job] = crowded.jobs.expired(now=crowded.now() + timedelta(days=1), limit=1)
    complete_job(crowded, job)
    assert_few_pages(crowded, statements)


def test_appends_and_pages_read_few_pages(
    postgres_store: PostgresStore, statements: list[Statement]
) -> None:
    store = postgres_store
    store.sessions.add(sample_session())
    for session in ("claude-1", "claude-2"):
        lines = [
            sample_event(uuid=f"line-{n}", line=n, session_id=session, memva_session_id="session-1")
            for n in range(1, MANY + 1)
        ]
        store.events.append(lines)
    statements.clear()
    store.events.append([sample_event(uuid="new", line=MANY + 1)])
    event = store.events.get(sample_event(uuid="line-500").key)
    place = store.events.place(event.key)
    for query in (EventQuery(session_id="claude-1"), EventQuery(memva_session_id="session-1")):
        for newest_first in (False, True):
            store.events.page(query, after=place, newest_first=newest_first, limit=10)
        store.events.committed(query, after=MANY - 10, limit=10)
    store.events.associated_session("claude-1")
    store.events.last_line(event.transcript)
    store.events.last_position()
    store.transcripts.find()
    assert_few_pages(store, statements)


def test_append_at_the_end_looks_for_no_outdated_summary(
    postgres_store: PostgresStore, statements: list[Statement]
) -> None:
    def looks(*events: Event) -> int:
        statements.clear()
        postgres_store.events.append(events)
        return sum(sql == transcripts._OUTDATE_SUMMARY for sql, _ in statements)

    assert looks(sample_event(uuid="a", line=5), sample_event(uuid="b", line=6)) == 0
    assert looks(sample_event(uuid="c", line=7), sample_event(uuid="streamed")) == 0
    assert looks(sample_event(uuid="d", line=3)) == 1
