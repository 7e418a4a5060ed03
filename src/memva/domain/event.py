"""The event: one line that Claude Code said, and the transcript it stands in."""

from datetime import datetime
from typing import Final, NamedTuple

import attrs
from attrs import field
from attrs.validators import optional

from memva.domain import validation
from memva.domain.json import JsonObject

USER: Final = "user"
ASSISTANT: Final = "assistant"
SYSTEM: Final = "system"
RESULT: Final = "result"


class Transcript(NamedTuple):
    """One conversation of Claude Code: a session's main one, or that of one of its subagents.

    Attributes:
        project_key: The name of the project's folder below `projects`.
        session_id: Claude Code's own session.
        subpath: Empty for the main conversation, `subagents/agent-…` for a subagent's.
    """

    project_key: str
    session_id: str
    subpath: str


class EventKey(NamedTuple):
    """What identifies an event: its transcript and its uuid, because forks repeat uuids."""

    transcript: Transcript
    uuid: str


@attrs.frozen(kw_only=True)
class Event:
    """One line that Claude Code said, complete.

    Attributes:
        uuid: Claude Code's uuid of the line, or one derived from it where it has none.
        session_id: Claude Code's own session.
        event_type: `user`, `assistant`, `system`, `result`, or any other type, kept as it is.
        timestamp: When it was said.
        is_sidechain: Whether a subagent's conversation holds it.
        parent_uuid: The uuid of the line it follows, or None.
        cwd: The folder Claude Code worked in.
        project_name: The project's name, for display.
        data: The whole line, a JSON object.
        memva_session_id: The session it is associated with, or None for not yet.
        project_key: With `session_id` and `subpath`, the transcript it stands in.
        subpath: See `project_key`; empty for the main conversation.
        line: Its place in the transcript: the number of its line in the file, from 1, or a number
            past `memva.domain.line.UNNUMBERED` where it came in its order, but without the file; 0
            while it was only streamed, so that its place is not known.
        position: The store's running number, given on storing; 0 before. A version that replaces
            another takes a new one.

    Raises:
        InvalidValue: A field has a value that it cannot have.
    """

    uuid: str = field(validator=validation.identifier)
    session_id: str = field(validator=validation.identifier)
    event_type: str = field(validator=validation.identifier)
    timestamp: datetime = field(converter=validation.to_utc, validator=validation.time)
    is_sidechain: bool = field(default=False, validator=validation.boolean)
    parent_uuid: str | None = field(default=None, validator=optional(validation.identifier))
    cwd: str = field(default="", validator=validation.text)
    project_name: str = field(default="", validator=validation.text)
    data: JsonObject = field(validator=validation.json_object, hash=False)
    memva_session_id: str | None = field(default=None, validator=optional(validation.identifier))
    project_key: str = field(default="", validator=validation.text)
    subpath: str = field(default="", validator=validation.text)
    line: int = field(default=0, validator=validation.integer(at_least=0))
    position: int = field(default=0, validator=validation.integer(at_least=0))

    @property
    def transcript(self) -> Transcript:
        """The transcript it stands in."""
        return Transcript(self.project_key, self.session_id, self.subpath)

    @property
    def key(self) -> EventKey:
        """What identifies it."""
        return EventKey(self.transcript, self.uuid)
