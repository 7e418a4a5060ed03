"""A store without counts: what memva would be if it kept none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from benchmarks import raw
from memva import Event
from memva.adapters.sqlite import events, rows

# The schema without what is there for counting alone.
_WITHOUT: Final = (
    "DROP INDEX events_said",
    "DROP INDEX events_by_memva_session",
    """
    CREATE INDEX events_by_memva_session
        ON events (memva_session_id, sort_at, project_key, session_id, subpath, line)
        WHERE memva_session_id IS NOT NULL
    """,
)


def leave_out_counts(path: Path) -> None:
    """Take out of a file what is there for counting alone."""
    with closing(raw.connect(path, "normal")) as connection:
        for statement in _WITHOUT:
            connection.execute(statement)


@contextmanager
def no_counts() -> Iterator[None]:
    """Have no store count, in the block; its file is one without counts."""
    with patch.object(rows, "said_in", _nothing), patch.object(events, "counting", _NoCounting):
        yield


def _nothing(_: Event) -> None:
    return None


class _NoCounting:
    def __init__(self, _: Any) -> None:
        pass

    def appended(self, *_: Any) -> None:
        pass
