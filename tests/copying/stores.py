"""A store with something of everything in it, and all that a store tells, to compare."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, cast

import attrs

from memva import (
    FixedRetry,
    TranscriptStore,
    cancel_job,
    checkpoint_job,
    complete_job,
    create_job,
    delete_session,
    delete_transcript,
    fail_job,
    get_next_job,
    retry_job,
    snooze_job,
)
from memva.domain import (
    CountingStore,
    EventQuery,
    JobQuery,
    SearchableStore,
    SessionQuery,
    SessionSort,
    SkippedLines,
    Transcript,
    TranscriptSummary,
    parse_query,
)
from memva.testing import sample_event, sample_job, sample_session
from memva.testing.clock import START
from memva.testing.contract.cursors import sample_cursor
from memva.testing.contract.text import ODD_JSON, ODD_TEXT

SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
MAIN: Final = Transcript("-code-app", "claude-1", "")
FORK: Final = Transcript("-code-app", "claude-2", "")
SUBAGENT: Final = Transcript("-code-app", "claude-1", "subagents/agent-1")
IN_A_MINUTE: Final = FixedRetry(MINUTE)


def line(number: int, of: Transcript = MAIN, **fields: Any) -> Any:
    """Return an event at a line of a transcript."""
    return sample_event(
        **{
            "uuid": f"line-{number}",
            "session_id": of.session_id,
            "project_key": of.project_key,
            "subpath": of.subpath,
            "line": number,
            "timestamp": START + number * SECOND,
            **fields,
        }
    )


def fill(store: TranscriptStore) -> None:
    """Put something of everything into an empty store."""
    fill_sessions(store)
    fill_events(store)
    fill_jobs(store)
    for source in ("/b.jsonl", "/\N{ROCKET}.jsonl", "/a.jsonl"):
        store.cursors.put(sample_cursor(source=source, memva_session_id="session-2"))
    store.cursors.put(
        sample_cursor(source="/bare", title=None, skipped=SkippedLines(), transcript=MAIN)
    )
    store.transcripts.note_appended(MAIN, "line-2", at=START + 9 * MINUTE)
    store.transcripts.keep_summary(MAIN, TranscriptSummary(data={"n": [1, 1.0]}, up_to_line=2))
    store.transcripts.keep_summary(SUBAGENT, TranscriptSummary(data=ODD_JSON["nul"], up_to_line=7))
    store.sessions.remember_deletion("\N{ROCKET}")


def fill_sessions(store: TranscriptStore) -> None:
    """Add sessions of all kinds, of which one is deleted."""
    for n, (name, text) in enumerate(ODD_TEXT.items()):
        store.sessions.add(
            sample_session(
                id=name,
                title=text,
                project_path=text,
                created_at=START - n // 3 * SECOND,
                updated_at=START + n * SECOND,
            )
        )
    for n, (name, value) in enumerate(ODD_JSON.items()):
        store.sessions.add(sample_session(id=f"json {name}", metadata=value, title=f"Title {n}"))
    store.sessions.add(sample_session())
    store.sessions.add(
        sample_session(
            id="session-2",
            title=None,
            status="error",
            claude_status="processing",
            archived_at=START + MINUTE,
            title_origin="ai-title",
        )
    )
    store.sessions.add(sample_session(id="deleted"))
    store.events.append([sample_event(session_id="gone", memva_session_id="deleted")])
    delete_session(store, "deleted")


def fill_events(store: TranscriptStore) -> None:
    """Append events of all kinds, of which some have been replaced or deleted."""
    store.events.append([sample_event(uuid="line-2", memva_session_id="session-1")])
    for of in (MAIN, FORK, SUBAGENT):
        store.events.append([line(n, of, is_sidechain=bool(of.subpath)) for n in (3, 1, 2)])
    fuller = {"type": "user", "fuller": "x" * 999}
    store.events.append([line(4, timestamp=START), line(1, data=fuller)])
    store.events.associate(["line-1", "line-3"], "session-2", session_id="claude-2")
    store.events.append(
        [
            sample_event(
                uuid=f"odd-{name}",
                data=value,
                event_type="assistant",
                cwd=ODD_TEXT.get(name, ""),
                parent_uuid="line-1",
            )
            for name, value in ODD_JSON.items()
        ]
    )
    lost = Transcript("-code-lost", "claude-3", "")
    store.events.append([line(n, lost) for n in (1, 2)])
    delete_transcript(store, lost)
    store.events.append([line(5, memva_session_id="session-1")])


def fill_jobs(store: TranscriptStore) -> None:
    """Add jobs in every state, with attempts, keys and claims."""

    def job(name: str, **fields: Any) -> None:
        create_job(store, **{"type": "x", "now": START, "id": name, **fields})

    def claim(name: str, now: datetime = START) -> Any:
        found = get_next_job(store, worker_id="worker", claim_token=f"token {name}", now=now)
        assert found is not None
        assert found.id == name
        return found

    job("retried", max_attempts=5, concurrency_key="held", memva_session_id="session-1")
    for n in range(2):
        held = claim("retried", START + n * 2 * MINUTE)
        held = checkpoint_job(store, held, {"at": [n, 1.0]}, now=START)
        fail_job(store, held, f"failure {n}", retry=IN_A_MINUTE, now=START + n * 2 * MINUTE)
    job("snoozed", concurrency_key="other")
    snooze_job(store, claim("snoozed"), until=START + 900 * MINUTE, now=START)
    job("completed", data=ODD_JSON["integers"])
    complete_job(store, claim("completed"), ODD_JSON["floats"], now=START)
    job("failed", max_attempts=1, unique_key="once")
    fail_job(store, claim("failed"), ODD_TEXT["controls"], now=START)
    job("begun anew", max_attempts=1)
    fail_job(store, claim("begun anew"), "first", now=START)
    retry_job(store, "begun anew", now=START)
    held = claim("begun anew")
    job("cancelled")
    cancel_job(store, "cancelled", now=START)
    cancel_job(store, "begun anew", now=START + SECOND)
    job("running", unique_key="one", unique_scope="until_claimed", timeout=SECOND / 7)
    claim("running")
    job("queued", unique_key="one", unique_scope="until_claimed")
    job("unique", unique_key="two", memva_session_id="session-2")
    for n in range(6):
        job(f"behind {n}", concurrency_key="held", priority=n % 3, type="xy"[n % 2])
        job(f"ready {n}", priority=n % 2)
    job("later", scheduled_at=START + 99 * MINUTE, priority=9)
    store.jobs.add([sample_job(id=name, data=value) for name, value in ODD_JSON.items()])


def everything(store: TranscriptStore) -> dict[str, Any]:
    """Return all that a store tells, in each order that it has, but for positions."""
    told: dict[str, Any] = {}
    sorts: tuple[SessionSort, ...] = ("updated_at", "created_at", "title")
    for sort in sorts:
        page = store.sessions.find(SessionQuery(archived=None), sort=sort)
        told[f"sessions by {sort}"] = [repr(session) for session in page]
    told["feed"] = [
        repr(attrs.evolve(event, position=0))
        for event in store.events.committed(EventQuery(), after=0, limit=10_000).events
    ]
    told["order"] = [event.key for event in store.events.page(EventQuery(), limit=10_000).events]
    jobs = store.jobs.find(JobQuery(), limit=10_000)
    told["jobs"] = [repr(job) for job in jobs]
    told["attempts"] = {job.id: repr(store.jobs.attempts(job.id)) for job in jobs}
    told["stats"] = store.jobs.stats(now=START)
    expired = store.jobs.expired(now=START + 999 * MINUTE, limit=10_000)
    told["expired"] = sorted(expired, key=lambda job: (job.lease_until, job.id))
    told["cursors"] = store.cursors.find(limit=10_000)
    told["deletions"] = store.sessions.deletions(limit=10_000)
    told["transcripts"] = store.transcripts.find()
    told["summaries"] = [
        repr(store.transcripts.summary(found.transcript)) for found in told["transcripts"]
    ]
    return told


def worked_out(store: TranscriptStore) -> dict[str, Any]:
    """Return what a store works out of what it keeps; jobs are claimed for it, one by one."""
    told: dict[str, Any] = {}
    counting, searchable = cast("CountingStore", store), cast("SearchableStore", store)
    ids = [session.id for session in store.sessions.find(SessionQuery(archived=None))]
    told["counts"] = counting.counts.session_stats(ids)
    told["usage"] = sorted(map(repr, counting.counts.responses()))
    found = searchable.search.find(parse_query("login"), EventQuery(), limit=10_000)
    told["found"] = [event.key for event in found]
    for now in (START, START + 2 * MINUTE, START + 999 * MINUTE):
        claimed: list[str] = []
        while job := get_next_job(store, claim_token=f"late {len(claimed)}", now=now):
            claimed.append(job.id)
            if len(claimed) % 2:
                complete_job(store, job, now=now)
        told[f"claimed at {now}"] = claimed
    return told
