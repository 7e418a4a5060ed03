"""`memva jobs prune`: delete jobs that ended some time ago."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, get_args

import click
from rich.progress import TextColumn

from memva.cli.database import Database, open_existing
from memva.cli.durations import duration_typed
from memva.cli.every_job import every_job
from memva.cli.output import counted, stdout
from memva.cli.progress import progress_bar
from memva.domain.job import EndedStatus
from memva.services.jobs import prune_jobs

_DEFAULT: Final[tuple[EndedStatus, ...]] = ("completed", "cancelled")


@click.command(short_help="Delete jobs that ended some time ago.")
@click.option(
    "--older-than",
    required=True,
    callback=duration_typed,
    metavar="TIME",
    help="How long ago they ended at least, such as 90s, 15m, 12h, 30d or 2w.",
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(get_args(EndedStatus)),
    default=_DEFAULT,
    show_default=True,
    help="How they ended; may be given several times.",
)
@click.option("--dry-run", is_flag=True, help="Count them, and delete none.")
@click.pass_obj
def prune(
    database: Database, older_than: timedelta, statuses: tuple[EndedStatus, ...], dry_run: bool
) -> None:
    """Delete jobs that ended some time ago, with their attempts.

    Jobs that failed are kept unless "--status failed" names them.
    """
    with open_existing(database) as store:
        if dry_run:
            ended_before = store.now() - older_than
            jobs = every_job(store, status=statuses)
            number = sum(job.completed_at < ended_before for job in jobs if job.completed_at)
            stdout().line(f"{counted(number, 'job')} would be deleted.")
            return
        with progress_bar(TextColumn("{task.completed:,} deleted")) as bar:
            task = bar.add_task("Deleting", total=None)
            deleted = prune_jobs(
                store,
                older_than=older_than,
                status=statuses,
                on_progress=lambda done: bar.update(task, completed=done),
            )
    stdout().line(f"{counted(deleted, 'job')} deleted.")
