"""`memva sessions prune`: delete sessions that nothing has happened in for some time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final, get_args

import click
from rich.progress import TextColumn

from memva.cli.database import Database, open_existing
from memva.cli.durations import duration_typed
from memva.cli.failures import Failure, Interrupted, interruptible
from memva.cli.folders import of_project
from memva.cli.output import Output, counted, local_time, one_line, stderr, stdout
from memva.cli.progress import progress_bar
from memva.domain.session import Session, SessionStatus
from memva.services.session_pruning import KeptBecause, SessionPruning, prune_sessions

_SHOWN: Final = 10
_REASONS: Final[dict[KeptBecause, str]] = {
    "jobs": "has jobs that have not ended",
    "processing": "Claude Code is at work in it, as its status says",
}


@click.command(short_help="Delete sessions that are out of use for some time.")
@click.option(
    "--older-than",
    required=True,
    callback=duration_typed,
    metavar="TIME",
    help="For how long nothing has happened at least, such as 12h, 90d or 52w.",
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(get_args(SessionStatus)),
    help="Those with this status alone, or with one of several.",
)
@click.option("--archived", is_flag=True, help="Those alone that were put away.")
@of_project
@click.option(
    "--keep",
    "keep_latest",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Keep the last N of them, however old they are.",
)
@click.option("--dry-run", is_flag=True, help="Tell which, and delete none.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def prune(
    database: Database,
    older_than: timedelta,
    statuses: tuple[SessionStatus, ...],
    archived: bool,
    project_path: str | None,
    keep_latest: int,
    dry_run: bool,
    yes: bool,
) -> None:
    """Delete sessions that nothing has happened in for some time, with their events and jobs.

    Imports leave them out from then on; "memva import --restore" brings back those that Claude Code
    still has. Sessions with jobs that have not ended are kept, and those that Claude Code is at
    work in.
    """
    with open_existing(database) as store:
        pruning = partial(
            prune_sessions,
            store,
            older_than=older_than,
            status=statuses or None,
            archived=archived or None,
            project_path=project_path,
            keep_latest=keep_latest,
        )
        if dry_run or not yes:
            report = _with_bar(partial(pruning, dry_run=True), "Looking")
            _tell(report)
            if dry_run or not report.sessions:
                return
            if not _can_ask():
                raise Failure("nothing was deleted, as nobody can be asked; --yes does not ask")
            if not _is_wanted():
                stderr().line("Nothing was deleted.")
                return
        with interruptible("what was deleted stays so"):
            report = _with_bar(pruning, "Deleting")
        _tell(report)


def _can_ask() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _is_wanted() -> bool:
    try:
        return click.confirm("Delete them?", err=True)
    except click.Abort as error:
        stderr().line()
        raise Interrupted("Nothing was deleted.") from error


def _with_bar(pruning: Callable[..., SessionPruning], doing: str) -> SessionPruning:
    with progress_bar(TextColumn("{task.completed:,} sessions")) as bar:
        task = bar.add_task(doing, total=None)
        return pruning(on_progress=lambda done: bar.update(task, completed=done))


def _tell(report: SessionPruning) -> None:
    output = stdout()
    what = f"{counted(len(report.sessions), 'session')} with {counted(report.events, 'event')}"
    if not report.sessions:
        output.line("No session is so old that it may be deleted.")
    elif report.dry_run:
        output.line(f"{what} would be deleted:")
        for session in report.sessions[:_SHOWN]:
            _show(session, output)
        _more(len(report.sessions), output)
    else:
        output.line(f"{what} deleted.")
    if report.kept:
        output.line(f"{counted(len(report.kept), 'session')} kept:")
        for kept in report.kept[:_SHOWN]:
            _show(kept.session, output, f": {_REASONS[kept.because]}")
        _more(len(report.kept), output)


def _show(session: Session, output: Output, note: str = "") -> None:
    title = one_line(session.title or "(untitled)")
    output.line(f"  {one_line(session.id)}  {local_time(session.updated_at)}  {title}{note}")


def _more(number: int, output: Output) -> None:
    if number > _SHOWN:
        output.line(f"  … and {number - _SHOWN:,} more")
