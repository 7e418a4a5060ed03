"""`memva backup`: copy the database to a new file."""

from __future__ import annotations

from pathlib import Path

import click
from rich.progress import TaskProgressColumn

from memva.adapters.sqlite import SqliteStore
from memva.cli.database import Database, Server, check_is_there
from memva.cli.failures import Failure
from memva.cli.output import stdout
from memva.cli.progress import progress_bar


@click.command(short_help="Copy the database to a new file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def backup(database: Database, file: Path) -> None:
    """Copy the database to the new file FILE, and check the copy.

    Others may go on using the database meanwhile. FILE appears only when it is whole.
    """
    if isinstance(database, Server):
        raise Failure('only a file can be backed up so; PostgreSQL has "pg_dump --schema" for it')
    check_is_there(database)
    with SqliteStore.open(database) as store:
        if file.exists():
            raise Failure(f"{file} exists already; a backup needs a new file")
        with progress_bar(TaskProgressColumn()) as bar:
            task = bar.add_task("Backing up", total=None)
            store.backup(
                file, on_progress=lambda done, total: bar.update(task, completed=done, total=total)
            )
    stdout().line(f"Backed up to {file} ({file.stat().st_size:,} bytes).")
