from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memva import (
    NoRetry,
    cancel_job,
    complete_job,
    create_job,
    create_session,
    fail_job,
    get_job_stats,
    get_next_job,
    prune_jobs,
)
from memva.adapters.sqlite import SqliteStore
from memva.cli import jobs
from memva.domain.job_page import JobStats

from .conftest import Run

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

LISTED = """\
ID     TYPE    STATUS      ATTEMPTS  CREATED           NOTE
job-4  import  processing  1/3       2026-05-01 12:00  asked to stop
job-3  import  completed   1/3       2026-05-01 12:00
job-2  prompt  pending     0/3       2026-05-01 12:00
job-1  prompt  failed      1/3       2026-05-01 12:00  ValueError: no such file

TYPE    PENDING  PROCESSING  COMPLETED  FAILED  CANCELLED  DUE SINCE
import  0        1           1          0       0
prompt  1        0           0          1       0          2026-05-01 12:00
"""


@pytest.fixture
def queue(store: SqliteStore) -> SqliteStore:
    """A store with a job that failed, one that waits, one that is done and one that runs."""
    create_session(store, project_path="/p", id="session-1", now=NOON)
    create_job(store, type="prompt", id="job-1", memva_session_id="session-1", now=NOON)
    failing = get_next_job(store, now=NOON)
    assert failing is not None
    fail_job(store, failing, "ValueError: no such\nfile", retry=NoRetry(), now=NOON)
    create_job(store, type="prompt", id="job-2", concurrency_key="key", now=NOON)
    create_job(store, type="import", id="job-3", now=NOON)
    done = get_next_job(store, types=["import"], now=NOON)
    assert done is not None
    complete_job(store, done, now=NOON)
    create_job(store, type="import", id="job-4", now=NOON)
    assert get_next_job(store, types=["import"], now=NOON) is not None
    cancel_job(store, "job-4", now=NOON)
    return store


def listed(run: Run, *options: str) -> list[str]:
    """Return the ids of the jobs that are listed."""
    return [line.split()[0] for line in run("jobs", *options).stdout.splitlines()[1:]]


def test_it_lists_the_last_added_first_and_counts_all(run: Run, queue: SqliteStore) -> None:
    result = run("jobs")
    assert result.stdout == LISTED
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--status", "failed"], ["job-1"]),
        (["--status", "failed", "--status", "pending"], ["job-2", "job-1"]),
        (["--type", "import"], ["job-4", "job-3"]),
        (["--type", "import", "--type", "nothing"], ["job-4", "job-3"]),
        (["--session", "sess"], ["job-1"]),
        (["--key", "key"], ["job-2"]),
        (["--type", "import", "--status", "completed"], ["job-3"]),
    ],
)
def test_options_narrow_the_list_and_leave_the_counts_out(
    run: Run, queue: SqliteStore, options: list[str], ids: list[str]
) -> None:
    assert listed(run, *options) == ids


@pytest.mark.parametrize("options", [["--key", ""], ["--type", "no"], ["--key", "\udcff"]])
def test_where_no_job_is_such_it_says_so(run: Run, queue: SqliteStore, options: list[str]) -> None:
    result = run("jobs", *options)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == 'There are no such jobs. Run "memva jobs" to list all.\n'


def test_a_session_that_is_not_there_is_one_error_line(run: Run, queue: SqliteStore) -> None:
    result = run("jobs", "--session", "nope")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "memva: error: no session's id begins with 'nope'\n"


@pytest.mark.parametrize(
    "options", [["--status", "done"], ["--limit", "0"], ["--limit", f"{10**30}"], ["job-1"]]
)
def test_what_cannot_be_meant_is_a_usage_error(
    run: Run, queue: SqliteStore, options: list[str]
) -> None:
    result = run("jobs", *options)
    assert (result.exit_code, result.stdout) == (2, "")


def test_an_option_of_the_list_is_refused_before_a_command(run: Run, queue: SqliteStore) -> None:
    result = run("jobs", "--json", "show", "job-1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert '--json is for the list of jobs; options of "show" stand after it.' in result.stderr


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_limit_lists_the_last_and_says_that_more_follow(
    run: Run, queue: SqliteStore, as_json: list[str]
) -> None:
    result = run("jobs", "--type", "prompt", "--limit", "1", *as_json)
    assert "job-2" in result.stdout
    assert "job-1" not in result.stdout
    assert result.stderr == 'More jobs follow; a higher "--limit" lists them.\n'
    assert run("jobs", "--type", "prompt", "--limit", "2", *as_json).stderr == ""


def test_fifty_are_listed_where_no_limit_is_given(run: Run, store: SqliteStore) -> None:
    for _ in range(51):
        create_job(store, type="t", now=NOON)
    assert len(listed(run, "--type", "t")) == 50


def test_json_has_every_field_a_line_for_each_job(run: Run, store: SqliteStore) -> None:
    create_job(store, type="first", now=NOON)
    job = create_job(
        store,
        type="ß\x1b[31m",
        data={"a": [1]},
        id="one",
        timeout=timedelta(minutes=1.5),
        now=NOON,
    )
    result = run("jobs", "--json")
    assert result.stdout.isascii()
    assert "\x1b" not in result.stdout
    line, other = [json.loads(line) for line in result.stdout.splitlines()]
    assert other["type"] == "first"
    noon = "2026-05-01T12:00:00.000000Z"
    assert line == {
        "id": "one",
        "type": job.type,
        "data": {"a": [1]},
        "status": "pending",
        "priority": 0,
        "attempts": 0,
        "max_attempts": 3,
        "error": None,
        "result": None,
        "scheduled_at": noon,
        "started_at": None,
        "completed_at": None,
        "created_at": noon,
        "updated_at": noon,
        "memva_session_id": None,
        "lease_until": None,
        "claim_token": None,
        "worker_id": None,
        "concurrency_key": None,
        "unique_key": None,
        "unique_scope": "until_finished",
        "timeout": 90.0,
        "cancel_requested_at": None,
        "claims": 0,
        "checkpoint": None,
    }


def test_a_job_that_is_not_due_says_when_it_is(run: Run, store: SqliteStore) -> None:
    later = store.now() + timedelta(days=2, hours=1, minutes=1)
    create_job(store, type="t", scheduled_at=later)
    heading, line, _, _, counts = run("jobs").stdout.splitlines()
    assert line[heading.index("NOTE") :] == "due in 2d 1h"
    assert counts.split() == ["t", "1", "0", "0", "0", "0"]


def test_short_ids_tell_a_job_from_all_others(run: Run, store: SqliteStore) -> None:
    for job_id in ("aaaaaaaaaa-1", "aaaaaaaaaa-2", "bbbbbbbbbbbb"):
        create_job(store, type=job_id, id=job_id, now=NOON)
    assert listed(run, "--type", "aaaaaaaaaa-1") == ["aaaaaaaaaa-1"]
    assert listed(run, "--type", "bbbbbbbbbbbb") == ["bbbbbbbb"]
    assert run("jobs", "show", "bbbbbbbb").exit_code == 0


def test_among_very_many_jobs_ids_are_whole(
    run: Run, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_FEW", 2)
    ids = [create_job(store, type="t", now=NOON).id for _ in range(2)]
    assert ids[0] not in run("jobs").stdout
    ids.append(create_job(store, type="t", now=NOON).id)
    assert listed(run, "--type", "t") == ids[::-1]


def test_a_job_that_is_deleted_meanwhile_is_listed_still(
    run: Run, queue: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prune_first(store: SqliteStore) -> Sequence[JobStats]:
        assert prune_jobs(queue, older_than=timedelta(0)) == 1
        return get_job_stats(store)

    monkeypatch.setattr(jobs, "get_job_stats", prune_first)
    assert run("jobs").stdout == LISTED


def test_odd_text_cannot_break_a_line_or_steer_a_terminal(run: Run, store: SqliteStore) -> None:
    odd = "red \x1b[31m, \x9b2J, two\nlines and \u202etac"
    create_job(store, type=odd, id="\x1bi\nd", now=NOON)
    job = get_next_job(store, now=NOON)
    assert job is not None
    fail_job(store, job, odd, retry=NoRetry(), now=NOON)
    _, line, _, _, counts = run("jobs").stdout.splitlines()
    clean = "red , �2J, two lines and �tac"
    assert line == f"�i d  {clean}  failed  1/3       2026-05-01 12:00  {clean}"
    assert counts.startswith(clean)


@pytest.mark.parametrize("options", [[], ["--json"], ["--status", "failed"]])
def test_an_empty_database_says_so(run: Run, store: SqliteStore, options: list[str]) -> None:
    result = run("jobs", *options)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == 'No jobs yet. A program adds them with "memva.create_job".\n'


def test_where_there_is_no_database_none_is_made(run: Run, database: Path) -> None:
    result = run("jobs")
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"There is no database at {database} yet." in result.stderr
    assert not database.exists()
