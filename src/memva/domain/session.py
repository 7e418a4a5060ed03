"""The session: a conversation as the user sees it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias, get_args

import attrs
from attrs import field
from attrs.validators import optional

from memva.domain import validation
from memva.domain.json import JsonObject
from memva.domain.titles import TitleOrigin

SessionStatus: TypeAlias = Literal["active", "completed", "error"]
"""What the user sees of a session: still open, done, or ended by an error."""

ClaudeStatus: TypeAlias = Literal["not_started", "processing", "completed", "error"]
"""What Claude Code is doing in a session."""


@attrs.frozen(kw_only=True)
class Session:
    """A conversation as the user sees it, with a title, a project and a status.

    Attributes:
        id: Its id; for an imported conversation, Claude Code's own session id.
        title: What a list shows, or None.
        created_at: When it began.
        updated_at: When it last changed; lists are sorted by it.
        status: `active`, `completed` or `error`.
        project_path: The folder it works in; empty where that is not known.
        metadata: Whatever the host keeps with it, a JSON object, or None.
        claude_status: `not_started`, `processing`, `completed` or `error`.
        archived_at: When it was put away, or None.
        title_origin: Where the title was taken from: `host` where the app gave it, which no import
            changes. It says nothing where there is no title.

    Raises:
        InvalidValue: A field has a value that it cannot have.
    """

    id: str = field(validator=validation.identifier)
    title: str | None = field(default=None, validator=optional(validation.text))
    created_at: datetime = field(converter=validation.to_utc, validator=validation.time)
    updated_at: datetime = field(converter=validation.to_utc, validator=validation.time)
    status: SessionStatus = field(
        default="active", validator=validation.one_of(*get_args(SessionStatus))
    )
    project_path: str = field(validator=validation.text)
    metadata: JsonObject | None = field(
        default=None, validator=optional(validation.json_object), hash=False
    )
    claude_status: ClaudeStatus = field(
        default="not_started", validator=validation.one_of(*get_args(ClaudeStatus))
    )
    archived_at: datetime | None = field(
        default=None, converter=validation.to_utc_or_none, validator=optional(validation.time)
    )
    title_origin: TitleOrigin = field(
        default="host", validator=validation.one_of(*get_args(TitleOrigin))
    )

    def archived(self, *, now: datetime) -> Session:
        """Return this session put away at `now`; one put away before keeps its moment."""
        if self.archived_at is not None:
            return self
        return attrs.evolve(self, archived_at=now, updated_at=now)
