"""Deleting old sessions: which go, which are kept, and what a report says of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from memva import (
    InvalidValue,
    KeptSession,
    NoRetry,
    archive_session,
    cancel_job,
    create_job,
    create_session,
    fail_job,
    get_next_job,
    get_session,
    list_jobs,
    list_sessions,
    prune_sessions,
    record_event,
    update_session,
)
from memva.adapters.memory import MemoryStore
from memva.domain import EventQuery

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MONTH = timedelta(days=30)


def add(store: MemoryStore, name: str, *, days: int, events: int = 1, **fields: Any) -> str:
    """Add a session that was last touched so many days before `NOW`, with events of that time."""
    then = NOW - timedelta(days=days)
    create_session(store, project_path="/code/app", id=name, now=then)
    if fields:
        update_session(store, name, now=then, **fields)
    for number in range(events):
        record_event(
            store,
            session_id=f"claude-{name}",
            event_type="user",
            data={},
            uuid=f"{number}",
            timestamp=then,
            memva_session_id=name,
        )
    return name


def left(store: MemoryStore) -> list[str]:
    return sorted(session.id for session in list_sessions(store, archived=None))


def test_old_sessions_go_with_all_that_is_theirs_and_are_remembered(store: MemoryStore) -> None:
    add(store, "old", days=31, events=3)
    add(store, "older", days=90, events=2)
    add(store, "new", days=29)
    expected = [get_session(store, "older"), get_session(store, "old")]
    report = prune_sessions(store, older_than=MONTH, now=NOW)
    assert report.sessions == tuple(expected)
    assert (report.events, report.kept, report.dry_run) == (5, (), False)
    assert left(store) == ["new"]
    assert len(store.events.page(EventQuery(), limit=10).events) == 1
    names = ["old", "claude-old", "claude-older", "claude-new"]
    assert [name for name in names if store.sessions.is_deleted(name)] == names[:3]
    assert prune_sessions(store, older_than=MONTH, now=NOW).sessions == ()


def test_a_dry_run_says_the_same_and_deletes_nothing(store: MemoryStore) -> None:
    add(store, "old", days=31, events=3)
    add(store, "busy", days=31, claude_status="processing")
    dry = prune_sessions(store, older_than=MONTH, dry_run=True, now=NOW)
    assert left(store) == ["busy", "old"]
    assert dry.dry_run
    assert prune_sessions(store, older_than=MONTH, now=NOW) == attrs.evolve(dry, dry_run=False)
    assert left(store) == ["busy"]


def test_a_session_is_as_old_as_its_latest_event(store: MemoryStore) -> None:
    add(store, "talks", days=90)
    record_event(
        store,
        session_id="claude-talks",
        event_type="user",
        data={},
        timestamp=NOW - timedelta(days=1),
        memva_session_id="talks",
    )
    report = prune_sessions(store, older_than=MONTH, now=NOW)
    assert (report.sessions, report.kept, left(store)) == ((), (), ["talks"])


def test_sessions_with_work_left_are_kept_and_told(store: MemoryStore) -> None:
    for name in ("waits", "runs", "ended"):
        add(store, name, days=31)
        create_job(store, type=name, memva_session_id=name)
        job = None if name == "waits" else get_next_job(store, types=[name])
        if name == "ended" and job is not None:
            fail_job(store, job, "no", retry=NoRetry())
    add(store, "works", days=31, claude_status="processing")
    create_job(store, type="cancelled", id="c", memva_session_id="ended")
    cancel_job(store, "c")
    report = prune_sessions(store, older_than=MONTH, now=NOW)
    assert [session.id for session in report.sessions] == ["ended"]
    assert sorted(report.kept, key=lambda kept: kept.session.id) == [
        KeptSession(get_session(store, "runs"), "jobs"),
        KeptSession(get_session(store, "waits"), "jobs"),
        KeptSession(get_session(store, "works"), "processing"),
    ]
    assert {job.type for job in list_jobs(store)} == {"waits", "runs"}


@pytest.mark.parametrize(
    ("narrowed", "pruned"),
    [
        ({}, {"away", "done", "error", "plain"}),
        ({"archived": True}, {"away"}),
        ({"archived": False}, {"done", "error", "plain"}),
        ({"status": "completed"}, {"done"}),
        ({"status": ["completed", "error"]}, {"done", "error"}),
        ({"project_path": "/elsewhere"}, {"error"}),
        ({"keep_latest": 2}, {"away", "done"}),
        ({"keep_latest": 9}, set()),
        ({"limit": 1}, {"away"}),
        ({"limit": 2, "archived": False}, {"done", "error"}),
    ],
)
def test_what_is_meant_may_be_narrowed(
    store: MemoryStore, narrowed: dict[str, Any], pruned: set[str]
) -> None:
    archive_session(store, add(store, "away", days=100), now=NOW - timedelta(days=100))
    add(store, "done", days=90, status="completed")
    add(store, "error", days=80, status="error", project_path="/elsewhere")
    add(store, "plain", days=70)
    for dry_run in (True, False):
        report = prune_sessions(store, older_than=MONTH, now=NOW, dry_run=dry_run, **narrowed)
        assert {session.id for session in report.sessions} == pruned
    assert set(left(store)) == {"away", "done", "error", "plain"} - pruned


def test_what_is_touched_meanwhile_stays(store: MemoryStore) -> None:
    """Whether a session is still old, and still there, is looked at in its own transaction."""
    for days, name in enumerate(("gone", "touched", "first"), start=31):
        add(store, name, days=days)

    def touch(_: int) -> None:
        if "gone" in left(store):
            update_session(store, "touched", title="Used again", now=NOW)
            store.sessions.delete("gone")

    report = prune_sessions(store, older_than=MONTH, now=NOW, on_progress=touch)
    assert [session.id for session in report.sessions] == ["first"]
    assert left(store) == ["touched"]


def test_what_was_deleted_before_an_interruption_stays_deleted(store: MemoryStore) -> None:
    for number in range(3):
        add(store, f"old-{number}", days=40 - number)
    told: list[int] = []

    def stop(done: int) -> None:
        told.append(done)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prune_sessions(store, older_than=MONTH, now=NOW, on_progress=stop)
    assert told == [1, 2]
    assert left(store) == ["old-2"]


def test_each_session_is_a_transaction_of_its_own(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        add(store, f"old-{number}", days=31)
    begun = []
    transaction: Callable[[], Any] = store.transaction

    def counted() -> Any:
        begun.append(1)
        return transaction()

    monkeypatch.setattr(store, "transaction", counted)
    prune_sessions(store, older_than=MONTH, now=NOW)
    assert len(begun) == 3


def test_more_sessions_than_are_read_at_once(store: MemoryStore) -> None:
    for number in range(450):
        create_session(store, project_path="/x", now=NOW - timedelta(days=31, seconds=number % 7))
    assert len(prune_sessions(store, older_than=MONTH, dry_run=True, now=NOW).sessions) == 450


@pytest.mark.parametrize(
    "wrong",
    [
        {"older_than": timedelta(-1)},
        {"older_than": 90},
        {"status": "archived"},
        {"limit": 0},
        {"keep_latest": -1},
        {"now": datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)},
    ],
)
def test_what_cannot_be_meant_is_refused(store: MemoryStore, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        prune_sessions(store, **{"older_than": MONTH, **wrong})


def test_older_than_the_calendar_is_nothing(store: MemoryStore) -> None:
    add(store, "old", days=31)
    assert prune_sessions(store, older_than=timedelta.max, now=NOW).sessions == ()
