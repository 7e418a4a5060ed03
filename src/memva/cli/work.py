"""`memva work`: run handlers on jobs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import click

from memva.cli.database import Database, open_database
from memva.cli.durations import duration_text, duration_typed
from memva.cli.failures import Failure
from memva.cli.output import Output, local_time, one_line, stderr, stdout
from memva.domain.time import utc_now
from memva.worker import Handler, Happening, Worker


@click.command(short_help="Run handlers on jobs.")
@click.argument("handlers", metavar="MODULE:HANDLERS")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="How many jobs run at a time.",
)
@click.option(
    "--lease",
    default="30s",
    show_default=True,
    callback=duration_typed,
    metavar="TIME",
    help="How long this worker may be silent before another one takes its jobs.",
)
@click.option(
    "--grace",
    default="30s",
    show_default=True,
    callback=duration_typed,
    metavar="TIME",
    help="How long running jobs may go on after Ctrl-C.",
)
@click.option("--until-idle", is_flag=True, help="End when nothing is due and nothing runs.")
@click.pass_obj
def work(
    database: Database,
    handlers: str,
    concurrency: int,
    lease: timedelta,
    grace: timedelta,
    until_idle: bool,
) -> None:
    """Run handlers on jobs until Ctrl-C.

    MODULE:HANDLERS names a mapping from types of jobs to functions of data and context, such as
    "app.jobs:handlers"; the module is looked for in the current folder too. After Ctrl-C running
    jobs are finished, or handed back; a second Ctrl-C hands them back at once.
    """
    found = _handlers(handlers)
    output = stdout()
    with open_database(database) as store:
        worker = Worker(
            store,
            found,
            concurrency=concurrency,
            lease=lease,
            grace=grace,
            on_happening=lambda happening: _tell(happening, output),
        )
        types = ", ".join(one_line(type_) for type_ in sorted(found))
        ending = "until there are none" if until_idle else "until Ctrl-C"
        stderr().line(f"Running jobs of the type {types}, {ending}.")
        faults, logger = _Faults(), logging.getLogger("memva.worker")
        logger.addHandler(faults)
        try:
            (worker.run_until_idle if until_idle else worker.run)()
        finally:
            logger.removeHandler(faults)


def _handlers(target: str) -> Mapping[str, Handler]:
    """Return the mapping that MODULE:HANDLERS names.

    Raises:
        Failure: There is no such mapping.
    """
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise Failure(f"{target!r} must be MODULE:HANDLERS, such as app.jobs:handlers")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        # One that the module itself lacks is another matter.
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise Failure(f"{module_name} cannot be imported: {error}") from error
        raise Failure(f"there is no module {module_name!r}") from error
    except Exception as error:
        raise Failure(f"{module_name} cannot be imported: {error!r}") from error
    found = getattr(module, attribute, None)
    if found is None:
        raise Failure(f"{module_name} has no {attribute!r}")
    if not isinstance(found, Mapping):
        raise Failure(f"{target} is no mapping from types of jobs to functions")
    return found


def _tell(happening: Happening, output: Output) -> None:
    job = happening.job
    parts = [local_time(utc_now(), timespec="seconds"), job.type, job.id, happening.kind]
    if happening.seconds is not None:
        parts.append(f"after {duration_text(timedelta(seconds=happening.seconds))}")
    if happening.kind in ("failed", "retried") and job.error:
        parts.append(f"({job.error})")
    output.line(one_line(" ".join(parts)))


class _Faults(logging.Handler):
    """Writes what the worker logs beside the happenings, such as a store that fails, to stderr."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, unless a line on standard output says the same."""
        if not record.msg.startswith("%s job %s (attempt"):
            stderr().line(one_line(f"memva: {record.levelname.lower()}: {record.getMessage()}"))
