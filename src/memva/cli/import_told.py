"""What the command tells of an import: how far it has come, and what it came to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import DownloadColumn, TextColumn

from memva.cli.output import Output, counted
from memva.cli.problems import list_problems
from memva.cli.progress import progress_bar
from memva.services.import_report import ImportProblem, ImportProgress, ImportReport


@contextmanager
def importing_bar() -> Iterator[Callable[[ImportProgress], None]]:
    """Show a bar in the block; give what it is told the progress by."""
    bar = progress_bar(DownloadColumn(), TextColumn("{task.fields[transcripts]} transcripts"))
    with bar:
        task = bar.add_task("Importing", total=None, transcripts="0")

        def tell(progress: ImportProgress) -> None:
            bar.update(
                task,
                completed=progress.bytes,
                total=progress.total_bytes,
                transcripts=f"{progress.transcripts:,}/{progress.total_transcripts:,}",
            )

        yield tell


def summarise(report: ImportReport, output: Output) -> None:
    """Write what an import came to."""
    summarise_gain(report, output)
    output.line(
        f"{counted(report.transcripts, 'transcript')}, {report.unchanged:,} with nothing new"
    )
    if report.deleted:
        left_out = counted(report.deleted, "transcript")
        output.line(f"{left_out} of deleted sessions left out; --restore brings them back")
    if report.unfinished:
        output.line(f"{report.unfinished:,} unfinished: the last line is read once it is whole")
    summarise_problems(report, output)


def summarise_gain(report: ImportReport, output: Output) -> None:
    """Write what came new."""
    events = report.events
    output.line(f"{counted(report.sessions, 'session')} created")
    output.line(f"{counted(events.added, 'event')} added, {events.replaced:,} replaced")


def summarise_problems(report: ImportReport, output: Output) -> None:
    """Write what could not be read."""
    list_problems(
        output,
        ((_place(problem), problem.reason) for problem in report.problems),
        count=report.problem_count,
    )


def _place(problem: ImportProblem) -> str:
    return problem.source if problem.line is None else f"{problem.source}:{problem.line}"
