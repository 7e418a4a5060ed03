from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

import pytest

from memva import (
    NoRetry,
    cancel_job,
    complete_job,
    create_job,
    fail_job,
    get_next_job,
    list_jobs,
)
from memva.adapters.sqlite import SqliteStore

from .conftest import Run

ENDED = {"completed", "failed", "cancelled"}


@pytest.fixture
def ended(store: SqliteStore) -> SqliteStore:
    """A store with jobs that ended 1 and 29 days ago, one in each way, and two that have not."""
    for days in (1, 29):
        now = store.now() - timedelta(days=days)
        for way in ("completed", "failed", "cancelled"):
            create_job(store, type=way, id=f"{way}-{days}", now=now)
            if way == "cancelled":
                cancel_job(store, f"{way}-{days}", now=now)
                continue
            job = get_next_job(store, types=[way], now=now)
            assert job is not None
            if way == "completed":
                complete_job(store, job, now=now)
            else:
                fail_job(store, job, "no", retry=NoRetry(), now=now)
    long_ago = store.now() - timedelta(days=365)
    create_job(store, type="runs", id="runs", now=long_ago)
    get_next_job(store, types=["runs"], now=long_ago)
    create_job(store, type="waits", id="waits", now=long_ago)
    return store


def kept(store: SqliteStore) -> Collection[str]:
    return {job.id for job in list_jobs(store)}


ALL = {"runs", "waits", *(f"{way}-{days}" for way in ENDED for days in (1, 29))}


@pytest.mark.parametrize(
    ("options", "pruned"),
    [
        (["--older-than", "4w"], {"completed-29", "cancelled-29"}),
        (["--older-than", "30d"], set()),
        (
            ["--older-than", "0s"],
            {"completed-1", "cancelled-1", "completed-29", "cancelled-29"},
        ),
        (["--older-than", "2d", "--status", "failed"], {"failed-29"}),
        (
            ["--older-than", "23h", "--status", "failed", "--status", "completed"],
            {"failed-1", "failed-29", "completed-1", "completed-29"},
        ),
    ],
)
def test_it_deletes_what_ended_so_long_ago_and_says_how_many(
    run: Run, ended: SqliteStore, options: list[str], pruned: set[str]
) -> None:
    number = f"{len(pruned)} job{'' if len(pruned) == 1 else 's'}"
    result = run("jobs", "prune", *options, "--dry-run")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{number} would be deleted.\n"
    assert kept(ended) == ALL

    result = run("jobs", "prune", *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{number} deleted.\n"
    assert kept(ended) == ALL - pruned


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--older-than", "3"],
        ["--older-than", "999999w"],
        ["--older-than", "1d", "--status", "pending"],
        ["1d"],
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    run: Run, ended: SqliteStore, options: list[str]
) -> None:
    result = run("jobs", "prune", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert kept(ended) == ALL


def test_where_there_is_no_database_none_is_made(run: Run, database: Path) -> None:
    result = run("jobs", "prune", "--older-than", "1d")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"memva: error: there is no database at {database} yet")
    assert not database.exists()
