"""Import cursors in memory."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import attrs

from memva.domain.transcript_cursor import TranscriptCursor

if TYPE_CHECKING:
    from memva.adapters.memory.store import MemoryStore


class MemoryCursors:
    """The import cursors of an in-memory store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def get(self, source: str, /) -> TranscriptCursor | None:
        return self._store.content().cursors.get(source)

    def versions(self, *, first: str, last: str) -> dict[str, str]:
        return {
            source: cursor.version
            for source, cursor in self._store.content().cursors.items()
            if first <= source <= last
        }

    def put(self, cursor: TranscriptCursor, /) -> None:
        with self._store.writing() as scope:
            scope.content.check_session(cursor.memva_session_id)
            scope.content = attrs.evolve(
                scope.content, cursors={**scope.content.cursors, cursor.source: cursor}
            )

    def find(self, *, after: str | None = None, limit: int) -> list[TranscriptCursor]:
        found = sorted(self._store.content().cursors.items())
        return [cursor for source, cursor in found if after is None or source > after][:limit]

    def with_skipped_lines(self, *, after: str = "", limit: int) -> list[TranscriptCursor]:
        found = (
            cursor
            for source, cursor in sorted(self._store.content().cursors.items())
            if source > after and cursor.skipped.count
        )
        return list(islice(found, limit))
