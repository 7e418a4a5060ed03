"""A target that holds something else is left as it was; a copy that differs is named."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs
import pytest
from tests.copying.conftest import NewStore
from tests.copying.stores import MAIN, MINUTE, SUBAGENT, everything, fill, line

from memva import (
    CopyDiffers,
    CopyProgress,
    CopyRefused,
    TranscriptStore,
    cancel_job,
    copy_store,
    get_next_job,
)
from memva.domain import JobAttempt, Transcript, TranscriptSummary
from memva.domain.job_change import JobChange
from memva.testing import sample_event, sample_job, sample_session
from memva.testing.clock import START

Change: TypeAlias = Callable[[TranscriptStore], Any]

CHANGES: Final[dict[str, tuple[Change, str, str, str]]] = {
    "a session": (
        lambda s: s.sessions.update(sample_session(title="Another", metadata={})),
        *("sessions", "session-1", "differs in title, metadata"),
    ),
    "one session more": (
        lambda s: s.sessions.add(sample_session(id="more", created_at=START + MINUTE)),
        *("sessions", "more", "is not in the source"),
    ),
    "another session": (
        lambda s: s.sessions.add(sample_session(id="Session", created_at=START)),
        *("sessions", "Session", "stands where 'blank' belongs"),
    ),
    "an association": (
        lambda s: s.events.associate(["line-2"], "session-2", session_id="claude-2"),
        *("events", "line-2 in -code-app/claude-2", "differs in memva_session_id"),
    ),
    "one event more": (
        lambda s: s.events.append([line(9)]),
        *("events", "line-9 in -code-app/claude-1", "is not in the source"),
    ),
    "one streamed event": (
        lambda s: s.events.append([sample_event(project_key="")]),
        *("events", "event-1 in claude-1", "is not in the source"),
    ),
    "a job": (
        lambda s: cancel_job(s, "later", now=START),
        *("jobs", "later", "differs in status, completed_at"),
    ),
    "a claim": (
        lambda s: get_next_job(s, types=["x"], now=START, claim_token="t"),
        *("jobs", "ready 1", "differs in status, attempts, started_at, lease_until, claim_token"),
    ),
    "an attempt": (
        lambda s: add_attempt(s, "completed", 7),
        *("jobs", "completed", "differs in job_id of attempt 7, number of attempt 7, "),
    ),
    "a cursor": (
        lambda s: s.cursors.put(attrs.evolve(s.cursors.find(limit=1)[0], line=99)),
        *("import cursors", "/a.jsonl", "differs in line"),
    ),
    "a note": (
        lambda s: s.transcripts.note_appended(SUBAGENT, "line-1", at=START),
        *("transcript notes", "-code-app/claude-1/subagents/agent-1", "differs in last_appended"),
    ),
    "a summary": (
        lambda s: s.transcripts.keep_summary(MAIN, TranscriptSummary(data={}, up_to_line=2)),
        *("transcript notes", "-code-app/claude-1", "differs in data of the summary"),
    ),
    "a deletion": (
        lambda s: s.sessions.remember_deletion("zz"),
        *("deletions", "zz", "stands where '\N{ROCKET}' belongs"),
    ),
}


def add_attempt(store: TranscriptStore, job_id: str, number: int) -> None:
    job = store.jobs.get(job_id)
    attempt = JobAttempt(job_id=job_id, number=number, started_at=START)
    store.jobs.replace([JobChange(job, job, attempt)])


@pytest.fixture(params=["sqlite", "postgres"])
def stores(
    request: pytest.FixtureRequest, new_store: NewStore
) -> tuple[TranscriptStore, TranscriptStore]:
    source = new_store("memory", "")
    fill(source)
    return source, new_store(request.param, "target")


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("name", CHANGES)
def test_another_target_is_refused_and_left_as_it_was(
    stores: tuple[TranscriptStore, TranscriptStore], name: str
) -> None:
    source, target = stores
    change, part, item, reason = CHANGES[name]
    copy_store(source, target)
    change(target)
    before = everything(target)
    with pytest.raises(CopyRefused) as caught:
        copy_store(source, target)
    error = caught.value
    assert (error.part, error.item) == (part, item)
    assert error.reason.startswith(reason)
    assert str(error).startswith("the target holds something else than a copy of the source")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert everything(target) == before


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("name", CHANGES)
def test_a_copy_that_somebody_writes_to_is_found_to_differ(
    stores: tuple[TranscriptStore, TranscriptStore], name: str
) -> None:
    source, target = stores
    change, part, item, reason = CHANGES[name]

    def meddle(progress: CopyProgress) -> None:
        if (progress.step, progress.part) == ("copying", "deletions"):
            change(target)

    with pytest.raises(CopyDiffers) as caught:
        copy_store(source, target, on_progress=meddle)
    error = caught.value
    assert type(error) is CopyDiffers
    assert (error.part, error.item) == (part, item)
    assert error.reason.startswith(reason)


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize(
    ("lose", "part", "item"),
    [
        (lambda s: s.sessions.forget_deletion("\N{ROCKET}"), "deletions", "\N{ROCKET}"),
        (lambda s: s.jobs.prune("failed", ended_before=START + MINUTE, limit=1), "jobs", "failed"),
    ],
)
def test_what_is_lost_meanwhile_is_named(
    stores: tuple[TranscriptStore, TranscriptStore], lose: Change, part: str, item: str
) -> None:
    source, target = stores

    def meddle(progress: CopyProgress) -> None:
        if (progress.step, progress.part) == ("copying", "deletions"):
            lose(target)

    with pytest.raises(CopyDiffers) as caught:
        copy_store(source, target, on_progress=meddle)
    assert caught.value.part == part
    assert item in str(caught.value)


def test_a_target_in_use_is_refused_before_anything_is_written(new_store: NewStore) -> None:
    source = new_store("memory", "")
    fill(source)
    uses: list[Change] = [
        lambda s: s.sessions.add(sample_session(id="mine")),
        lambda s: s.events.append([sample_event(uuid="mine")]),
        lambda s: s.jobs.add([sample_job(id="mine")]),
        lambda s: s.sessions.remember_deletion("mine"),
        lambda s: s.events.append([line(1, Transcript("", "mine", ""))]),
    ]
    for use in uses:
        target = new_store("memory", "")
        use(target)
        before = everything(target)
        with pytest.raises(CopyRefused, match="mine"):
            copy_store(source, target)
        assert everything(target) == before


def test_an_unique_key_that_is_taken_meanwhile_is_named(
    stores: tuple[TranscriptStore, TranscriptStore],
) -> None:
    source, target = stores

    def meddle(progress: CopyProgress) -> None:
        if progress.part == "events" and progress.step == "copying":
            target.jobs.add([sample_job(id="mine", type="x", unique_key="two")])

    with pytest.raises(CopyDiffers, match="'unique' is kept out by the unique key of 'mine'"):
        copy_store(source, target, on_progress=meddle)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_copy_of_a_source_that_has_changed_since_is_refused(
    new_store: NewStore, kind: str
) -> None:
    source, target = new_store(kind, "source"), new_store("sqlite", "target")
    fill(source)
    copy_store(source, target)
    source.events.append([line(3, data={"type": "user", "fuller": "x" * 99})])
    with pytest.raises(CopyRefused) as caught:
        copy_store(source, target)
    assert caught.value.item == "line-3 in -code-app/claude-1"


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_store_is_a_copy_of_itself(new_store: NewStore, kind: str) -> None:
    store = new_store(kind, "same")
    fill(store)
    before = everything(store)
    for target in (store, new_store(kind, "same")):
        assert copy_store(store, target).added == 0
        assert everything(store) == before
