"""`memva copy`: copy everything into another database."""

from __future__ import annotations

from typing import Final

import click
from rich.progress import TextColumn

from memva.cli.database import (
    DATABASE,
    CommandStore,
    Database,
    is_same,
    open_database,
    open_existing,
)
from memva.cli.failures import Failure, interruptible
from memva.cli.output import Output, counted, stdout
from memva.cli.progress import progress_bar
from memva.domain.errors import CopyDiffers, CopyRefused, StoreError
from memva.services.copy_report import CopyPart, CopyProgress, CopyReport, CopyStep
from memva.services.store_copy import copy_store

_DOING: Final[dict[CopyStep, str]] = {
    "comparing": "Looking at",
    "copying": "Copying",
    "verifying": "Comparing",
}


@click.command(short_help="Copy everything into another database.")
@click.argument("target", type=DATABASE, metavar="TARGET")
@click.pass_obj
def copy(database: Database, target: Database) -> None:
    """Copy everything into the database TARGET, and compare the two.

    TARGET is a file, or a PostgreSQL database as postgresql://…, and is made where there is none.
    It must be empty, or a copy of this database that was begun.

    It may be stopped with Ctrl-C, or killed, at any moment; the same command goes on. Until it has
    ended nothing may write to TARGET, nor to this database between one run and the next: stop
    workers and watchers first.
    """
    with open_existing(database) as source:
        if is_same(database, target):
            raise Failure(f"{target} is the database itself; name another TARGET")
        try:
            with interruptible("what was copied is kept"), open_database(target) as store:
                report = _copy(source, store)
        except CopyRefused as error:
            raise Failure(
                f"{target}: {error}. It was left as it was; name a new TARGET, or remove this one"
            ) from error
        except CopyDiffers as error:
            raise Failure(
                f"{target}: {error}. Something else wrote to it; copy to a new TARGET"
            ) from error
        except StoreError as error:
            raise Failure(
                f"{database} was not wholly copied to {target}: {error}; what was copied is kept, "
                "and the same command goes on"
            ) from error
    _summarise(report, target, stdout())


def _copy(source: CommandStore, target: CommandStore) -> CopyReport:
    with progress_bar(TextColumn("{task.fields[count]:,}")) as bar:
        task = bar.add_task("Copying", total=None, count=0)
        told: tuple[CopyStep, CopyPart] | None = None

        def tell(progress: CopyProgress) -> None:
            nonlocal task, told
            if told != (progress.step, progress.part):
                told = progress.step, progress.part
                # Each has a task of its own, as the total of one cannot be unknown again.
                bar.remove_task(task)
                task = bar.add_task(
                    f"{_DOING[progress.step]} {progress.part}",
                    total=None if progress.share is None else 1,
                    count=0,
                )
            bar.update(task, completed=progress.share or 0, count=progress.count)

        return copy_store(source, target, on_progress=tell)


def _summarise(report: CopyReport, target: Database, output: Output) -> None:
    """Write what the copy came to."""
    for name, part in report.parts.items():
        if part.count:
            there = part.count - part.added
            already = f", {there:,} were there already" if there else ""
            output.line(f"{counted(part.added, name.removesuffix('s'))} copied{already}")
    output.line(f"{target} holds all of it, and nothing else: everything was compared.")
