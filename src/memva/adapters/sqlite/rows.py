"""Rows and entities, both ways; the columns stand in the order of the entities' fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

import attrs

from memva.adapters.sqlite.connection import Row
from memva.domain.attempt import JobAttempt
from memva.domain.event import Event
from memva.domain.job import Job
from memva.domain.json import (
    JsonObject,
    JsonValue,
    ParsedObject,
    decode_json,
    encode_json,
)
from memva.domain.rebuild import rebuilder
from memva.domain.said import said_in
from memva.domain.session import Session
from memva.domain.time import from_text, to_text

SESSION_COLUMNS: Final = ", ".join(field.name for field in attrs.fields(Session))
EVENT_COLUMNS: Final = ", ".join(field.name for field in attrs.fields(Event))
NEW_EVENT_COLUMNS: Final = f"{EVENT_COLUMNS}, sort_at, said"
NEW_EVENT_VALUES: Final = ", ".join(
    "CAST(? AS TEXT)" if name == "data" else "?" for name in NEW_EVENT_COLUMNS.split(", ")
)
JOB_COLUMNS: Final = ", ".join(field.name for field in attrs.fields(Job))
NEW_JOB_COLUMNS: Final = (
    "id, type, data, priority, max_attempts, scheduled_at, created_at, updated_at, "
    "memva_session_id, concurrency_key, unique_key, unique_scope, timeout"
)
ATTEMPT_COLUMNS: Final = "number, worker_id, started_at, ended_at, outcome, error, checkpoint"

_MICROSECOND: Final = timedelta(microseconds=1)
_JOB_JSON: Final = frozenset({"data", "result", "checkpoint"})

_session = rebuilder(Session)
_event = rebuilder(Event)
_job = rebuilder(Job)


def placeholders(columns: str) -> str:
    """Return as many question marks as there are `columns`."""
    return ", ".join("?" for _ in columns.split(","))


def session_row(session: Session) -> Row:
    """Return the session as a row of `SESSION_COLUMNS`."""
    return (
        session.id,
        session.title,
        to_text(session.created_at),
        to_text(session.updated_at),
        session.status,
        session.project_path,
        _json_or_null(session.metadata, "metadata"),
        session.claude_status,
        text_or_null(session.archived_at),
        session.title_origin,
    )


def session_from_row(row: Row) -> Session:
    """Return the session of a row of `SESSION_COLUMNS`."""
    (
        id_,
        title,
        created_at,
        updated_at,
        status,
        path,
        metadata,
        claude_status,
        archived_at,
        title_origin,
    ) = row
    return _session(
        (
            id_,
            title,
            from_text(created_at),
            from_text(updated_at),
            status,
            path,
            None if metadata is None else decode_json(metadata),
            claude_status,
            time_or_none(archived_at),
            title_origin,
        )
    )


def event_row(event: Event, timestamp: str, sort_at: str) -> Row:
    """Return the event as a row of `NEW_EVENT_COLUMNS`; SQLite gives the position.

    `timestamp` is the event's as text, which the caller needs as well.
    """
    return (
        event.uuid,
        event.session_id,
        event.event_type,
        timestamp,
        event.is_sidechain,
        event.parent_uuid,
        event.cwd,
        event.project_name,
        _data_column(event.data),
        event.memva_session_id,
        event.project_key,
        event.subpath,
        event.line,
        None,
        sort_at,
        said_in(event),
    )


def _data_column(data: JsonObject) -> str | bytes:
    # A line of megabytes as it was read needs no copy as text: the statement takes it for text.
    return data.content if type(data) is ParsedObject else encode_json(data, field="data")


def event_from_row(row: Row) -> Event:
    """Return the event of a row that begins with `EVENT_COLUMNS`."""
    (
        uuid,
        session_id,
        event_type,
        timestamp,
        is_sidechain,
        parent_uuid,
        cwd,
        project_name,
        data,
        memva_session_id,
        project_key,
        subpath,
        line,
        position,
        *_,
    ) = row
    return _event(
        (
            uuid,
            session_id,
            event_type,
            from_text(timestamp),
            is_sidechain == 1,
            parent_uuid,
            cwd,
            project_name,
            decode_json(data),
            memva_session_id,
            project_key,
            subpath,
            line,
            position,
        )
    )


def job_row(job: Job) -> Row:
    """Return the job as a row of `JOB_COLUMNS`."""
    return (
        job.id,
        job.type,
        encode_json(job.data, field="data"),
        job.status,
        job.priority,
        job.attempts,
        job.max_attempts,
        job.error,
        encode_json(job.result, field="result"),
        to_text(job.scheduled_at),
        text_or_null(job.started_at),
        text_or_null(job.completed_at),
        to_text(job.created_at),
        to_text(job.updated_at),
        job.memva_session_id,
        text_or_null(job.lease_until),
        job.claim_token,
        job.worker_id,
        job.concurrency_key,
        job.unique_key,
        job.unique_scope,
        None if job.timeout is None else job.timeout // _MICROSECOND,
        text_or_null(job.cancel_requested_at),
        job.claims,
        encode_json(job.checkpoint, field="checkpoint"),
    )


def new_job_row(job: Job) -> Row:
    """Return an untouched job as a row of `NEW_JOB_COLUMNS`.

    Half of a job's columns say what has happened to it; without them it is stored in half the time.
    """
    created_at = to_text(job.created_at)
    return (
        job.id,
        job.type,
        encode_json(job.data, field="data"),
        job.priority,
        job.max_attempts,
        # Its three times are mostly one.
        created_at if job.scheduled_at is job.created_at else to_text(job.scheduled_at),
        created_at,
        created_at if job.updated_at is job.created_at else to_text(job.updated_at),
        job.memva_session_id,
        job.concurrency_key,
        job.unique_key,
        job.unique_scope,
        None if job.timeout is None else job.timeout // _MICROSECOND,
    )


def job_columns(fields: Mapping[str, Any]) -> dict[str, object]:
    """Return the values of fields of a job as their columns hold them, in the same order."""
    return {name: _job_column(name, value) for name, value in fields.items()}


def _job_column(name: str, value: Any) -> object:
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    return encode_json(value, field=name) if name in _JOB_JSON else value


def job_from_row(row: Row) -> Job:
    """Return the job of a row that begins with `JOB_COLUMNS`."""
    (
        id_,
        type_,
        data,
        status,
        priority,
        attempts,
        max_attempts,
        error,
        result,
        scheduled_at,
        started_at,
        completed_at,
        created_at,
        updated_at,
        memva_session_id,
        lease_until,
        claim_token,
        worker_id,
        concurrency_key,
        unique_key,
        unique_scope,
        timeout,
        cancel_requested_at,
        claims,
        checkpoint,
        *_,
    ) = row
    return _job(
        (
            id_,
            type_,
            decode_json(data),
            status,
            priority,
            attempts,
            max_attempts,
            error,
            _json_or_none(result),
            from_text(scheduled_at),
            time_or_none(started_at),
            time_or_none(completed_at),
            from_text(created_at),
            from_text(updated_at),
            memva_session_id,
            time_or_none(lease_until),
            claim_token,
            worker_id,
            concurrency_key,
            unique_key,
            unique_scope,
            None if timeout is None else timedelta(microseconds=timeout),
            time_or_none(cancel_requested_at),
            claims,
            _json_or_none(checkpoint),
        )
    )


def attempt_row(attempt: JobAttempt) -> Row:
    """Return the attempt as a row of `ATTEMPT_COLUMNS`."""
    return (
        attempt.number,
        attempt.worker_id,
        to_text(attempt.started_at),
        text_or_null(attempt.ended_at),
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
        started_at=from_text(started_at),
        ended_at=time_or_none(ended_at),
        outcome=outcome,
        error=error,
        checkpoint=decode_json(checkpoint),
    )


def _json_or_null(value: object, field: str) -> str | None:
    return None if value is None else encode_json(cast("JsonValue", value), field=field)


def _json_or_none(text: str) -> JsonValue:
    # What most jobs have needs no parser.
    return None if text == "null" else decode_json(text)


def text_or_null(time: datetime | None) -> str | None:
    """Return what stands in a row for a time, or for none."""
    return None if time is None else to_text(time)


def time_or_none(text: str | None) -> datetime | None:
    """Return the time that a row holds, or None."""
    return None if text is None else from_text(text)
