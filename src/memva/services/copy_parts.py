"""The parts of a store as a copy sees them, each in an order of its own that copies keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

import attrs

from memva.domain.abilities import TranscriptStore
from memva.domain.attempt import JobAttempt
from memva.domain.canonical import canonical_fields
from memva.domain.errors import CopyDiffers
from memva.domain.event import Event, Transcript
from memva.domain.event_page import EventQuery
from memva.domain.job import Job
from memva.domain.job_change import JobChange
from memva.domain.job_page import JobQuery
from memva.domain.session import Session
from memva.domain.session_page import SessionCursor, SessionQuery
from memva.domain.stored_transcript import StoredTranscript, TranscriptSummary
from memva.domain.transcript_cursor import TranscriptCursor
from memva.services.copy_report import CopyPart

_PAGE: Final = 100
"""How many are read at a time; some events are megabytes long."""

_Item = TypeVar("_Item")


@attrs.frozen(kw_only=True)
class Part(Generic[_Item]):
    """One part of any store.

    Attributes:
        name: What it is called.
        items: Yields all there are, page by page, in an order that does not depend on the store.
        add: Adds items, in their order, behind those that are there.
        label: Gives what a person finds an item by.
        fields: Gives what an item says, each field as text on one line, but for what each store
            gives it itself.
        end: Gives the `place` of the last item, or about that; None where a store cannot tell.
        place: Gives how far an item stands, told it and its number.
    """

    name: CopyPart
    items: Callable[[TranscriptStore], Iterator[_Item]]
    add: Callable[[TranscriptStore, Sequence[_Item]], None]
    label: Callable[[_Item], str]
    fields: Callable[[_Item], dict[str, str]] = canonical_fields
    end: Callable[[TranscriptStore], int | None] = lambda _: None
    place: Callable[[_Item, int], int] = lambda _, count: count


class _KeptJob(NamedTuple):
    """A job with the attempts that are kept of it."""

    job: Job
    attempts: Sequence[JobAttempt]


class _Notes(NamedTuple):
    """What is kept of a transcript beside its lines."""

    stored: StoredTranscript
    summary: TranscriptSummary | None


def _sessions(store: TranscriptStore) -> Iterator[Session]:
    after: SessionCursor | None = None
    while True:
        page = store.sessions.find(
            SessionQuery(archived=None), sort="created_at", ascending=True, after=after, limit=_PAGE
        )
        yield from page
        after = page.next
        if after is None:
            return


def _add_sessions(store: TranscriptStore, sessions: Sequence[Session]) -> None:
    for session in sessions:
        store.sessions.add(session)


def _events(store: TranscriptStore) -> Iterator[Event]:
    after = 0
    while events := store.events.committed(EventQuery(), after=after, limit=_PAGE).events:
        yield from events
        after = events[-1].position


def _add_events(store: TranscriptStore, events: Sequence[Event]) -> None:
    store.events.append(events)


def _event_fields(event: Event) -> dict[str, str]:
    return canonical_fields(event, leave_out=("position",))


def _jobs(store: TranscriptStore) -> Iterator[_KeptJob]:
    after: int | None = None
    while True:
        page = store.jobs.find(JobQuery(), after=after, oldest_first=True, limit=_PAGE)
        for job in page:
            # One that was never claimed has none.
            yield _KeptJob(job, store.jobs.attempts(job.id) if job.claims else ())
        after = page.next
        if after is None:
            return


def _add_jobs(store: TranscriptStore, jobs: Sequence[_KeptJob]) -> None:
    there = store.jobs.add([job for job, _ in jobs])
    for (job, _), kept in zip(jobs, there, strict=True):
        if kept.id != job.id:
            raise CopyDiffers("jobs", job.id, f"is kept out by the unique key of {kept.id!r}")
    store.jobs.replace(
        [JobChange(job, job, attempt) for job, attempts in jobs for attempt in attempts]
    )


def _job_fields(kept: _KeptJob) -> dict[str, str]:
    fields = canonical_fields(kept.job)
    for attempt in kept.attempts:
        for name, text in canonical_fields(attempt).items():
            fields[f"{name} of attempt {attempt.number}"] = text
    return fields


def _count_jobs(store: TranscriptStore) -> int:
    return sum(stats.count for stats in store.jobs.stats())


def _cursors(store: TranscriptStore) -> Iterator[TranscriptCursor]:
    after: str | None = None
    while cursors := store.cursors.find(after=after, limit=_PAGE):
        yield from cursors
        after = cursors[-1].source


def _add_cursors(store: TranscriptStore, cursors: Sequence[TranscriptCursor]) -> None:
    for cursor in cursors:
        store.cursors.put(cursor)


def _notes(store: TranscriptStore) -> Iterator[_Notes]:
    # A transcript comes with its events; without a note there is nothing else to copy.
    for stored in store.transcripts.find():
        summary = store.transcripts.summary(stored.transcript)
        if stored.last_appended is not None or summary is not None:
            yield _Notes(stored, summary)


def _add_notes(store: TranscriptStore, notes: Sequence[_Notes]) -> None:
    for stored, summary in notes:
        transcript = stored.transcript
        if stored.last_appended is not None:
            store.transcripts.note_appended(transcript, stored.last_appended, at=stored.written_at)
        if summary is not None:
            store.transcripts.keep_summary(transcript, summary)


def _note_fields(notes: _Notes) -> dict[str, str]:
    # How far the lines go, the events tell.
    fields = canonical_fields(notes.stored, leave_out=("last_line",))
    if notes.summary is not None:
        for name, text in canonical_fields(notes.summary).items():
            fields[f"{name} of the summary"] = text
    return fields


def _deletions(store: TranscriptStore) -> Iterator[str]:
    after: str | None = None
    while names := store.sessions.deletions(after=after, limit=_PAGE):
        yield from names
        after = names[-1]


def _add_deletions(store: TranscriptStore, names: Sequence[str]) -> None:
    for name in names:
        store.sessions.remember_deletion(name)


def _path(transcript: Transcript) -> str:
    return "/".join(filter(None, transcript))


PARTS: Final[tuple[Part[Any], ...]] = (
    Part(name="sessions", items=_sessions, add=_add_sessions, label=lambda session: session.id),
    Part(
        name="events",
        items=_events,
        add=_add_events,
        label=lambda event: f"{event.uuid} in {_path(event.transcript)}",
        fields=_event_fields,
        end=lambda store: store.events.last_position(),
        place=lambda event, _: event.position,
    ),
    Part(
        name="jobs",
        items=_jobs,
        add=_add_jobs,
        label=lambda kept: kept.job.id,
        fields=_job_fields,
        end=_count_jobs,
    ),
    Part(
        name="import cursors",
        items=_cursors,
        add=_add_cursors,
        label=lambda cursor: cursor.source,
    ),
    Part(
        name="transcript notes",
        items=_notes,
        add=_add_notes,
        label=lambda notes: _path(notes.stored.transcript),
        fields=_note_fields,
    ),
    Part(
        name="deletions",
        items=_deletions,
        add=_add_deletions,
        label=lambda name: name,
        fields=lambda name: {"name": name},
    ),
)
"""What a store holds, each part after those that it speaks of."""
