"""`memva import`: bring in Claude Code's transcripts."""

from __future__ import annotations

from pathlib import Path

import click

from memva.adapters.claude_code import TranscriptFiles, default_projects_folder
from memva.cli.database import Database, open_database
from memva.cli.failures import Failure, interruptible
from memva.cli.import_told import importing_bar, summarise
from memva.cli.output import stderr, stdout
from memva.cli.redacting import may_redact
from memva.cli.transcript_path import refuse_database
from memva.cli.watching import watch
from memva.domain.redaction import Redact
from memva.services.import_report import ImportReport
from memva.services.transcript_import import import_transcripts


@click.command("import")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--restore", is_flag=True, help="Also bring back sessions that were deleted.")
@may_redact
@click.option("--watch", "watches", is_flag=True, help="Go on with what is written, until Ctrl-C.")
@click.option(
    "--polling",
    is_flag=True,
    help="Watch by looking from time to time, as network folders need it.",
)
@click.pass_obj
def import_(
    database: Database,
    path: Path | None,
    restore: bool,
    redact: Redact | None,
    watches: bool,
    polling: bool,
) -> None:
    """Bring in Claude Code's conversations.

    PATH is one transcript, the folder of one project, or a folder of projects; without it, the
    folder where Claude Code keeps your own.

    Importing again adds only what is new. It may be stopped with Ctrl-C at any moment, and goes on
    from there the next time. Sessions that were deleted are left out.

    With --watch it goes on until Ctrl-C with what is written meanwhile, and waits for a PATH that
    is not there yet.
    """
    place = default_projects_folder() if path is None else path
    refuse_database(place)
    if watches:
        watch(database, place, restore=restore, redact=redact, polling=polling)
        return
    if polling:
        raise click.UsageError("--polling is for --watch.")
    if not place.exists():
        # Told before a database is made for nothing.
        advice = "; name the PATH of the transcripts" if path is None else ""
        raise Failure(f"{place}: there is no such file or folder{advice}")
    with interruptible("what was imported is kept"):
        report = _import(database, place, restore=restore, redact=redact)
    if not report.transcripts:
        stderr().line(f"There are no transcripts in {place}.")
        return
    summarise(report, stdout())
    whole = all(problem.line is None for problem in report.problems)
    if whole and report.problem_count == report.transcripts:
        raise Failure(f"{place}: none of it could be imported")


def _import(
    database: Database, place: Path, *, restore: bool, redact: Redact | None
) -> ImportReport:
    with open_database(database) as store, importing_bar() as tell:
        return import_transcripts(
            store, TranscriptFiles(place), redact=redact, restore=restore, on_progress=tell
        )
