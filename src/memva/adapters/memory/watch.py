"""Waiting for commits to an in-memory store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memva.adapters.signal import Signal

if TYPE_CHECKING:
    from memva.adapters.memory.store import MemoryStore


class MemoryWatch:
    """Tells a waiting thread of commits."""

    def __init__(self, store: MemoryStore, signal: Signal) -> None:
        self._store = store
        self._signal = signal
        self._seen = signal.count

    def wait(self, timeout: float) -> bool:
        before = self._seen
        self._seen = self._signal.wait(before, timeout)
        self._store.content()
        return self._seen != before
