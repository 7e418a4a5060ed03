"""What a job of the TypeScript Memva becomes; none runs for being imported."""

from __future__ import annotations

from typing import Any

import pytest
from tests.importing_db.conftest import CLAUDE, FIRST, Seed, at, imported

from memva import (
    Job,
    Store,
    delete_session,
    get_job,
    get_job_attempts,
    get_next_job,
    list_jobs,
    prune_jobs,
    retry_job,
    update_job_status,
)
from memva.domain import from_text


def only_job(store: Store) -> Job:
    [job] = list_jobs(store)
    return job


def test_job_keeps_all_that_it_has(store: Store, seed: Seed) -> None:
    seed.make().job(error="once", attempts=2)
    report = imported(store, seed)
    assert (report.jobs, report.stopped_jobs) == (1, 0)
    job = only_job(store)
    assert (job.id, job.type, job.data) == ("j1", "session-runner", {"prompt": "hi"})
    assert (job.status, job.priority, job.error, job.result) == (
        "completed", 5, "once", {"ok": True},
    )  # fmt: skip
    assert (job.attempts, job.max_attempts) == (2, 3)
    times = [job.scheduled_at, job.started_at, job.completed_at, job.created_at, job.updated_at]
    assert times == [from_text(at(second)) for second in (1, 2, 3, 1, 3)]
    [attempt] = get_job_attempts(store, "j1")
    assert (attempt.number, attempt.outcome) == (2, "completed")


@pytest.mark.parametrize(
    ("there", "status", "is_stopped"),
    [
        ("completed", "completed", False),
        ("failed", "failed", False),
        ("cancelled", "cancelled", False),
        ("pending", "cancelled", True),
        ("running", "failed", True),
        ("napping", "failed", True),
    ],
)
def test_job_has_ended_whatever_it_was(
    store: Store, seed: Seed, there: str, status: str, is_stopped: bool
) -> None:
    seed.make().job(status=there, completed_at=None)
    report = imported(store, seed)
    job = only_job(store)
    assert job.status == status
    assert job.completed_at == from_text(at(3))
    assert report.stopped_jobs == is_stopped
    assert get_next_job(store) is None
    if is_stopped:
        assert job.error == f"it was {there} in the TypeScript Memva when it was imported"


def test_error_of_a_stopped_job_stays(store: Store, seed: Seed) -> None:
    seed.make().job(status="pending", error="no network")
    imported(store, seed)
    assert str(only_job(store).error).endswith("; its last error: no network")


@pytest.mark.parametrize("there", ["pending", "running"])
def test_stopped_job_runs_when_it_is_retried(store: Store, seed: Seed, there: str) -> None:
    seed.make().job(status=there)
    imported(store, seed)
    retry_job(store, "j1")
    claimed = get_next_job(store)
    assert claimed is not None
    assert claimed.data == {"prompt": "hi"}
    imported(store, seed)
    assert get_job(store, "j1").status == "processing"


@pytest.mark.parametrize("there", ["pending", "running"])
def test_stopped_job_that_has_ended_there_since_is_told_anew(
    store: Store, seed: Seed, there: str
) -> None:
    seed.make().job(status=there, result=None, completed_at=None, started_at=None, attempts=0)
    imported(store, seed)
    assert imported(store, seed).updated_jobs == 0
    seed.job(updated_at=at(50))
    report = imported(store, seed)
    assert (report.updated_jobs, report.known_jobs) == (1, 1)
    job = only_job(store)
    assert (job.status, job.error, job.result, job.attempts) == ("completed", None, {"ok": True}, 1)
    assert imported(store, seed).updated_jobs == 0


def test_job_that_the_host_took_up_is_not_told_anew(store: Store, seed: Seed) -> None:
    seed.make().job(status="pending")
    imported(store, seed)
    retry_job(store, "j1")
    stopped = update_job_status(store, "j1", "cancelled")
    seed.job()
    assert imported(store, seed).updated_jobs == 0
    assert get_job(store, "j1") == stopped


@pytest.mark.parametrize(
    ("there", "kept", "problems"),
    [
        ('"text"', "text", 0),
        ("{torn", "{torn", 1),
        (None, None, 0),
    ],
)
def test_any_data_is_kept(store: Store, seed: Seed, there: Any, kept: Any, problems: int) -> None:
    seed.make().job(data=there)
    report = imported(store, seed)
    assert only_job(store).data == kept
    assert report.problem_count == problems


def test_what_has_no_field_stands_in_the_data(store: Store, seed: Seed) -> None:
    seed.make().run("ALTER TABLE jobs ADD COLUMN colour TEXT")
    seed.job("j1", colour="red", attempts=-1).job("j2", data=[1], colour="red")
    imported(store, seed)
    assert get_job(store, "j1").data == {
        "prompt": "hi",
        "typescript_memva": {"colour": "red", "attempts": -1},
    }
    assert get_job(store, "j2").data == {"typescript_memva": {"colour": "red", "data": [1]}}


@pytest.mark.parametrize("name", ["session_id", "sessionId", "memva_session_id"])
def test_job_goes_with_its_session(store: Store, seed: Seed, name: str) -> None:
    seed.make().session().event(memva_session_id="s1")
    seed.job(data={name: "s1"}).job("j2", data={name: "nobody"}).job("j3", data={name: CLAUDE})
    imported(store, seed)
    assert get_job(store, "j1").memva_session_id == "s1"
    assert get_job(store, "j2").memva_session_id is None
    assert get_job(store, "j3").memva_session_id == "s1"
    delete_session(store, "s1")
    report = imported(store, seed)
    assert (report.deleted, report.jobs) == (4, 0)
    assert [job.id for job in list_jobs(store)] == ["j2"]


def test_bad_rows_keep_none_back(store: Store, seed: Seed) -> None:
    seed.make().job("bad", type="").job("worse", created_at="", updated_at=None).job("good")
    report = imported(store, seed)
    assert [job.id for job in list_jobs(store)] == ["good"]
    assert {problem.id for problem in report.problems} == {"bad", "worse"}


def test_database_may_lack_jobs(store: Store, seed: Seed) -> None:
    seed.make(FIRST).session()
    assert imported(store, seed).jobs == 0


def test_pruned_job_comes_back_and_does_not_run(store: Store, seed: Seed) -> None:
    seed.make().job(status="pending")
    imported(store, seed)
    prune_jobs(store, older_than=from_text(at(59)) - from_text(at(59)))
    imported(store, seed)
    assert get_next_job(store) is None


def test_redact_goes_over_every_text(store: Store, seed: Seed) -> None:
    seed.make().job(data={"a": "sk-1"}, result='["sk-1"]', error="sk-1")
    imported(store, seed, redact=lambda text: text.replace("sk-1", "[key]"))
    job = only_job(store)
    assert (job.data, job.result, job.error) == ({"a": "[key]"}, ["[key]"], "[key]")


def test_job_that_had_ended_is_not_told_anew(store: Store, seed: Seed) -> None:
    seed.make().job(status="failed", error="no network")
    imported(store, seed)
    before = get_job(store, "j1")
    seed.job(updated_at=at(50))
    assert imported(store, seed).updated_jobs == 0
    assert get_job(store, "j1") == before
