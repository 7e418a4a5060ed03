"""Transcripts as they were written: adding to them, reading them back, deleting them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from memva.domain.abilities import TranscriptStore
from memva.domain.errors import InvalidValue
from memva.domain.event import Transcript
from memva.domain.event_page import EventQuery
from memva.domain.job_page import JobQuery
from memva.domain.json import JsonObject
from memva.domain.line import Carry, read_line
from memva.domain.redaction import Redact
from memva.domain.stored_transcript import LinePlace, StoredTranscript, TranscriptSummary
from memva.domain.versions import Appended
from memva.services.conversation import keep_session, session_id_of
from memva.services.line_events import LineEvents
from memva.services.line_numbers import numbered
from memva.services.lookups import session_or_none

Fold: TypeAlias = Callable[[JsonObject | None, Sequence[JsonObject]], JsonObject]
"""A host's function: it is given what it made of the lines so far, or None, and the next lines, and
returns what it makes of them all."""

_PAGE: Final = 200


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

    They become the events that an import would make of them, and one with those that were streamed,
    imported or appended before: a line whose uuid is stored keeps its place. Repeating a call, or
    a part of it, changes nothing, as far as its lines have uuids or stand beside one that has.
    Others are new lines, however many equal ones there are.

    Args:
        store: Where to.
        transcript: Which one.
        lines: The lines, in order.
        session_id: The session to associate them with; where None, the one that Claude Code's
            session is associated with, or else one with its id, which is made where it is missing.
        fold: Goes on with the summary of a main conversation; see `summarise_transcript`.
        redact: Goes over every text before anything is stored.
        now: The present moment; the store's clock where None.

    Raises:
        SessionNotFound: There is no session with the id `session_id`.
        InvalidValue: A line is no JSON object, or the transcript's ids are none.
    """
    for line in lines:
        if not isinstance(line, Mapping):
            raise InvalidValue("lines", line, "must be JSON objects")
    read = [read_line(line, redact=redact) for line in lines]
    with store.transaction():
        now = store.now() if now is None else now
        if session_id is None:
            session_id = session_id_of(
                store, transcript.session_id, otherwise=transcript.session_id
            )
        else:
            store.sessions.get(session_id)
        last = store.events.last_line(transcript)
        fresh, ends_with = numbered(store, transcript, read)
        ends = store.transcripts.lines(transcript, after=LinePlace.at_end_of(last - 1), limit=_PAGE)
        carry = Carry(ends[-1].timestamp, ends[-1].cwd) if ends else Carry()
        events = LineEvents(store, transcript, carry=carry, afresh=False, are_new=True).of(
            fresh, memva_session_id=session_id, read_before=last, otherwise=now
        )
        appended = Appended(unchanged=len(read) - len(events))
        if events:
            keep_session(store, session_id, events, title=None, claude_status="completed")
            appended += store.events.append(events)
        if read:
            end = events[-1] if ends_with is None else ends_with
            store.transcripts.note_appended(transcript, end.uuid, at=now)
        # What an import has brought before is left to who asks for the summary: it may be long.
        if fold is not None and not transcript.subpath and _is_summarised(store, transcript, last):
            _summarise(store, transcript, fold)
    return appended


def read_transcript(store: TranscriptStore, transcript: Transcript) -> Iterator[JsonObject]:
    """Return the lines of a transcript as they were written, one after the other, in order.

    They are read page by page: any number takes little memory and holds no lock. Inside
    `store.snapshot()` they are those of one moment. A transcript that is not there has none.
    """
    after: LinePlace | None = None
    while events := store.transcripts.lines(transcript, after=after, limit=_PAGE):
        yield from (event.data for event in events)
        after = LinePlace.of(events[-1])


def list_transcripts(
    store: TranscriptStore,
    *,
    project_key: str | None = None,
    claude_session_id: str | None = None,
    subpath: str | None = None,
) -> list[StoredTranscript]:
    """Return the transcripts that are kept, by project key, then session, then subpath.

    That is every conversation of which lines were imported or appended; what was only streamed is
    none yet.

    Args:
        store: Where from.
        project_key: Those of this project alone.
        claude_session_id: Those of this session of Claude Code's alone.
        subpath: Those with this subpath alone: with an empty one the main conversations.
    """
    return store.transcripts.find(
        project_key=project_key, session_id=claude_session_id, subpath=subpath
    )


def summarise_transcript(
    store: TranscriptStore, stored: StoredTranscript, *, fold: Fold
) -> JsonObject:
    """Return what `fold` makes of a transcript's lines, and keep it.

    It is given what it made before, and the lines that have come since. One summary is kept of a
    transcript: callers with different functions would go on with each other's.
    """
    summary = store.transcripts.summary(stored.transcript)
    if summary is not None and summary.up_to_line >= stored.last_line:
        return summary.data
    with store.transaction():
        return _summarise(store, stored.transcript, fold)


def delete_transcript(store: TranscriptStore, transcript: Transcript) -> int:
    """Delete a transcript, a main conversation with its subagents'; return how many events.

    The session that was made for the conversation goes with its last event, unless it has jobs; a
    session of another id stays. Claude Code's session is remembered as deleted, as in
    `delete_session`, where nothing is left of it. A transcript that is not there is no error.
    """
    with store.transaction():
        deleted = store.transcripts.delete(transcript)
        if deleted and not transcript.subpath and _is_empty(store, transcript.session_id):
            store.sessions.delete(transcript.session_id)
    return deleted


def _is_summarised(store: TranscriptStore, transcript: Transcript, up_to_line: int) -> bool:
    summary = store.transcripts.summary(transcript)
    return up_to_line == (0 if summary is None else summary.up_to_line)


def _summarise(store: TranscriptStore, transcript: Transcript, fold: Fold) -> JsonObject:
    """Go on with a transcript's summary, inside a transaction, and keep it."""
    summary = store.transcripts.summary(transcript)
    data = None if summary is None else summary.data
    up_to_line = 0 if summary is None else summary.up_to_line
    after = LinePlace.at_end_of(up_to_line)
    while events := store.transcripts.lines(transcript, after=after, limit=_PAGE):
        data = fold(data, [event.data for event in events])
        after = LinePlace.of(events[-1])
    data = fold(None, []) if data is None else data
    store.transcripts.keep_summary(transcript, TranscriptSummary(data=data, up_to_line=after.line))
    return data


def _is_empty(store: TranscriptStore, session_id: str) -> bool:
    """Tell whether there is such a session, without events and jobs."""
    if session_or_none(store, session_id) is None:
        return False
    events = store.events.page(EventQuery(memva_session_id=session_id), limit=1)
    return (
        not events.events
        and not store.jobs.find(JobQuery(memva_session_id=session_id), limit=1).jobs
    )
