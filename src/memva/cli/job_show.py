"""`memva jobs show`: one job in full."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
import click

from memva.cli.database import Database, open_existing
from memva.cli.durations import duration_text
from memva.cli.entity_json import as_object, json_line
from memva.cli.ids import job_by_prefix
from memva.cli.output import Output, local_time, one_line, stderr, stdout
from memva.cli.table import aligned, write_table
from memva.domain.attempt import JobAttempt
from memva.domain.job import Job
from memva.services.jobs import get_job_attempts

_HEADINGS: Final = ("ATTEMPT", "WORKER", "STARTED", "DURATION", "OUTCOME", "ERROR")
_NARROWEST: Final = {_HEADINGS.index("ERROR"): 10, _HEADINGS.index("WORKER"): 8}
_IN_HEADING: Final = frozenset({"id", "type"})
_BLOCKS: Final = ("error", "data", "result", "checkpoint")
_INDENT: Final = 2


@click.command(short_help="Print one job in full.")
@click.argument("job_id", metavar="JOB")
@click.option("--json", "as_json", is_flag=True, help='One JSON object: "job" and "attempts".')
@click.pass_obj
def show(database: Database, job_id: str, as_json: bool) -> None:
    """Print JOB, an id or the beginning of one, with its attempts.

    Fields that are empty are left out, but not from JSON.
    """
    output = stdout()
    with open_existing(database) as store, store.snapshot():
        job = job_by_prefix(store, job_id)
        attempts = get_job_attempts(store, job.id)
        now = store.now()
    if as_json:
        attempt_objects = [as_object(attempt) for attempt in attempts]
        output.raw(json_line({"job": as_object(job), "attempts": attempt_objects}))
        return
    _write_job(job, output)
    if attempts:
        output.line()
        rows = [_row(attempt, now) for attempt in attempts]
        write_table(_HEADINGS, rows, narrowest=_NARROWEST, output=output)
    else:
        stderr().line("This job has no attempts yet.")


def _write_job(job: Job, output: Output) -> None:
    output.line(one_line(job.type), style="bold")
    output.line(one_line(job.id), style="dim")
    output.line()
    for line in aligned(list(_fields(job)), width=None, narrowest={}):
        output.line(line)
    for name in _BLOCKS:
        value = getattr(job, name)
        if value is not None:
            output.line()
            output.line(name, style="bold")
            for line in _block(name, value):
                output.indented(line, indent=_INDENT)


def _fields(job: Job) -> Iterator[tuple[str, str]]:
    """Yield the names and values of the fields that take one line."""
    for field in attrs.fields(Job):
        value = getattr(job, field.name)
        if value is not None and field.name not in _IN_HEADING and field.name not in _BLOCKS:
            yield field.name, _value(value)


def _value(value: Any) -> str:
    if isinstance(value, datetime):
        return local_time(value, timespec="seconds")
    return duration_text(value) if isinstance(value, timedelta) else one_line(str(value))


def _block(name: str, value: Any) -> Sequence[str]:
    """Return the lines of an error, or of a JSON value."""
    if name == "error":
        return str(value).splitlines()
    return json.dumps(value, ensure_ascii=False, indent=2).split("\n")


def _row(attempt: JobAttempt, now: datetime) -> tuple[str, ...]:
    return (
        f"{attempt.number}",
        one_line(attempt.worker_id or ""),
        local_time(attempt.started_at, timespec="seconds"),
        duration_text((attempt.ended_at or now) - attempt.started_at),
        attempt.outcome or "running",
        one_line(attempt.error or ""),
    )
