"""Transcripts as they were written: adding to them, reading them back, deleting them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from memva.domain.abilities import TranscriptStore
from memva.domain.errors import EventNotFound, SessionNotFound
from memva.domain.event import Event, EventKey, Transcript
from memva.domain.event_page import EventQuery
from memva.domain.job_page import JobQuery
from memva.domain.json import JsonObject
from memva.domain.line import AGENT_METADATA, Carry, TranscriptLine, content_prefix, read_line
from memva.domain.redaction import Redact
from memva.domain.stored_transcript import LinePlace, StoredTranscript, TranscriptSummary
from memva.domain.versions import Appended
from memva.services.conversation import keep_session, session_id_of
from memva.services.line_events import LineEvents

Fold: TypeAlias = Callable[[JsonObject | None, Sequence[JsonObject]], JsonObject]
"""A host's function: given what it made of the lines so far, or None, and the next lines, it
returns what it makes of them all."""

_PAGE: Final = 200
_LAST_POSITION: Final = 2**63 - 1


def append_to_transcript(
    store: TranscriptStore,
    transcript: Transcript,
    lines: Sequence[JsonObject],
    *,
    session_id: str | None = None,
    fold: Fold | None = None,
    redact: Redact | None = None,
    now: datetime | None = None,
) -> Appended:
    """Store the next lines of a transcript, all of them or none; return what that came to.

    They become the events that an import of them would make, in the session that an import would
    choose, and become one with those that were streamed, imported or appended before: a line whose
    uuid is stored keeps its place. A call that is repeated changes nothing where one of its lines
    has a uuid; lines without one are otherwise new, however many equal ones there are.

    Args:
        store: Where to.
        transcript: Which one.
        lines: The lines, in order.
        session_id: The session to associate new lines with; where None, the one that Claude Code's
            session is associated with, or else one with its id, which is made where it is missing.
        fold: Makes a summary of a main conversation's lines, which goes on where the last one
            ended; see `summarise_transcript`.
        redact: Goes over every text before anything is stored.
        now: The present moment; the store's clock where None.

    Raises:
        SessionNotFound: There is no session with the id `session_id`.
        InvalidValue: A line is no JSON object.
    """
    if not lines:
        return Appended()
    read = [read_line(line, redact=redact) for line in lines]
    now = store.now() if now is None else now
    with store.transaction():
        if session_id is not None:
            store.sessions.get(session_id)
        events = _events(store, transcript, read, session_id, now)
        if not events:
            return Appended(unchanged=len(lines))
        keep_session(
            store,
            events[0].memva_session_id or "",
            events,
            title=None,
            claude_status="completed",
        )
        last = store.events.last_line(transcript)
        appended = store.events.append(events)
        store.transcripts.touch(transcript, now)
        if fold is not None and not transcript.subpath and _is_summarised(store, transcript, last):
            _summarise(store, transcript, fold)
    return appended + Appended(unchanged=len(lines) - len(events))
