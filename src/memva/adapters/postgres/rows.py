"""Rows and entities, both ways; the columns stand in the order of the entities' fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import attrs

from memva.adapters.postgres.connection import Row
from memva.domain.attempt import JobAttempt
from memva.domain.event import Event
from memva.domain.job import Job
from memva.domain.json import decode_json, encode_json
from memva.domain.rebuild import rebuilder
from memva.domain.said import said_in
from memva.domain.session import Session
from memva.domain.text import folded

_SESSION_FIELDS: Final = [field.name for field in attrs.fields(Session)]
_EVENT_FIELDS: Final = [field.name for field in attrs.fields(Event)]
JOB_FIELDS: Final = [field.name for field in attrs.fields(Job)]

SESSION_COLUMNS: Final = ", ".join(_SESSION_FIELDS)
NEW_SESSION_COLUMNS: Final = f"{SESSION_COLUMNS}, folded_title"
EVENT_COLUMNS: Final = ", ".join(_EVENT_FIELDS)
NEW_EVENT_COLUMNS: Final = f"{EVENT_COLUMNS}, sort_at, said"
JOB_COLUMNS: Final = ", ".join(JOB_FIELDS)
NEW_JOB_COLUMNS: Final = (
    "id, type, data, priority, max_attempts, scheduled_at, created_at, updated_at, "
    "memva_session_id, concurrency_key, unique_key, unique_scope, timeout"
)
ATTEMPT_COLUMNS: Final = "number, worker_id, started_at, ended_at, outcome, error, checkpoint"

_METADATA: Final = _SESSION_FIELDS.index("metadata")
_DATA: Final = _EVENT_FIELDS.index("data")
_TIMEOUT: Final = JOB_FIELDS.index("timeout")
_JOB_JSON: Final = ("data", "result", "checkpoint")
_JOB_TYPES: Final = {
    **dict.fromkeys(("priority", "attempts", "max_attempts", "claims", "timeout"), "bigint"),
    **dict.fromkeys(
        (
            "scheduled_at",
            "started_at",
            "completed_at",
            "created_at",
            "updated_at",
            "lease_until",
            "cancel_requested_at",
        ),
        "timestamptz",
    ),
}
_JOB_JSON_PLACES: Final = [JOB_FIELDS.index(name) for name in _JOB_JSON]
_MICROSECOND: Final = timedelta(microseconds=1)

_session = rebuilder(Session)
_event = rebuilder(Event)
_job = rebuilder(Job)


def placeholders(columns: str) -> str:
    """Return as many placeholders as there are `columns`."""
    return ", ".join("%s" for _ in columns.split(","))


def session_row(session: Session) -> Row:
    """Return the session as a row of `NEW_SESSION_COLUMNS`."""
    return (
        session.id,
        session.title,
        session.created_at,
        session.updated_at,
        session.status,
        session.project_path,
        None if session.metadata is None else encode_json(session.metadata, field="metadata"),
        session.claude_status,
        session.archived_at,
        session.title_origin,
        None if session.title is None else folded(session.title),
    )


def session_from_row(row: Row) -> Session:
    """Return the session of a row of `SESSION_COLUMNS`."""
    values = list(row)
    if values[_METADATA] is not None:
        values[_METADATA] = decode_json(values[_METADATA])
    return _session(values)


def event_row(event: Event, position: int, sort_at: datetime) -> Row:
    """Return the event as a row of `NEW_EVENT_COLUMNS`."""
    return (
        event.uuid,
        event.session_id,
        event.event_type,
        event.timestamp,
        event.is_sidechain,
        event.parent_uuid,
        event.cwd,
        event.project_name,
        encode_json(event.data, field="data"),
        event.memva_session_id,
        event.project_key,
        event.subpath,
        event.line,
        position,
        sort_at,
        said_in(event),
    )


def event_from_row(row: Row) -> Event:
    """Return the event of a row that begins with `EVENT_COLUMNS`."""
    return _event((*row[:_DATA], decode_json(row[_DATA]), *row[_DATA + 1 : len(_EVENT_FIELDS)]))


def job_row(job: Job) -> Row:
    """Return the job as a row of `JOB_COLUMNS`."""
    return tuple(job_columns({name: getattr(job, name) for name in JOB_FIELDS}).values())


def new_job_row(job: Job) -> Row:
    """Return an untouched job as a row of `NEW_JOB_COLUMNS`."""
    return (
        job.id,
        job.type,
        encode_json(job.data, field="data"),
        job.priority,
        job.max_attempts,
        job.scheduled_at,
        job.created_at,
        job.updated_at,
        job.memva_session_id,
        job.concurrency_key,
        job.unique_key,
        job.unique_scope,
        None if job.timeout is None else job.timeout // _MICROSECOND,
    )


def job_columns(fields: Mapping[str, Any]) -> dict[str, object]:
    """Return the values of fields of a job as their columns hold them, in the same order."""
    columns = dict(fields)
    for name in _JOB_JSON:
        if name in columns:
            columns[name] = encode_json(columns[name], field=name)
    if columns.get("timeout") is not None:
        columns["timeout"] //= _MICROSECOND
    return columns


def job_column_type(name: str) -> str:
    """Return the type of a job's column."""
    return _JOB_TYPES.get(name, "text")


def job_from_row(row: Row) -> Job:
    """Return the job of a row that begins with `JOB_COLUMNS`."""
    values = list(row[: len(JOB_FIELDS)])
    for place in _JOB_JSON_PLACES:
        text = values[place]
        # What most jobs have needs no parser.
        values[place] = None if text == "null" else decode_json(text)
    if values[_TIMEOUT] is not None:
        values[_TIMEOUT] = timedelta(microseconds=values[_TIMEOUT])
    return _job(values)


def attempt_row(attempt: JobAttempt) -> Row:
    """Return the attempt as a row of `ATTEMPT_COLUMNS`."""
    return (
        attempt.number,
        attempt.worker_id,
        attempt.started_at,
        attempt.ended_at,
        attempt.outcome,
        attempt.error,
        encode_json(attempt.checkpoint, field="checkpoint"),
    )


def attempt_from_row(job_id: str, row: Row) -> JobAttempt:
    """Return the attempt of a job's of a row of `ATTEMPT_COLUMNS`."""
    number, worker_id, started_at, ended_at, outcome, error, checkpoint = row
    return JobAttempt(
        job_id=job_id,
        number=number,
        worker_id=worker_id,
        started_at=started_at,
        ended_at=ended_at,
        outcome=outcome,
        error=error,
        checkpoint=decode_json(checkpoint),
    )
