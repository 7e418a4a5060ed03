"""Where the command's database is."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from memva.adapters.sqlite import SqliteStore
from memva.cli.failures import Failure
from memva.cli.output import stderr


def default_database() -> Path:
    """Return the file that is used when none is named: one for each user."""
    return platformdirs.user_data_path("memva", appauthor=False) / "memva.db"


def open_existing(database: Path) -> SqliteStore:
    """Open the database, but make none.

    Raises:
        Failure: There is no such file.
        StoreError: It cannot be opened.
    """
    if not database.exists():
        raise Failure(f'there is no database at {database} yet; "memva import" makes it')
    return SqliteStore.open(database)


def tell_of_none(database: Path) -> None:
    """Say that there is no such database, and how one is made."""
    stderr().line(f"There is no database at {database} yet.")
    stderr().line('Run "memva import" to make it from Claude Code\'s history.')
