"""The command's databases: what names one, and how it is opened; no other place knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import attrs
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

_SCHEMES: Final = ("postgresql://", "postgres://")
_PASSWORD: Final = re.compile(r"(://[^/@:]*):[^/@]*@|([?&]password=)[^&]*")


@attrs.frozen
class Server:
    """A schema in a PostgreSQL database; as text it does not tell its password.

    Attributes:
        url: The database.
        schema: The schema.
    """

    url: str = attrs.field(repr=False)
    schema: str

    def __str__(self) -> str:
        """Return the URL without its password."""
        return _PASSWORD.sub(lambda found: f"{found[1]}@" if found[1] else f"{found[2]}…", self.url)


Database: TypeAlias = Path | Server
"""What names a database: its file, or a place on a server."""


if TYPE_CHECKING:
    _ParamType = click.ParamType[Database]
else:
    # Before click 8.2 it took no arguments.
    _ParamType = click.ParamType


class _DatabaseType(_ParamType):
    """How a database is named on the command line."""

    name = "database"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Database:
        """Return the database of this name."""
        if isinstance(value, Server):
            return value
        if isinstance(value, str) and value.startswith(_SCHEMES):
            schema = "memva" if ctx is None else ctx.find_root().params.get("schema", "memva")
            return Server(value, schema)
        return Path(_FILE.convert(str(value), param, ctx))


_FILE: Final = click.Path(dir_okay=False, path_type=Path)
DATABASE: Final = _DatabaseType()


class CommandStore(
    WorkerStore, SearchableStore, CountingStore, TranscriptStore, CheckableStore, Protocol
):
    """A store that can do all that commands ask for."""


def default_database() -> Path:
    """Return the file that is used when none is named: one for each user."""
    return platformdirs.user_data_path("memva", appauthor=False) / "memva.db"


def is_there(database: Database) -> bool:
    """Tell whether there is such a database; on a server one is made when it is asked for."""
    return isinstance(database, Server) or database.exists()


def is_same(one: Database, other: Database) -> bool:
    """Tell whether two names are of one database."""
    if isinstance(one, Server) or isinstance(other, Server):
        return one == other
    return one.exists() and other.exists() and one.samefile(other)


@contextmanager
def open_database(database: Database, *, search: bool = True) -> Iterator[CommandStore]:
    """Open the database for the block; make it where there is none.

    Raises:
        StoreError: It cannot be opened.
    """
    with closing(_opened(database, search=search)) as store:
        yield store


def _opened(database: Database, *, search: bool) -> CommandStore:
    if isinstance(database, Path):
        return SqliteStore.open(database, search=search)
    try:
        from memva.adapters.postgres import PostgresStore
    except ImportError as error:
        raise Failure('for PostgreSQL there is more to install: "memva[postgres]"') from error
    return PostgresStore.open(database.url, schema=database.schema, search=search)


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
