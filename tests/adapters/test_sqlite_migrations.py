"""Files of earlier schemas: what was in them is there after the steps that they take."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from memva import get_job_attempts, get_session_stats, get_usage, list_sessions
from memva.adapters.sqlite import SqliteStore, identity, migrations
from memva.domain import JobQuery
from memva.domain.job_change import JobChange
from memva.testing import sample_event, sample_session
from memva.testing.clock import START
from memva.testing.contract.count_histories import conversation

JOB = """
    INSERT INTO jobs (
        id, type, data, status, priority, attempts, max_attempts, result, scheduled_at, started_at,
        completed_at, created_at, updated_at, memva_session_id, lease_until, claim_token,
        concurrency_key, unique_key, timeout
    ) VALUES (
        ?, 'prompt', '{"say":"hi"}', ?, ?, ?, 3, 'null', :now, ?, ?, :now, :now, ?, ?, ?, ?, ?, ?
    )
""".replace(":now", "'2026-01-02T03:04:05.678901Z'")
NOW = "2026-01-02T03:04:05.678901Z"


def make_schema_1(path: Path) -> None:
    """Make a file as the first schema had it, with jobs in every state."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in migrations.MIGRATIONS[0]:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {identity.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute(
            "INSERT INTO sessions (id, created_at, updated_at, status, project_path, claude_status)"
            " VALUES ('session-1', ?, ?, 'active', '', 'completed')",
            (NOW, NOW),
        )
        session, keys = "session-1", ("k", "u")
        for row in (
            ("pending", "pending", 0, 0, None, None, session, None, None, *keys, 1_000_000),
            ("retried", "pending", 1, 1, NOW, None, None, None, None, *keys, None),
            ("running", "processing", 9, 2, NOW, None, session, NOW, "token", *keys, None),
            ("done", "completed", 0, 1, NOW, NOW, None, None, "token", *keys, None),
            ("given up", "cancelled", 0, 0, NOW, NOW, None, None, None, *keys, None),
        ):
            connection.execute(JOB, row)


def test_titles_of_the_first_schema_are_the_imports_or_the_hosts(tmp_path: Path) -> None:
    path = tmp_path / "memva.db"
    make_schema_1(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for session_id, title in (("imported", "A"), ("renamed", "Mine"), ("made", "Mine")):
            connection.execute(
                "INSERT INTO sessions"
                " (id, title, created_at, updated_at, status, project_path, claude_status)"
                " VALUES (?, ?, ?, ?, 'active', '', 'completed')",
                (session_id, title, NOW, NOW),
            )
        for session_id in ("imported", "renamed"):
            connection.execute(
                "INSERT INTO transcript_cursors VALUES"
                " (?, 'p', 'c', '', ?, '', 0, 0, '', NULL, '', 'A', 'ai-title')",
                (session_id, session_id),
            )
    with SqliteStore.open(path) as store:
        origins = {session.id: session.title_origin for session in list_sessions(store)}
    assert origins == {
        "imported": "ai-title",
        "renamed": "host",
        "made": "host",
        "session-1": "host",
    }


def test_jobs_of_the_first_schema_go_on(tmp_path: Path) -> None:
    path = tmp_path / "memva.db"
    make_schema_1(path)
    with SqliteStore.open(path) as store:
        jobs = {job.id: job for job in store.jobs.find(JobQuery(), limit=9)}
        assert list(jobs) == ["given up", "done", "running", "retried", "pending"]
        assert [job.data for job in jobs.values()] == [{"say": "hi"}] * 5
        assert jobs["pending"].timeout == timedelta(seconds=1)
        assert jobs["pending"].memva_session_id == "session-1"
        assert (jobs["running"].claim_token, jobs["running"].claims) == ("token", 2)
        # Nothing obeyed the keys, so that several had what only one may hold.
        assert {(job.concurrency_key, job.unique_key) for job in jobs.values()} == {(None, None)}

        minute = timedelta(minutes=1)
        claimed = store.jobs.claim(claim_token="t", lease=minute, limit=9, now=START)
        assert [job.id for job in claimed] == ["retried", "pending"]
        assert [job.id for job in store.jobs.expired(now=START, limit=9)] == ["running"]
        store.jobs.replace(
            [JobChange(jobs["running"], jobs["running"].completed("done", now=START).job)]
        )
        assert get_job_attempts(store, "running")[0].outcome == "completed"
        assert [attempt.number for attempt in get_job_attempts(store, "given up")] == [1]
        assert store.jobs.prune("completed", ended_before=START + minute, limit=9) == 2
        store.sessions.delete("session-1")
        assert store.sessions.is_deleted("session-1")
        assert [job.id for job in store.jobs.find(JobQuery(), limit=9)] == ["given up", "retried"]
        store.sessions.add(sample_session())


def make_schema_2(path: Path, events: Path) -> None:
    """Make a file as the second schema had it, with the sessions and events of another."""
    columns = (
        "position, uuid, session_id, event_type, timestamp, is_sidechain, parent_uuid, cwd, "
        "project_name, data, memva_session_id, project_key, subpath, line, sort_at"
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for step in migrations.MIGRATIONS[:2]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {identity.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 2")
        connection.execute("ATTACH ? AS other", (str(events),))
        rows = connection.execute("SELECT name FROM pragma_table_info('sessions')").fetchall()
        fields = ", ".join(name for (name,) in rows)
        connection.execute(f"INSERT INTO sessions SELECT {fields} FROM other.sessions")
        connection.execute(f"INSERT INTO events ({columns}) SELECT {columns} FROM other.events")


def test_events_of_the_second_schema_are_counted(tmp_path: Path) -> None:
    now, before = tmp_path / "now.db", tmp_path / "before.db"
    with SqliteStore.open(now) as store:
        store.sessions.add(sample_session())
        for number in range(60):
            store.events.append(conversation(f"claude-{number}", "session-1"))
            store.events.append(conversation(f"other-{number}", None))
        store.events.append([sample_event(event_type="result", data={"total_cost_usd": 1})])
    make_schema_2(before, now)
    with SqliteStore.open(before) as store, SqliteStore.open(now) as other:
        assert get_session_stats(store, "session-1") == get_session_stats(other, "session-1")
        assert get_usage(store) == get_usage(other)
    with closing(sqlite3.connect(before)) as one, closing(sqlite3.connect(now)) as other_file:
        for select in ("* FROM responses", "position, said FROM events", "sql FROM sqlite_schema"):
            rows = [file.execute(f"SELECT {select}").fetchall() for file in (one, other_file)]
            assert sorted(rows[0], key=repr) == sorted(rows[1], key=repr)
