"""`memva export`: write transcripts that Claude Code can go on with."""

from __future__ import annotations

import click
from rich.progress import MofNCompleteColumn, TextColumn

from memva.adapters.claude_code import TranscriptFolder
from memva.cli.database import CommandStore, Database, open_existing
from memva.cli.failures import Failure, interruptible
from memva.cli.ids import session_by_prefix
from memva.cli.output import Output, counted, stderr, stdout
from memva.cli.problems import list_problems
from memva.cli.progress import progress_bar
from memva.services.export_report import ExportProgress, ExportReport
from memva.services.transcript_export import export_all_transcripts, export_transcripts


@click.command(short_help="Write transcripts for Claude Code to go on with.")
@click.argument("names", nargs=-1, metavar="[SESSION] FOLDER")
@click.option("--all", "everything", is_flag=True, help="Every conversation there is.")
@click.option("--overwrite", is_flag=True, help="Also replace files that hold something else.")
@click.pass_obj
def export(database: Database, names: tuple[str, ...], everything: bool, overwrite: bool) -> None:
    """Write the conversation of SESSION, an id or the beginning of one, into FOLDER.

    Or, with --all, every conversation. They become the files that they were imported from, with
    those of their subagents, in the folder "projects" inside FOLDER, or in FOLDER itself where it
    is called that. "CLAUDE_CONFIG_DIR=FOLDER claude --resume ID" goes on with one.

    Exporting again adds what is new. It may be stopped with Ctrl-C at any moment. A file that holds
    something else stays as it is.
    """
    wanted = 1 if everything else 2
    if len(names) != wanted:
        what = "one FOLDER" if everything else "a SESSION and a FOLDER, or --all and a FOLDER"
        raise click.UsageError(f"name {what}")
    *sessions, place = names
    folder = TranscriptFolder(place)
    with open_existing(database) as store:
        session_id = session_by_prefix(store, sessions[0]).id if sessions else None
        with interruptible("what was exported is whole"):
            report = _export(store, session_id, folder, overwrite=overwrite)
    if report.transcripts:
        _summarise(report, folder, stdout())
    elif not report.only_streamed:
        stderr().line("There is nothing to export yet.")
    if report.only_streamed:
        _tell_of_streamed(len(report.only_streamed), stderr())
    if report.problem_count:
        raise Failure(f"{counted(report.problem_count, 'transcript')} could not be exported")


def _export(
    store: CommandStore, session_id: str | None, folder: TranscriptFolder, *, overwrite: bool
) -> ExportReport:
    with progress_bar(MofNCompleteColumn(), TextColumn("lines")) as bar:
        task = bar.add_task("Exporting", total=None)

        def tell(progress: ExportProgress) -> None:
            bar.update(task, completed=progress.lines, total=progress.total_lines)

        if session_id is None:
            return export_all_transcripts(store, folder, overwrite=overwrite, on_progress=tell)
        return export_transcripts(store, session_id, folder, overwrite=overwrite, on_progress=tell)


def _summarise(report: ExportReport, folder: TranscriptFolder, output: Output) -> None:
    """Write what the export came to."""
    written = counted(report.written, "transcript")
    output.line(f"{written} written to {folder.projects}, {report.unchanged:,} there already")
    list_problems(
        output,
        ((problem.sink, problem.reason) for problem in report.problems),
        count=report.problem_count,
    )
    if report.taken:
        output.line("--overwrite replaces files that hold something else")


def _tell_of_streamed(number: int, output: Output) -> None:
    """Write that conversations have no transcript, and how they get one."""
    noun = "conversation was" if number == 1 else "conversations were"
    output.line(f"{number:,} {noun} only streamed, so that there is no transcript to export.")
    output.line('Run "memva import" on the machine where Claude Code wrote it, and export again.')
