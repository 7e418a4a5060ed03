from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memva import (
    FixedRetry,
    Job,
    NewJob,
    checkpoint_job,
    complete_job,
    create_job,
    create_jobs,
    create_session,
    fail_job,
    get_next_job,
)
from memva.adapters.sqlite import SqliteStore

from .conftest import Run

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

SHOWN = """\
prompt
job-1

status            pending
priority          0
attempts          1
max_attempts      3
scheduled_at      2026-05-01 12:00:01
started_at        2026-05-01 12:00:00
created_at        2026-05-01 12:00:00
updated_at        2026-05-01 12:00:01
memva_session_id  session-1
worker_id         worker-1
concurrency_key   a key
unique_scope      until_finished
timeout           1h 30m
claims            1

error
  Traceback
    ValueError: no

data
  {
    "say": "grüß\\ngott"
  }

checkpoint
  [
    1
  ]

ATTEMPT  WORKER    STARTED              DURATION  OUTCOME  ERROR
1        worker-1  2026-05-01 12:00:00  1.5s      failed   Traceback ValueError: no
"""


def claimed(store: SqliteStore, now: datetime) -> Job:
    job = get_next_job(store, worker_id="worker-1", now=now)
    assert job is not None
    return job


@pytest.fixture
def failing(store: SqliteStore) -> Job:
    """A job that failed once and waits to run again."""
    create_session(store, project_path="/p", id="session-1", now=NOON)
    create_job(
        store,
        type="prompt",
        id="job-1",
        data={"say": "grüß\ngott"},
        memva_session_id="session-1",
        concurrency_key="a\nkey",
        timeout=timedelta(minutes=90),
        now=NOON,
    )
    job = checkpoint_job(store, claimed(store, NOON), [1], now=NOON)
    after = NOON + timedelta(seconds=1.5)
    return fail_job(
        store, job, "Traceback\n  ValueError: no", retry=FixedRetry(timedelta(0)), now=after
    )


def test_a_job_is_shown_in_full(run: Run, failing: Job) -> None:
    result = run("jobs", "show", "job")
    assert result.stdout == SHOWN
    assert (result.exit_code, result.stderr) == (0, "")


def test_empty_fields_and_attempts_are_left_out(run: Run, store: SqliteStore) -> None:
    create_job(store, type="t", id="job-1", now=NOON)
    result = run("jobs", "show", "job-1")
    assert result.stdout.splitlines()[2:4] == ["", "status        pending"]
    assert not {"None", "data", "result", "error", "ATTEMPT"} & set(result.stdout.split())
    assert result.stderr == "This job has no attempts yet.\n"


def test_each_attempt_has_its_line(run: Run, store: SqliteStore, failing: Job) -> None:
    again = NOON + timedelta(minutes=3)
    complete_job(store, claimed(store, again), {"ok": True}, now=again + timedelta(hours=1))
    result = run("jobs", "show", "job-1").stdout
    assert [line.split()[:6] for line in result.splitlines()[-2:]] == [
        ["1", "worker-1", "2026-05-01", "12:00:00", "1.5s", "failed"],
        ["2", "worker-1", "2026-05-01", "12:03:00", "1h", "0m"],
    ]
    assert result.endswith("completed\n")
    assert 'result\n  {\n    "ok": true\n  }\n' in result


def test_an_attempt_that_goes_on_is_running(run: Run, store: SqliteStore) -> None:
    now = store.now() - timedelta(hours=2, minutes=1)
    create_job(store, type="t", id="job-1", now=now)
    claimed(store, now)
    line = run("jobs", "show", "job-1").stdout.splitlines()[-1]
    assert line.endswith("2h 1m     running")


def test_json_is_one_object_of_the_job_and_its_attempts(
    run: Run, store: SqliteStore, failing: Job
) -> None:
    claimed(store, NOON + timedelta(seconds=2))
    result = run("jobs", "show", "job-1", "--json")
    assert result.stdout.isascii()
    assert result.stdout.count("\n") == 1
    shown = json.loads(result.stdout)
    assert list(shown) == ["job", "attempts"]
    assert shown["job"] == json.loads(run("jobs", "--json").stdout)
    assert shown["job"]["data"] == {"say": "grüß\ngott"}
    assert shown["attempts"] == [
        {
            "job_id": "job-1",
            "number": 1,
            "worker_id": "worker-1",
            "started_at": "2026-05-01T12:00:00.000000Z",
            "ended_at": "2026-05-01T12:00:01.500000Z",
            "outcome": "failed",
            "error": "Traceback\n  ValueError: no",
            "checkpoint": [1],
        },
        {
            "job_id": "job-1",
            "number": 2,
            "worker_id": "worker-1",
            "started_at": "2026-05-01T12:00:02.000000Z",
            "ended_at": None,
            "outcome": None,
            "error": None,
            "checkpoint": [1],
        },
    ]


def test_odd_text_cannot_steer_a_terminal(run: Run, store: SqliteStore) -> None:
    odd = "bell \a title \x1b]0;evil\x07 clear \x1b[2J c1 \x9b5m turned \u202e\nend \x1b"
    data = {"half": "\ud83d", odd: odd}
    create_job(store, type=odd, id=odd, data=data, concurrency_key=odd, unique_key=odd, now=NOON)
    job = get_next_job(store, worker_id=odd, now=NOON)
    assert job is not None
    fail_job(store, job, odd, now=NOON)
    output = run("jobs", "show", "bell").stdout
    assert [c for c in output if c != "\n" and not c.isprintable()] == []
    clean = "bell � title clear c1 �5m turned � end �"
    assert output.startswith(f"{clean}\n{clean}\n\nstatus")
    assert output.splitlines()[-1].count(clean) == 2


def test_a_unique_beginning_is_enough_and_a_whole_id_comes_first(
    run: Run, store: SqliteStore
) -> None:
    for job_id in ("same", "same-1", "same-2", "other"):
        create_job(store, type="t", id=job_id, now=NOON)
    for typed, found in (("o", "other"), ("same", "same"), ("same-2", "same-2")):
        assert run("jobs", "show", typed).stdout.splitlines()[1] == found


def test_an_ambiguous_prefix_is_one_error_line(run: Run, store: SqliteStore) -> None:
    for number in range(4):
        create_job(store, type="t", id=f"same-{number}", now=NOON)
    result = run("jobs", "show", "same")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "memva: error: 4 ids begin with 'same': same-3, same-2, same-1, …\n"


def test_a_prefix_is_looked_for_among_all_jobs(run: Run, store: SqliteStore) -> None:
    create_job(store, type="t", id="first", now=NOON)
    create_jobs(store, [NewJob(type="t") for _ in range(1_001)], now=NOON)
    assert run("jobs", "show", "fir").exit_code == 0


@pytest.mark.parametrize("typed", ["nope\x1b[2J", "\udcff", "\0"])
def test_an_unknown_id_is_one_error_line(run: Run, store: SqliteStore, typed: str) -> None:
    result = run("jobs", "show", typed)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"memva: error: no job's id begins with {typed!r}\n"


def test_where_there_is_no_database_none_is_made(run: Run, database: Path) -> None:
    result = run("jobs", "show", "job-1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"memva: error: there is no database at {database} yet")
    assert not database.exists()
