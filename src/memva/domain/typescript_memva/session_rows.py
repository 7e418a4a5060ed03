"""What the row of a session of the TypeScript Memva becomes: a pure rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import attrs

from memva.domain.session import ClaudeStatus, Session, SessionStatus
from memva.domain.typescript_memva.columns import Columns, is_identifier, object_with_kept, times_of
from memva.domain.typescript_memva.database import DatabaseRow


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


def session_of_row(row: DatabaseRow, *, has_conversation: bool) -> SessionRow:
    """Return the session of a row.

    `archived` is no status here: the session is active, and was put away when it was last updated.
    What Claude Code was processing there it is not processing here.

    Raises:
        InvalidValue: It has no id, or no time that can be read.
    """
    columns = Columns(row.columns)
    id_ = columns.required("id")
    created, updated = times_of(columns)
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
