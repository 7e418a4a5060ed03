"""Transcripts in memory."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from memva.adapters.memory.content import own, without_transcripts
from memva.domain.event import Event, Transcript
from memva.domain.stored_transcript import LinePlace, StoredTranscript, TranscriptSummary
from memva.domain.validation import to_utc

if TYPE_CHECKING:
    from memva.adapters.memory.store import MemoryStore


class MemoryTranscripts:
    """The transcripts of an in-memory store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def find(
        self,
        *,
        project_key: str | None = None,
        session_id: str | None = None,
        subpath: str | None = None,
    ) -> list[StoredTranscript]:
        content = self._store.content()
        found: dict[Transcript, StoredTranscript] = {}
        for event in content.events.values():
            transcript = event.transcript
            if event.line and all(
                wanted in (None, value)
                for wanted, value in zip(
                    (project_key, session_id, subpath), transcript, strict=True
                )
            ):
                noted_at, uuid = content.appended.get(transcript, (event.timestamp, None))
                before = found.get(transcript, StoredTranscript(transcript, 0, noted_at, uuid))
                found[transcript] = before._replace(
                    last_line=max(before.last_line, event.line),
                    written_at=max(before.written_at, event.timestamp),
                )
        return sorted(found.values())

    def lines(
        self, transcript: Transcript, /, *, after: LinePlace | None = None, limit: int
    ) -> list[Event]:
        placed = sorted(
            (LinePlace.of(event), event.key)
            for event in self._store.content().events.values()
            if event.transcript == transcript and event.line
        )
        events = self._store.content().events
        following = [events[key] for place, key in placed if after is None or place > after]
        return [own(event) for event in following[:limit]]

    def note_appended(self, transcript: Transcript, uuid: str, /, *, at: datetime) -> None:
        with self._store.writing() as scope:
            appended = scope.content.appended
            if self._is_there(transcript):
                before, _ = appended.get(transcript, (at, ""))
                noted = max(before, to_utc(at)), uuid
                scope.content = attrs.evolve(
                    scope.content, appended={**appended, transcript: noted}
                )

    def delete(self, transcript: Transcript, /) -> int:
        with self._store.writing() as scope:
            content = scope.content

            known = {event.transcript for event in content.events.values()}
            known |= {cursor.transcript for cursor in content.cursors.values()}
            # A main conversation takes its subagents' along.
            gone = {
                other
                for other in known
                if other == transcript or (other[:2] == transcript[:2] and not transcript.subpath)
            }
            left = {key: e for key, e in content.events.items() if key.transcript not in gone}
            count = len(content.events) - len(left)
            session_id = transcript.session_id
            is_whole = count > 0 and not any(e.session_id == session_id for e in left.values())
            scope.content = attrs.evolve(
                without_transcripts(content, gone),
                events=left,
                deleted=content.deleted | ({session_id} if is_whole else set()),
            )
        return count

    def summary(self, transcript: Transcript, /) -> TranscriptSummary | None:
        summary = self._store.content().summaries.get(transcript)
        return None if summary is None else own(summary)

    def keep_summary(self, transcript: Transcript, summary: TranscriptSummary, /) -> None:
        kept = own(summary)
        with self._store.writing() as scope:
            if self._is_there(transcript):
                summaries = {**scope.content.summaries, transcript: kept}
                scope.content = attrs.evolve(scope.content, summaries=summaries)

    def _is_there(self, transcript: Transcript) -> bool:
        events = self._store.content().events.values()
        return any(event.transcript == transcript and event.line for event in events)
