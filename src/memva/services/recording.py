"""Recording what Claude Code says while it says it: message by message, or a stream as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import attrs

from memva.domain.errors import InvalidValue
from memva.domain.event import RESULT, USER, Event, EventKey, Transcript
from memva.domain.event_page import EventQuery
from memva.domain.ids import new_id
from memva.domain.json import JsonObject
from memva.domain.line import (
    Carry,
    TranscriptLine,
    content_prefix,
    derived_uuid,
    event_of_line,
    project_key,
    read_message,
)
from memva.domain.ports import Store
from memva.domain.redaction import Redact
from memva.domain.sdk_message import message_object
from memva.domain.session import Session
from memva.domain.stream import PARTIAL, claude_status_after, prompt_object
from memva.domain.text import clean_text
from memva.domain.validation import check_identifier
from memva.services.conversation import keep_session
from memva.services.events import get_latest_claude_session_id
from memva.services.lookups import event_or_none

_BEGINNING: Final = 20
"""Among how many of its first events a session of Claude Code's has one that it said itself."""


def record_message(
    store: Store,
    session_id: str,
    message: object,
    *,
    claude_session_id: str | None = None,
    redact: Redact | None = None,
    now: datetime | None = None,
) -> Event | None:
    """Store a message that Claude Code has just said, bring its session up to date, and return it.

    It is kept whole, whatever its type, as an event of the session, under Claude Code's own session
    and uuid, so that a later import of the transcript makes the two one. A partial message, a raw
    delta, is not stored: for it None is returned.

    In the same transaction the session's `claude_status` becomes `processing` with what is said in
    the main conversation, `completed` with a result, and `error` with one that tells of an error;
    `updated_at` goes along; a folder that was empty and a title are taken from where an import
    would take them.

    Recording a message again changes nothing. One without a uuid is given one by its content, so
    that of two that are equal in all they say one is kept. What is returned has no position; where
    a preferred version of the event is there already, that is what stays.

    Args:
        store: Where to.
        session_id: The session.
        message: A message of the Agent SDK, or an object of `stream-json`.
        claude_session_id: Claude Code's own session where the message does not say it, as the
            Agent SDK's `UserMessage` does not; that of the session's last event where None.
        redact: Goes over every text of it before anything is stored.
        now: The moment it was said, where it does not say; the store's clock where None.

    Raises:
        SessionNotFound: There is no session with this id.
        InvalidValue: It is no message, or nothing tells which session of Claude Code's said it;
            nothing was stored.
    """
    data = message_object(message)
    if data["type"] == PARTIAL:
        return None
    line = read_message(data, redact=redact)
    with store.transaction():
        session = store.sessions.get(session_id)
        said_in = line.session_id or claude_session_id
        if said_in is None:
            said_in = get_latest_claude_session_id(store, session_id)
        if said_in is None:
            raise InvalidValue("session_id", None, "must be said by the message, or given")
        event = _event(store, session, said_in, line, redact=redact, now=now)
        status = claude_status_after(event)
        if status is not None and status != session.claude_status:
            store.sessions.update(attrs.evolve(session, claude_status=status))
        _keep(store, session, event)
    return event


@attrs.frozen(kw_only=True)
class RecordedPrompt:
    """A prompt that was recorded before Claude Code was asked.

    Attributes:
        event: What was stored.
        message: What to send: the line of `--input-format stream-json`, or the dict that an Agent
            SDK's prompt yields. It is whole, whatever was redacted in the event.
        begins: Whether Claude Code has said nothing yet in `event.session_id`: the session then
            begins under this id (`--session-id`, or `session_id` of the SDK's options). Otherwise
            it is resumed (`--resume`, `resume`).
    """

    event: Event
    message: JsonObject = attrs.field(hash=False)
    begins: bool


def record_prompt(
    store: Store,
    session_id: str,
    content: str | Sequence[JsonObject],
    *,
    claude_session_id: str | None = None,
    uuid: str | None = None,
    redact: Redact | None = None,
    now: datetime | None = None,
) -> RecordedPrompt:
    """Store a prompt before Claude Code is asked, so that screens show it at once.

    Claude Code's stream does not say what it is asked, but it keeps the uuid that a prompt comes
    with: the line in its transcript, and what it says with `--replay-user-messages`, become one
    with the event. It answers nothing twice: a prompt whose uuid stands in the conversation already
    is passed over, and no result follows. The session's `claude_status` stays as it is, as nothing
    has happened in Claude Code yet.

    Args:
        store: Where to.
        session_id: The session.
        content: What is asked: a text, or blocks of content.
        claude_session_id: Claude Code's own session; where None that of the session's last event,
            or else a new one. A fork needs a new one here.
        uuid: The prompt's uuid; a new one where None. Recorded again under the same it changes
            nothing.
        redact: Goes over every text of what is stored.
        now: The present moment; the store's clock where None.

    Raises:
        SessionNotFound: There is no session with this id.
        InvalidValue: An argument has a value that it cannot have.
    """
    uuid = new_id() if uuid is None else uuid
    check_identifier("uuid", uuid)
    with store.transaction():
        session = store.sessions.get(session_id)
        asked_in = claude_session_id
        if asked_in is None:
            asked_in = get_latest_claude_session_id(store, session_id) or new_id()
        message = prompt_object(content, claude_session_id=asked_in, uuid=uuid)
        line = read_message(message, redact=redact)
        event = _event(store, session, asked_in, line, redact=redact, now=now)
        begins = not _has_begun(store, asked_in)
        _keep(store, session, event)
    return RecordedPrompt(event=event, message=message, begins=begins)


def _event(
    store: Store,
    session: Session,
    claude_session_id: str,
    line: TranscriptLine,
    *,
    redact: Redact | None,
    now: datetime | None,
) -> Event:
    """Return the event of a message: streamed, at the place where its session is at."""
    folder, key = _place(store, session, claude_session_id, line, redact)
    transcript = Transcript(key, claude_session_id, "")
    uuid = line.uuid or derived_uuid(content_prefix(line.data), 0)
    timestamp = line.timestamp
    if timestamp is None:
        # Recorded again, it keeps the moment that it was given.
        before = event_or_none(store, EventKey(transcript, uuid))
        timestamp = now if before is None else before.timestamp
    return event_of_line(
        line,
        transcript=transcript,
        number=0,
        uuid=uuid,
        carry=Carry(store.now() if timestamp is None else timestamp, folder),
        memva_session_id=session.id,
    )


def _place(
    store: Store,
    session: Session,
    claude_session_id: str,
    line: TranscriptLine,
    redact: Redact | None,
) -> tuple[str, str]:
    """Return the folder that Claude Code works in, and the key of the project it began in."""
    if line.cwd is not None:
        began_in = line.data.get("original_cwd")
        return line.cwd, project_key(began_in if isinstance(began_in, str) else line.cwd)
    said = EventQuery(session_id=claude_session_id)
    last = store.events.page(said, newest_first=True, limit=1).events
    if last:
        return last[0].cwd, last[0].project_key
    folder = session.project_path
    folder = folder if redact is None else clean_text(redact(folder))
    return folder, project_key(folder)


def _has_begun(store: Store, claude_session_id: str) -> bool:
    """Tell whether there is more of a session of Claude Code's than what it was asked.

    A result alone says that it could not be resumed.
    """
    first = store.events.page(EventQuery(session_id=claude_session_id), limit=_BEGINNING).events
    return any(event.line > 0 or event.event_type not in (USER, RESULT) for event in first)


def _keep(store: Store, session: Session, event: Event) -> None:
    """Store an event of a session that is there, and what it says of the session."""
    keep_session(store, session.id, [event], title=None, claude_status=session.claude_status)
    store.events.append([event])
