from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from memva import NoRetry, cancel_job, create_job, fail_job, get_job, get_next_job
from memva.adapters.sqlite import SqliteStore
from memva.cli import job_moves

from .conftest import Run

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_retry_begins_each_job_anew(run: Run, store: SqliteStore) -> None:
    create_job(store, type="t", id="failed", now=NOON)
    job = get_next_job(store, now=NOON)
    assert job is not None
    fail_job(store, job, "no", retry=NoRetry(), now=NOON)
    create_job(store, type="t", id="cancelled", now=NOON)
    cancel_job(store, "cancelled", now=NOON)
    result = run("jobs", "retry", "fai", "cancelled")
    assert result.stdout == "failed is pending again\ncancelled is pending again\n"
    assert (result.exit_code, result.stderr) == (0, "")
    for job_id in ("failed", "cancelled"):
        assert (get_job(store, job_id).status, get_job(store, job_id).attempts) == ("pending", 0)


def test_cancel_ends_a_job_that_waits_and_asks_the_worker_of_one_that_runs(
    run: Run, store: SqliteStore
) -> None:
    create_job(store, type="t", id="runs", now=NOON)
    get_next_job(store, now=NOON)
    create_job(store, type="t", id="waits", now=NOON)
    result = run("jobs", "cancel", "waits", "runs")
    assert result.stdout == ("waits is cancelled\nruns still runs; its worker was asked to stop\n")
    assert (result.exit_code, result.stderr) == (0, "")
    assert get_job(store, "waits").status == "cancelled"
    assert get_job(store, "runs").cancel_requested_at is not None


def test_a_job_that_cannot_be_moved_is_one_error_line_and_keeps_none_back(
    run: Run, store: SqliteStore
) -> None:
    for job_id in ("one", "two", "same-1", "same-2"):
        create_job(store, type="t", id=job_id, now=NOON)
    result = run("jobs", "cancel", "nope", "one", "one", "same", "two")
    assert (result.exit_code, result.stdout) == (1, "one is cancelled\ntwo is cancelled\n")
    assert result.stderr.splitlines() == [
        "memva: error: no job's id begins with 'nope'",
        "memva: error: job 'one' is cancelled and cannot become cancelled",
        "memva: error: 2 ids begin with 'same': same-2, same-1",
    ]
    assert get_job(store, "same-1").status == "pending"


def test_a_job_that_is_deleted_meanwhile_keeps_none_back(
    run: Run, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (create_job(store, type="t", id=job_id, now=NOON) for job_id in ("one", "two"))
    gone = {"one": attrs.evolve(one, id="gone"), "two": two}
    monkeypatch.setattr(job_moves, "job_by_prefix", lambda _, prefix: gone[prefix])
    result = run("jobs", "cancel", "one", "two")
    assert (result.exit_code, result.stdout) == (1, "two is cancelled\n")
    assert result.stderr == "memva: error: no job has the id 'gone'\n"


def test_retry_refuses_a_job_that_has_not_failed(run: Run, store: SqliteStore) -> None:
    create_job(store, type="t", id="one", now=NOON)
    result = run("jobs", "retry", "one")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "memva: error: job 'one' is pending; only one that failed or was cancelled begins anew\n"
    )


def test_retry_refuses_a_job_whose_unique_key_is_taken(run: Run, store: SqliteStore) -> None:
    create_job(store, type="t", id="old", unique_key="k", now=NOON)
    cancel_job(store, "old", now=NOON)
    create_job(store, type="t", id="new", unique_key="k", now=NOON)
    result = run("jobs", "retry", "old")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "memva: error: job 'old' stays cancelled: job 'new' of type 't' has the unique key 'k'\n"
    )


@pytest.mark.parametrize("command", ["retry", "cancel"])
def test_odd_text_cannot_steer_a_terminal(run: Run, store: SqliteStore, command: str) -> None:
    create_job(store, type="t", id="odd\x1b[2J\n\x9b", now=NOON)
    if command == "retry":
        cancel_job(store, "odd\x1b[2J\n\x9b", now=NOON)
    assert run("jobs", command, "odd").stdout.startswith("odd � is ")
    assert run("jobs", command, "odd").stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["retry", "cancel"])
def test_no_job_is_a_usage_error(run: Run, store: SqliteStore, command: str) -> None:
    assert run("jobs", command).exit_code == 2


@pytest.mark.parametrize("command", ["retry", "cancel"])
def test_where_there_is_no_database_none_is_made(run: Run, database: Path, command: str) -> None:
    result = run("jobs", command, "one")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"memva: error: there is no database at {database} yet")
    assert not database.exists()
