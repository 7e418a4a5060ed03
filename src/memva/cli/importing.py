"""`memva import`: bring in Claude Code's transcripts."""

from __future__ import annotations

from pathlib import Path

import click
from rich.progress import DownloadColumn, TextColumn

from memva.adapters.claude_code import TranscriptFiles, default_projects_folder
from memva.adapters.sqlite import SqliteStore
from memva.cli.failures import Failure, Interrupted
from memva.cli.output import Output, counted, stderr, stdout
from memva.cli.problems import list_problems
from memva.cli.progress import progress_bar
from memva.cli.redacting import may_redact
from memva.domain.redaction import Redact
from memva.services.import_report import ImportProblem, ImportProgress, ImportReport
from memva.services.transcripts import import_transcripts


@click.command("import")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--restore", is_flag=True, help="Also bring back sessions that were deleted.")
@may_redact
@click.pass_obj
def import_(database: Path, path: Path | None, restore: bool, redact: Redact | None) -> None:
    """Bring in Claude Code's conversations.

    PATH is one transcript, the folder of one project, or a folder of projects; without it, the
    folder where Claude Code keeps your own.

    Importing again adds only what is new. It may be stopped with Ctrl-C at any moment, and goes on
    from there the next time. Sessions that were deleted are left out.
    """
    place = default_projects_folder() if path is None else path
    if not place.exists():
        # Told before a database is made for nothing.
        advice = "; name the PATH of the transcripts" if path is None else ""
        raise Failure(f"{place}: there is no such file or folder{advice}")
    try:
        report = _import(database, place, restore=restore, redact=redact)
    except KeyboardInterrupt as error:
        raise Interrupted(
            "Interrupted; what was imported is kept. Run the same command to go on."
        ) from error
    if not report.transcripts:
        stderr().line(f"There are no transcripts in {place}.")
        return
    _summarise(report, stdout())
    whole = all(problem.line is None for problem in report.problems)
    if whole and report.problem_count == report.transcripts:
        raise Failure(f"{place}: none of it could be imported")


def _import(database: Path, place: Path, *, restore: bool, redact: Redact | None) -> ImportReport:
    bar = progress_bar(DownloadColumn(), TextColumn("{task.fields[transcripts]} transcripts"))
    with SqliteStore.open(database) as store, bar:
        task = bar.add_task("Importing", total=None, transcripts="0")

        def tell(progress: ImportProgress) -> None:
            bar.update(
                task,
                completed=progress.bytes,
                total=progress.total_bytes,
                transcripts=f"{progress.transcripts:,}/{progress.total_transcripts:,}",
            )

        return import_transcripts(
            store,
            TranscriptFiles(place),
            redact=redact,
            restore=restore,
            on_progress=tell,
        )


def _summarise(report: ImportReport, output: Output) -> None:
    """Write what the import came to."""
    events = report.events
    output.line(f"{counted(report.sessions, 'session')} created")
    output.line(f"{counted(events.added, 'event')} added, {events.replaced:,} replaced")
    output.line(
        f"{counted(report.transcripts, 'transcript')}, {report.unchanged:,} with nothing new"
    )
    if report.deleted:
        left_out = counted(report.deleted, "transcript")
        output.line(f"{left_out} of deleted sessions left out; --restore brings them back")
    if report.unfinished:
        output.line(f"{report.unfinished:,} unfinished: the last line is read once it is whole")
    list_problems(
        output,
        ((_place(problem), problem.reason) for problem in report.problems),
        count=report.problem_count,
    )


def _place(problem: ImportProblem) -> str:
    return problem.source if problem.line is None else f"{problem.source}:{problem.line}"
