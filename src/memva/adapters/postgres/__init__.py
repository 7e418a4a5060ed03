"""The PostgreSQL store: a schema in a database, shared between machines."""

from memva.adapters.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
