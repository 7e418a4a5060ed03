"""`memva jobs retry` and `memva jobs cancel`: move jobs by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

from memva.cli.database import open_existing
from memva.cli.failures import Failure
from memva.cli.ids import job_by_prefix
from memva.cli.output import one_line, stdout
from memva.domain.errors import IllegalTransition, JobNotFound, UniqueKeyTaken
from memva.domain.job import Job
from memva.domain.ports import Store
from memva.services.jobs import cancel_job, retry_job


@click.command(short_help="Begin jobs anew that failed or were cancelled.")
@click.argument("job_ids", metavar="JOB...", nargs=-1, required=True)
@click.pass_context
def retry(ctx: click.Context, job_ids: tuple[str, ...]) -> None:
    """Begin each JOB anew, an id or the beginning of one, that failed or was cancelled.

    It is due at once, and all of its attempts are left.
    """
    _move_each(ctx, job_ids, _retry)


@click.command(short_help="Cancel jobs that wait or run.")
@click.argument("job_ids", metavar="JOB...", nargs=-1, required=True)
@click.pass_context
def cancel(ctx: click.Context, job_ids: tuple[str, ...]) -> None:
    """Cancel each JOB, an id or the beginning of one, that has not ended.

    One that waits is cancelled at once. One that runs goes on until its worker gives in.
    """
    _move_each(ctx, job_ids, _cancel)


def _move_each(
    ctx: click.Context, prefixes: Iterable[str], move: Callable[[Store, Job], str]
) -> None:
    """Move each job, and say what became of it; one that cannot be moved keeps none back."""
    failed = False
    with open_existing(ctx.obj) as store:
        for prefix in prefixes:
            try:
                job = job_by_prefix(store, prefix)
                became = move(store, job)
            except (Failure, IllegalTransition, JobNotFound) as error:
                Failure(str(error)).show()
                failed = True
            else:
                stdout().line(f"{one_line(job.id)} {became}")
    if failed:
        ctx.exit(1)


def _retry(store: Store, job: Job) -> str:
    try:
        retry_job(store, job.id)
    except IllegalTransition as error:
        raise Failure(
            f"job {job.id!r} is {error.status}; only one that failed or was cancelled begins anew"
        ) from error
    except UniqueKeyTaken as error:
        raise Failure(f"job {job.id!r} stays {job.status}: {error}") from error
    return "is pending again"


def _cancel(store: Store, job: Job) -> str:
    cancelled = cancel_job(store, job.id)
    return "is cancelled" if cancelled.completed_at else "still runs; its worker was asked to stop"
