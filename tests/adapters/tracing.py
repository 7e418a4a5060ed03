"""What a SQLite store runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from memva.adapters.sqlite import SqliteStore


@contextmanager
def traced(store: SqliteStore) -> Iterator[list[str]]:
    """Give the statements that this thread runs in the block, as it runs them."""
    ran: list[str] = []

    def trace(sql: str) -> None:
        # FTS5 reads its own tables by statements of its own, which begin so.
        if not sql.startswith("--"):
            ran.append(sql)

    with store._transactions.apart() as connection:
        connection.raw.set_trace_callback(trace)
    try:
        yield ran
    finally:
        with store._transactions.apart() as connection:
            connection.raw.set_trace_callback(None)
