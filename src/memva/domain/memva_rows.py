"""What the rows of a TypeScript Memva's database become: pure rules.

Nothing of a row is dropped: what has no field of its own stands under `KEPT_UNDER`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple, cast

import attrs

from memva.domain.errors import InvalidValue
from memva.domain.event import ASSISTANT, USER, Event
from memva.domain.job import EndedStatus, Job
from memva.domain.json import JsonObject, JsonValue
from memva.domain.line import UNKNOWN_TYPE, content_prefix, derived_uuid, project_key, project_name
from memva.domain.memva_columns import (
    Columns,
    is_identifier,
    moment_of,
    object_with_kept,
    with_kept,
)
from memva.domain.memva_database import DatabaseRow
from memva.domain.redaction import Redact, redacted_object
from memva.domain.session import ClaudeStatus, Session, SessionStatus
from memva.domain.text import clean_text

PERMISSION_REQUEST: Final = "permission_request"
"""The type of the event that a permission request becomes."""

SETTINGS: Final = "typescript_memva_settings"
"""The type of the event that the settings become, which were for all sessions."""

_NO_CLAUDE_SESSION: Final = "typescript-memva"
_STOPPED: Final = "it was {status} in the TypeScript Memva when it was imported"
_UNFINISHED: Final[dict[str, EndedStatus]] = {"pending": "cancelled", "running": "failed"}
_NAMES_OF_SESSION: Final = ("memva_session_id", "session_id", "sessionId")
_TOLD_LATER: Final = (
    "status", "attempts", "claims", "error", "result", "started_at", "completed_at", "updated_at",
)  # fmt: skip


class SessionRow(NamedTuple):
    """What the row of a session says.

    Attributes:
        session: The session.
        claude_session_id: The session of Claude Code's that its metadata names, or None.
        problems: What could not be read as it should.
    """

    session: Session
    claude_session_id: str | None
    problems: Sequence[str]


class EventRow(NamedTuple):
    """What the row of an event says.

    Attributes:
        uuid: The uuid that Claude Code gave it; where it gave none, the one of the row.
        row_uuid: The one of the row, which Memva made.
        claude_session_id: The session of Claude Code's, or None where the row names none.
        memva_session_id: The session that it is associated with, or None.
        parent_uuid: The uuid of the row that it follows, or None.
        timestamp: When it was said.
        cwd: The folder Claude Code worked in.
        data: Its data, whatever that is.
        columns: All the other columns.
    """

    uuid: str
    row_uuid: str
    claude_session_id: str | None
    memva_session_id: str | None
    parent_uuid: str | None
    timestamp: datetime
    cwd: str
    data: JsonValue
    columns: Columns


class JobRow(NamedTuple):
    """What the row of a job says.

    Attributes:
        job: The job, of no session.
        sessions: What may be the id of the session that it belongs to.
        is_stopped: Whether it had not ended, so that it was ended.
        problems: What could not be read as it should.
    """

    job: Job
    sessions: Sequence[str]
    is_stopped: bool
    problems: Sequence[str]


def session_of_row(row: DatabaseRow, *, has_conversation: bool) -> SessionRow:
    """Return the session of a row.

    `archived` is no status here: the session is active, and was put away when it was last updated.
    What Claude Code was processing there it is not processing here.

    Raises:
        InvalidValue: It has no id, or no time that can be read.
    """
    columns = Columns(row.columns)
    id_ = columns.required("id")
    created, updated = _times(columns)
    is_archived = columns.one_of("status", "archived") is not None
    status = columns.one_of("status", "active", "completed", "error") or "active"
    known = columns.one_of("claude_status", "not_started", "completed", "error")
    title, project_path = columns.text("title"), columns.text("project_path")
    metadata, settings = columns.json("metadata"), columns.json("settings")
    kept = columns.left()
    if settings is not None:
        kept["settings"] = settings
    named = metadata.get("claude_session_id") if isinstance(metadata, dict) else None
    session = Session(
        id=id_,
        title=title,
        created_at=created,
        updated_at=updated,
        status=cast("SessionStatus", status),
        project_path=project_path or "",
        metadata=object_with_kept(metadata, kept, column="metadata"),
        claude_status=cast(
            "ClaudeStatus", known or ("completed" if has_conversation else "not_started")
        ),
        archived_at=updated if is_archived else None,
    )
    return SessionRow(session, str(named) if is_identifier(named) else None, columns.problems)


def read_event(row: DatabaseRow) -> EventRow:
    """Return what the row of an event says.

    Claude Code's own uuid and session, which stand in the message, come before the row's: by them
    the same event is known when it comes from a transcript.

    Raises:
        InvalidValue: It has no uuid, or no time that can be read.
    """
    columns = Columns(row.columns)
    row_uuid = columns.required("uuid")
    data = columns.json("data")
    said = data if isinstance(data, dict) else {}
    sessions = [said.get("session_id"), said.get("sessionId"), row.columns.get("session_id")]
    session_id = next((str(named) for named in sessions if is_identifier(named)), None)
    columns.one_of("session_id", session_id or "", "")
    timestamp = columns.moment("timestamp") or moment_of(said.get("timestamp"))
    if timestamp is None:
        raise InvalidValue("timestamp", row.columns.get("timestamp"), "must be a time")
    folder = said.get("cwd")
    return EventRow(
        uuid=str(said["uuid"]) if is_identifier(said.get("uuid")) else row_uuid,
        row_uuid=row_uuid,
        claude_session_id=session_id,
        memva_session_id=columns.identifier("memva_session_id"),
        parent_uuid=columns.identifier("parent_uuid"),
        timestamp=timestamp,
        cwd=columns.text("cwd") or (clean_text(folder) if isinstance(folder, str) else ""),
        data=data,
        columns=columns,
    )


def uuid_of(row: DatabaseRow) -> str:
    """Return the uuid that the event of a row gets; for a row that becomes none, its own."""
    try:
        return read_event(row).uuid
    except InvalidValue:
        return row.id


def event_of_row(
    row: EventRow, *, claude_session_id: str, memva_session_id: str | None, parent_uuid: str | None
) -> Event:
    """Return the event of a row, under the ids that it and its parent have here.

    It counts as streamed, as its place in the transcript is not known. What a person or Claude said
    stands in `data["message"]` too, where Memva had noted it without the form of Claude Code's.

    Raises:
        InvalidValue: A field has a value that it cannot have.
    """
    columns = row.columns
    said = row.data if isinstance(row.data, dict) else {}
    event_type = columns.identifier("event_type") or said.get("type")
    event_type = str(event_type) if is_identifier(event_type) else UNKNOWN_TYPE
    is_sidechain = columns.number("is_sidechain", at_least=0) == 1
    name = columns.text("project_name")
    kept = columns.left()
    for column, held, given in (
        ("uuid", row.row_uuid, row.uuid),
        ("parent_uuid", row.parent_uuid, parent_uuid),
        ("memva_session_id", row.memva_session_id, memva_session_id),
    ):
        if held is not None and held != given:
            kept[column] = held
    data = row.data
    content = said.get("content")
    if (
        event_type in (USER, ASSISTANT)
        and "message" not in said
        and isinstance(content, str | list)
    ):
        data = {**said, "message": {"role": event_type, "content": content}}
    return Event(
        uuid=row.uuid,
        session_id=claude_session_id,
        event_type=event_type,
        timestamp=row.timestamp,
        is_sidechain=is_sidechain or is_identifier(said.get("parent_tool_use_id")),
        parent_uuid=parent_uuid,
        cwd=row.cwd,
        project_name=name or project_name(row.cwd),
        data=object_with_kept(data, kept, column="data") or {},
        memva_session_id=memva_session_id,
        project_key=project_key(row.cwd),
    )


def unknown_claude_session(memva_session_id: str | None) -> str:
    """Return what stands for a session of Claude Code's that no row names."""
    if memva_session_id is None:
        return _NO_CLAUDE_SESSION
    return f"{_NO_CLAUDE_SESSION}:{memva_session_id}"


def session_of_request(row: DatabaseRow) -> str | None:
    """Return the session that the row of a permission request names, or None."""
    return Columns(row.columns).identifier("session_id")


def event_of_request(
    row: DatabaseRow, *, claude_session_id: str, memva_session_id: str | None
) -> tuple[Event, Sequence[str]]:
    """Return the event of a permission request, and what could not be read as it should.

    Its data is the row. Once it is decided, or will not be any more, it has `ended` in it: this is
    the fuller version, and takes the place of one that was imported while it was pending.

    Raises:
        InvalidValue: It has no id, or no time that can be read.
    """
    columns = Columns(row.columns)
    data: dict[str, JsonValue] = {"type": PERMISSION_REQUEST, **columns.left()}
    data["input"] = columns.json("input")
    if data.get("status") != "pending":
        data["ended"] = True
    created = columns.moment("created_at")
    if created is None:
        raise InvalidValue("created_at", row.columns.get("created_at"), "must be a time")
    event = Event(
        uuid=columns.required("id"),
        session_id=claude_session_id,
        event_type=PERMISSION_REQUEST,
        timestamp=created,
        data=data,
        memva_session_id=memva_session_id,
    )
    return event, columns.problems


def event_of_settings(
    row: DatabaseRow, *, redact: Redact | None, now: datetime
) -> tuple[Event, Sequence[str]]:
    """Return the event of the settings, and what could not be read as it should.

    Its data is the row, and its uuid is derived from that: other settings are another event.
    """
    columns = Columns(row.columns)
    data: JsonObject = {"type": SETTINGS, **columns.left(), "config": columns.json("config")}
    if redact is not None:
        data = redacted_object(data, redact)
    event = Event(
        uuid=derived_uuid(content_prefix(data), 0),
        session_id=_NO_CLAUDE_SESSION,
        event_type=SETTINGS,
        timestamp=now,
        data=data,
    )
    return event, columns.problems


def job_of_row(row: DatabaseRow) -> JobRow:
    """Return the job of a row, ended whatever it was: an import makes nothing run.

    One that was pending there is cancelled here, and one that was running has failed; the error
    says so, and retrying it makes it run.

    Raises:
        InvalidValue: It has no id or type, or no time that can be read.
    """
    columns = Columns(row.columns)
    id_, type_ = columns.required("id"), columns.required("type")
    created, updated = _times(columns)
    unfinished = columns.one_of("status", *_UNFINISHED)
    ended = columns.one_of("status", "completed", "failed", "cancelled")
    error = columns.text("error")
    if ended is None:
        # Of a status that nobody knows nobody knows whether it runs.
        was = unfinished or clean_text(str(row.columns.get("status")))
        ended = _UNFINISHED.get(was, "failed")
        stopped = _STOPPED.format(status=was)
        error = stopped if error is None else f"{stopped}; its last error: {error}"
        is_stopped = True
    else:
        is_stopped = False
    priority = columns.number("priority", at_least=-(2**63)) or 0
    attempts = columns.number("attempts", at_least=0) or 0
    max_attempts = columns.number("max_attempts", at_least=1) or max(1, attempts)
    scheduled_at = columns.moment("scheduled_at") or created
    started_at = columns.moment("started_at")
    completed_at = columns.moment("completed_at") or updated
    data, result = columns.json("data"), columns.json("result")
    job = Job(
        id=id_,
        type=type_,
        status=cast("EndedStatus", ended),
        priority=priority,
        attempts=attempts,
        claims=max(attempts, 0 if started_at is None else 1),
        max_attempts=max_attempts,
        error=error,
        result=result,
        scheduled_at=scheduled_at,
        started_at=started_at,
        completed_at=completed_at,
        created_at=created,
        updated_at=updated,
        data=with_kept(data, columns.left(), column="data"),
    )
    named = [data.get(name) for name in _NAMES_OF_SESSION] if isinstance(data, dict) else []
    sessions = [str(value) for value in named if is_identifier(value)]
    return JobRow(job, sessions, is_stopped, columns.problems)


def session_told_anew(stored: Session, told: Session) -> Session:
    """Return a session that is there already, with what its row adds to it.

    Where an import of transcripts has named it, it gets the title, the metadata and the moment at
    which it was put away; what there is of these stays as the host made it. In a list it moves up
    where it was updated there later.
    """
    session = attrs.evolve(stored, updated_at=max(stored.updated_at, told.updated_at))
    if stored.title is None or stored.title_origin == "host":
        return session
    metadata = {**(told.metadata or {}), **(stored.metadata or {})}
    return attrs.evolve(
        session,
        title=stored.title if told.title is None else told.title,
        title_origin=stored.title_origin if told.title is None else "host",
        metadata=metadata or None,
        archived_at=stored.archived_at or told.archived_at,
    )


def job_told_anew(stored: Job, told: Job, *, is_stopped: bool) -> Job | None:
    """Return a job that was stopped by its import as it ended there since, or None.

    None says that it is to stay as it is: it has not ended there, or somebody has been at it here.
    """
    was_stopped = stored.error is not None and any(
        stored.error.startswith(_STOPPED.format(status=status)) for status in _UNFINISHED
    )
    if (
        is_stopped
        or not was_stopped
        or stored.status not in _UNFINISHED.values()
        or stored.scheduled_at != told.scheduled_at
    ):
        return None
    return attrs.evolve(stored, **{name: getattr(told, name) for name in _TOLD_LATER})


def _times(columns: Columns) -> tuple[datetime, datetime]:
    """Take when a row was created and last updated; one of both is enough."""
    held = columns.left().get("created_at")
    created, updated = columns.moment("created_at"), columns.moment("updated_at")
    if created is None and updated is None:
        raise InvalidValue("created_at", held, "must be a time")
    return cast("datetime", created or updated), cast("datetime", updated or created)
