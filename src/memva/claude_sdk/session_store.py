"""A session store for the Claude Agent SDK, over any store of memva's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from claude_agent_sdk import (
    SessionKey,
    SessionListSubkeysKey,
    SessionStore,
    SessionStoreEntry,
    SessionStoreListEntry,
    SessionSummaryEntry,
    fold_session_summary,
)

from memva.aio.wrapping import awaitable
from memva.domain.abilities import TranscriptStore
from memva.domain.errors import InvalidValue
from memva.domain.event import Transcript
from memva.domain.json import JsonObject
from memva.domain.redaction import Redact
from memva.services.transcripts import (
    Fold,
    append_to_transcript,
    delete_transcript,
    list_transcripts,
    read_transcript,
    summarise_transcript,
)

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class MemvaSessionStore(SessionStore):
    """Keeps what the SDK mirrors, and gives it back to resume from.

    `ClaudeAgentOptions(session_store=MemvaSessionStore(store))` is all a host needs. What is
    mirrored is stored as if its files had been imported, at once for every service of memva's; what
    was imported can be resumed, with the files gone. Calls run in threads, so that the event loop,
    which has to be asyncio's, goes on meanwhile.

    memva's errors reach the SDK as they are. It tries an append three times, then drops it and says
    so by a `MirrorErrorMessage`.
    """

    def __init__(
        self,
        store: TranscriptStore,
        *,
        session_id: str | None = None,
        redact: Redact | None = None,
    ) -> None:
        """Make a session store.

        Args:
            store: Where to keep it.
            session_id: The session of memva's that everything goes to which comes through this
                one; where None, as an import would choose.
            redact: Goes over every text before anything is stored. What is resumed is then the
                redacted conversation.

        Raises:
            InvalidValue: `store` is no such store.
        """
        # Found at the first append, that would be told by the SDK alone, which goes on without.
        if not hasattr(store, "transcripts"):
            raise InvalidValue("store", store, "must be a store with transcripts")
        self._store = store
        self._session_id = session_id
        self._redact = redact

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Store the next entries, in order, all of them or none; see `append_to_transcript`.

        Entries with a uuid that is stored are not doubled, nor those beside them.

        Raises:
            InvalidValue: The key or an entry is none.
            SessionNotFound: There is no session of memva's with the id that was given.
        """
        await _append(
            self._store,
            _transcript(key),
            cast("list[JsonObject]", entries),
            session_id=self._session_id,
            fold=_folding(key["session_id"]),
            redact=self._redact,
        )

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """Return the entries as they were appended, in order; None where none ever were."""
        lines = await _load(self._store, _transcript(key))
        return cast("list[SessionStoreEntry]", lines) or None

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        """Return the main conversations of a project, with when each was written to last."""
        found = await _list(self._store, project_key=project_key, subpath="")
        return [
            {"session_id": stored.transcript.session_id, "mtime": _mtime(stored.written_at)}
            for stored in found
        ]

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        """Return the SDK's own summaries of the main conversations of a project.

        Of one that was imported it is made when it is asked for first, and kept.
        """
        return await _summaries(self._store, project_key)

    async def delete(self, key: SessionKey) -> None:
        """Delete a transcript, a main conversation with its subagents'; see `delete_transcript`."""
        await _delete(self._store, _transcript(key))

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        """Return the subpaths of the transcripts beside the main one, sorted."""
        found = await _list(
            self._store, project_key=key["project_key"], claude_session_id=key["session_id"]
        )
        return [stored.transcript.subpath for stored in found if stored.transcript.subpath]


def _transcript(key: SessionKey) -> Transcript:
    """Return the transcript that a key names.

    Raises:
        InvalidValue: The key has an empty subpath, which the SDK's contract excludes.
    """
    if key.get("subpath") == "":
        raise InvalidValue("subpath", "", "must be left out for the main conversation")
    return Transcript(key["project_key"], key["session_id"], key.get("subpath", ""))


def _load_lines(store: TranscriptStore, transcript: Transcript) -> list[JsonObject]:
    with store.snapshot():
        return list(read_transcript(store, transcript))


def _list_summaries(store: TranscriptStore, project_key: str) -> list[SessionSummaryEntry]:
    summaries: list[SessionSummaryEntry] = []
    for stored in list_transcripts(store, project_key=project_key, subpath=""):
        session_id = stored.transcript.session_id
        data = summarise_transcript(store, stored, fold=_folding(session_id))
        summaries.append(
            {
                "session_id": session_id,
                "mtime": _mtime(stored.written_at),
                "data": cast("dict[str, Any]", data),
            }
        )
    return summaries


def _folding(session_id: str) -> Fold:
    """Return the SDK's own way of summarising, for one session."""
    key: SessionKey = {"project_key": "", "session_id": session_id}

    def fold(before: JsonObject | None, lines: Sequence[JsonObject]) -> JsonObject:
        previous: SessionSummaryEntry | None = None
        if before is not None:
            previous = {"session_id": session_id, "mtime": 0, "data": dict(before)}
        entries = cast("list[SessionStoreEntry]", list(lines))
        return fold_session_summary(previous, key, entries)["data"]

    return fold


def _mtime(moment: datetime) -> int:
    """Return a moment as the SDK wants it: milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


_append = awaitable(append_to_transcript)
_delete = awaitable(delete_transcript)
_list = awaitable(list_transcripts)
_load = awaitable(_load_lines)
_summaries = awaitable(_list_summaries)
