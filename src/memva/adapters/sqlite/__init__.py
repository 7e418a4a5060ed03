"""The SQLite store: one file, no server, shared between threads and processes."""

from memva.adapters.sqlite.store import Durability, SqliteStore

__all__ = ["Durability", "SqliteStore"]
