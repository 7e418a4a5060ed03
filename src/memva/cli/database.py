"""The command's databases: what names one, and how it is opened; no other place knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import click
import platformdirs

from memva.adapters.sqlite import SqliteStore
from memva.cli.failures import Failure
from memva.cli.output import stderr
from memva.domain.abilities import (
    CheckableStore,
    CountingStore,
    SearchableStore,
    TranscriptStore,
    WorkerStore,
)

Database: TypeAlias = Path
"""What names a database: its file."""

DATABASE: Final = click.Path(dir_okay=False, path_type=Path)
"""How one is named on the command line."""


class CommandStore(
    WorkerStore, SearchableStore, CountingStore, TranscriptStore, CheckableStore, Protocol
):
    """A store that can do all that commands ask for."""


def default_database() -> Database:
    """Return the file that is used when none is named: one for each user."""
    return platformdirs.user_data_path("memva", appauthor=False) / "memva.db"


def is_there(database: Database) -> bool:
    """Tell whether there is such a database."""
    return database.exists()


def is_same(one: Database, other: Database) -> bool:
    """Tell whether two names are of one database."""
    return one.exists() and other.exists() and one.samefile(other)


@contextmanager
def open_database(database: Database, *, search: bool = True) -> Iterator[CommandStore]:
    """Open the database for the block; make it where there is none.

    Raises:
        StoreError: It cannot be opened.
    """
    with closing(SqliteStore.open(database, search=search)) as store:
        yield store


@contextmanager
def open_existing(database: Database) -> Iterator[CommandStore]:
    """Open the database for the block, but make none.

    Raises:
        Failure: There is no such database.
        StoreError: It cannot be opened.
    """
    check_is_there(database)
    with open_database(database) as store:
        yield store


def check_is_there(database: Database) -> None:
    """Raise `Failure` where there is no such database."""
    if not is_there(database):
        raise Failure(f'there is no database at {database} yet; "memva import" makes it')


def tell_of_none(database: Database) -> None:
    """Say that there is no such database, and how one is made."""
    stderr().line(f"There is no database at {database} yet.")
    stderr().line('Run "memva import" to make it from Claude Code\'s history.')
