"""`memva import-db`: bring in what the TypeScript Memva keeps."""

from __future__ import annotations

from pathlib import Path

import click
from rich.progress import MofNCompleteColumn

from memva.adapters.typescript_memva import TypescriptMemva, default_memva_database
from memva.cli.database import Database, open_database
from memva.cli.failures import Failure, interruptible
from memva.cli.output import Output, counted, stdout
from memva.cli.problems import list_problems
from memva.cli.progress import progress_bar
from memva.cli.redacting import may_redact
from memva.domain.redaction import Redact
from memva.domain.versions import Appended
from memva.services.typescript_memva.database_import import import_memva_database
from memva.services.typescript_memva.report import DatabaseImportProgress, DatabaseImportReport


@click.command("import-db", short_help="Bring in the TypeScript Memva's database.")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--restore", is_flag=True, help="Also bring back sessions that were deleted.")
@may_redact
@click.pass_obj
def import_db(database: Database, path: Path | None, restore: bool, redact: Redact | None) -> None:
    """Bring in the sessions, events and jobs of the TypeScript Memva.

    PATH is its database; without it, the one in ~/.memva. It is only read, may be in use, and stays
    as it is.

    Importing again adds only what is new. It may be stopped with Ctrl-C at any moment, and goes on
    from there the next time. Sessions that were deleted are left out. Jobs that had not ended are
    stopped; "memva jobs retry" runs them.
    """
    place = default_memva_database() if path is None else path
    if path is None and not place.exists():
        raise Failure(f"{place}: there is no such file; name the PATH of the database")
    # Opened before a database is made for nothing.
    with TypescriptMemva(place) as source, interruptible("what was imported is kept"):
        report = _import(database, source, restore=restore, redact=redact)
    _summarise(report, stdout())


def _import(
    database: Database, source: TypescriptMemva, *, restore: bool, redact: Redact | None
) -> DatabaseImportReport:
    bar = progress_bar(MofNCompleteColumn())
    with open_database(database) as store, bar:
        task = bar.add_task("Importing", total=None)

        def tell(progress: DatabaseImportProgress) -> None:
            bar.update(
                task,
                description=progress.table,
                completed=progress.rows,
                total=progress.total_rows,
            )

        return import_memva_database(
            store, source, redact=redact, restore=restore, on_progress=tell
        )


def _summarise(report: DatabaseImportReport, output: Output) -> None:
    """Write what the import came to."""
    known = f"{report.known_sessions:,} there already"
    output.line(f"{counted(report.sessions, 'session')} created, {known}")
    output.line(_appended(report.events, "event"))
    known = f"{report.known_jobs:,} there already"
    output.line(f"{counted(report.jobs, 'job')} created, {known}")
    for appended, noun in (
        (report.permission_requests, "permission request"),
        (report.settings, "settings record"),
    ):
        if appended != Appended():
            output.line(_appended(appended, noun))
    if report.stopped_jobs:
        output.line(
            f"{counted(report.stopped_jobs, 'job')} had not ended there and will not run here; "
            '"memva jobs retry" runs them',
            style="yellow",
        )
    if report.updated_jobs:
        output.line(f"{counted(report.updated_jobs, 'job')} stopped before had ended there since")
    if report.deleted:
        output.line(
            f"{counted(report.deleted, 'row')} of deleted sessions left out; "
            "--restore brings them back"
        )
    for table, rows in report.unknown_tables.items():
        output.line(f"{counted(rows, 'row')} of the unknown table {table} left out")
    list_problems(
        output,
        ((f"{problem.table} {problem.id}", problem.reason) for problem in report.problems),
        count=report.problem_count,
    )


def _appended(appended: Appended, noun: str) -> str:
    return (
        f"{counted(appended.added, noun)} added, {appended.replaced:,} replaced, "
        f"{appended.unchanged:,} there already"
    )
