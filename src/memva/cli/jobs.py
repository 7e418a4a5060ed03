"""`memva jobs`: list jobs; what else is done with them are its subcommands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final, get_args

import click

from memva.cli.database import Database, is_there, open_database, tell_of_none
from memva.cli.durations import duration_text
from memva.cli.entity_json import as_object, json_line
from memva.cli.every_job import every_job
from memva.cli.ids import session_by_prefix, short_ids
from memva.cli.job_moves import cancel, retry
from memva.cli.job_prune import prune
from memva.cli.job_show import show
from memva.cli.listing import refuse_options
from memva.cli.output import local_time, one_line, stderr, stdout
from memva.cli.table import write_table
from memva.domain.job import Job, JobStatus
from memva.domain.job_page import JobStats
from memva.domain.ports import Store
from memva.services.jobs import get_job_stats, list_jobs

_HEADINGS: Final = ("ID", "TYPE", "STATUS", "ATTEMPTS", "CREATED", "NOTE")
_NARROWEST: Final = {_HEADINGS.index("NOTE"): 10, _HEADINGS.index("TYPE"): 8}
_COUNT_HEADINGS: Final = ("TYPE", *map(str.upper, get_args(JobStatus)), "DUE SINCE")
_COUNT_NARROWEST: Final = {_COUNT_HEADINGS.index("TYPE"): 8}

_FEW: Final = 10_000
"""Among how many jobs at most ids are shortened; to tell them apart all of them are read."""


@click.group(
    invoke_without_command=True,
    subcommand_metavar="[COMMAND ...]",
    short_help="List jobs, and look after them.",
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(get_args(JobStatus)),
    help="Jobs with this status alone, or with one of several.",
)
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="TYPE",
    help="Jobs of this type alone, or of one of several.",
)
@click.option(
    "--session",
    "prefix",
    metavar="SESSION",
    help="Jobs of this session alone: an id, or the beginning of one.",
)
@click.option("--key", metavar="KEY", help="Jobs of this concurrency key alone.")
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=1_000_000),
    default=50,
    show_default=True,
    metavar="N",
    help="The last N alone.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with every field.")
@click.pass_context
def jobs(
    ctx: click.Context,
    statuses: tuple[JobStatus, ...],
    types: tuple[str, ...],
    prefix: str | None,
    key: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List jobs, the last added first, and count them by type and status.

    A terminal is given what fits into its width; a pipe is given whole errors. Where options narrow
    the list, nothing is counted.
    """
    if ctx.invoked_subcommand is not None:
        refuse_options(ctx)
        return
    database: Database = ctx.obj
    if not is_there(database):
        tell_of_none(database)
        return
    with open_database(database) as store, store.snapshot():
        session = None if prefix is None else session_by_prefix(store, prefix).id
        page = list_jobs(
            store,
            status=statuses or None,
            type=types or None,
            memva_session_id=session,
            concurrency_key=key,
            limit=limit,
        )
        now, stats = store.now(), get_job_stats(store)
        short = {} if as_json else _short_ids(store, page.jobs, stats)
    narrowed = bool(statuses or types) or session is not None or key is not None
    output = stdout()
    if page.jobs and as_json:
        for job in page:
            output.raw(json_line(as_object(job)))
    elif page.jobs:
        rows = [_row(job, short[job.id], now) for job in page]
        write_table(_HEADINGS, rows, narrowest=_NARROWEST, output=output)
        if not narrowed:
            output.line()
            counts = [_count_row(*of_type) for of_type in groupby(stats, lambda row: row.type)]
            write_table(_COUNT_HEADINGS, counts, narrowest=_COUNT_NARROWEST, output=output)
    elif stats:
        stderr().line('There are no such jobs. Run "memva jobs" to list all.')
    else:
        stderr().line('No jobs yet. A program adds them with "memva.create_job".')
    if page.next is not None:
        stderr().line('More jobs follow; a higher "--limit" lists them.')


def _short_ids(store: Store, listed: Sequence[Job], stats: Sequence[JobStats]) -> dict[str, str]:
    """Return for each id the beginning that is shown: all of it where there are many jobs."""
    if sum(row.count for row in stats) > _FEW:
        return {job.id: job.id for job in listed}
    return short_ids(job.id for job in every_job(store))


def _row(job: Job, short_id: str, now: datetime) -> tuple[str, ...]:
    return (
        one_line(short_id),
        one_line(job.type),
        job.status,
        f"{job.attempts}/{job.max_attempts}",
        local_time(job.created_at),
        "; ".join(_notes(job, now)),
    )


def _notes(job: Job, now: datetime) -> Iterator[str]:
    """Yield what is worth knowing about a job's status."""
    if job.status == "pending" and job.scheduled_at > now:
        yield f"due in {duration_text(job.scheduled_at - now)}"
    if job.status == "processing" and job.cancel_requested_at is not None:
        yield "asked to stop"
    if job.error:
        yield one_line(job.error)


def _count_row(type_: str, stats: Iterable[JobStats]) -> tuple[str, ...]:
    of_status = {row.status: row for row in stats}
    counts = (f"{of_status[s].count:,}" if s in of_status else "0" for s in get_args(JobStatus))
    oldest = of_status["pending"].oldest_due if "pending" in of_status else None
    return (one_line(type_), *counts, "" if oldest is None else local_time(oldest))


for _command in (show, retry, cancel, prune):
    jobs.add_command(_command)
