"""All that an in-memory store keeps, as one value that never changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypeVar

import attrs

from memva.domain.attempt import JobAttempt
from memva.domain.errors import SessionNotFound
from memva.domain.event import Event, EventKey, Transcript
from memva.domain.job import Job
from memva.domain.json import decode_json, encode_json
from memva.domain.session import Session
from memva.domain.stored_transcript import TranscriptSummary
from memva.domain.transcript_cursor import TranscriptCursor

_Entity = TypeVar("_Entity", Session, Event, Job, JobAttempt, TranscriptSummary)
_Value = TypeVar("_Value")
_Linked = TypeVar("_Linked", Event, Job, TranscriptCursor)
_Key = TypeVar("_Key")
_JSON_FIELDS = ("metadata", "data", "result", "checkpoint")


@attrs.frozen
class Content:
    """Everything that the store keeps, at one moment."""

    sessions: Mapping[str, Session] = attrs.field(factory=dict)
    events: Mapping[EventKey, Event] = attrs.field(factory=dict)
    jobs: Mapping[str, Job] = attrs.field(factory=dict)
    job_places: Mapping[str, int] = attrs.field(factory=dict)
    attempts: Mapping[str, Mapping[int, JobAttempt]] = attrs.field(factory=dict)
    cursors: Mapping[str, TranscriptCursor] = attrs.field(factory=dict)
    appended: Mapping[Transcript, tuple[datetime, str]] = attrs.field(factory=dict)
    summaries: Mapping[Transcript, TranscriptSummary] = attrs.field(factory=dict)
    deleted: frozenset[str] = frozenset()
    last_position: int = 0
    last_job_place: int = 0

    def check_session(self, session_id: str | None) -> None:
        """Raise `SessionNotFound` unless the session is there, or None is meant."""
        if session_id is not None and session_id not in self.sessions:
            raise SessionNotFound(session_id)


@attrs.define
class Scope:
    """What one thread or task works on: a transaction's content, or a snapshot's."""

    content: Content
    writes: bool


def with_session(content: Content, session: Session) -> Content:
    """Return the content with a session added, or put in place of the one with its id."""
    return attrs.evolve(content, sessions={**content.sessions, session.id: session})


def with_job(content: Content, job: Job) -> Content:
    """Return the content with a job added, or put in place of the one with its id."""
    if job.id in content.jobs:
        return attrs.evolve(content, jobs={**content.jobs, job.id: job})
    place = content.last_job_place + 1
    return attrs.evolve(
        content,
        jobs={**content.jobs, job.id: job},
        job_places={**content.job_places, job.id: place},
        last_job_place=place,
    )


def without_jobs(content: Content, gone: Collection[str]) -> Content:
    """Return the content without the jobs of these ids, and without their attempts."""

    def kept(of_jobs: Mapping[str, _Value]) -> dict[str, _Value]:
        return {job_id: value for job_id, value in of_jobs.items() if job_id not in gone}

    return attrs.evolve(
        content,
        jobs=kept(content.jobs),
        job_places=kept(content.job_places),
        attempts=kept(content.attempts),
    )


def without_transcripts(content: Content, gone: Collection[Transcript]) -> Content:
    """Return the content without what is kept of these transcripts beside their events."""
    return attrs.evolve(
        content,
        appended={key: noted for key, noted in content.appended.items() if key not in gone},
        summaries={key: summary for key, summary in content.summaries.items() if key not in gone},
        cursors={
            source: cursor
            for source, cursor in content.cursors.items()
            if cursor.transcript not in gone
        },
    )


def without(linked: Mapping[_Key, _Linked], session_id: str) -> dict[_Key, _Linked]:
    """Return what does not belong to a session."""
    return {key: item for key, item in linked.items() if item.memva_session_id != session_id}


def own(entity: _Entity) -> _Entity:
    """Return `entity` with JSON of its own; what is not JSON is refused."""
    copies: dict[str, Any] = {
        name: decode_json(encode_json(getattr(entity, name), field=name))
        for name in _JSON_FIELDS
        if getattr(entity, name, None) is not None
    }
    return attrs.evolve(entity, **copies) if copies else entity
