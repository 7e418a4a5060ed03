"""The in-memory store: it is gone with its process."""

from memva.adapters.memory.store import MemoryStore

__all__ = ["MemoryStore"]
