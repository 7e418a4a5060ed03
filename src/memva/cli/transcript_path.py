"""Looking at the path that transcripts are to be read from, before anything is done with it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from memva.cli.failures import Failure

_SQLITE: Final = b"SQLite format 3\0"


def refuse_database(path: Path) -> None:
    """Refuse a database, which would be read as a transcript of which no line is any good.

    Raises:
        Failure: It is one.
        OSError: The file cannot be read.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        if file.read(len(_SQLITE)) == _SQLITE:
            raise Failure(
                f"{path}: is a database, no transcript; --db names memva's own, and "
                '"memva import-db" brings in the TypeScript Memva\'s'
            )
