"""What the rows of events, requests and settings of the TypeScript Memva become: pure rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from memva.domain.errors import InvalidValue
from memva.domain.event import ASSISTANT, USER, Event
from memva.domain.json import JsonObject, JsonValue
from memva.domain.line import UNKNOWN_TYPE, content_prefix, derived_uuid, project_key, project_name
from memva.domain.redaction import Redact, redacted_object
from memva.domain.text import clean_text
from memva.domain.typescript_memva.columns import (
    Columns,
    is_identifier,
    moment_of,
    object_with_kept,
)
from memva.domain.typescript_memva.database import DatabaseRow

PERMISSION_REQUEST: Final = "permission_request"
"""The type of the event that a permission request becomes."""

SETTINGS: Final = "typescript_memva_settings"
"""The type of the event that the settings become, which were for all sessions."""

_NO_CLAUDE_SESSION: Final = "typescript-memva"


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
