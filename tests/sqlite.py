"""Files of SQLite stores for the tests."""

from __future__ import annotations

import tempfile
from functools import cache, partial
from pathlib import Path

from memva.adapters.sqlite import SqliteStore


def opened_before(path: Path) -> partial[SqliteStore]:
    """Put the file of an empty store at `path`; return what opens it.

    Its migrations have been taken, which would take longer than most tests.
    """
    path.write_bytes(_empty_file())
    return partial(SqliteStore.open, path, durability="normal")


@cache
def _empty_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memva.db"
        SqliteStore.open(path).close()
        return path.read_bytes()
