"""Adapters, imported by path: `from memva.adapters.sqlite import SqliteStore`."""
