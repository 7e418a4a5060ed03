"""Import cursors in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from memva.domain.ports import TranscriptCursor

if TYPE_CHECKING:
    from memva.adapters.memory.store import MemoryStore


class MemoryCursors:
    """The import cursors of an in-memory store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def get(self, source: str, /) -> TranscriptCursor | None:
        return self._store.content().cursors.get(source)

    def put(self, cursor: TranscriptCursor, /) -> None:
        with self._store.writing() as scope:
            scope.content.check_session(cursor.memva_session_id)
            scope.content = attrs.evolve(
                scope.content, cursors={**scope.content.cursors, cursor.source: cursor}
            )
