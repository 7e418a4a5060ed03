"""`memva check`: say what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import click

from memva.adapters.claude_code import TranscriptFiles, cleanup_period, default_projects_folder
from memva.adapters.memory import MemoryStore
from memva.adapters.sqlite import SqliteStore
from memva.cli.database import Database, Server, open_database, tell_of_none
from memva.cli.entity_json import as_object, json_line
from memva.cli.failures import Failure
from memva.cli.output import Output, counted, one_line, stderr, stdout
from memva.cli.progress import progress_bar
from memva.cli.transcript_path import refuse_database
from memva.domain.errors import StoreError
from memva.domain.finding import Finding, Severity
from memva.domain.transcript_ports import TranscriptSource
from memva.services.health import check_store

_SHOWN: Final = 5
_KEEPS_FROM_OPENING: Final = frozenset(("foreign_file", "schema", "unreadable", "damage"))
_STYLES: Final[dict[Severity, str]] = {"error": "bold red", "warning": "yellow", "note": "dim"}


@click.command(short_help="Say what is wrong, and what to do.")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--thorough", is_flag=True, help="Compare indexes with their tables; takes longer.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each finding.")
@click.pass_context
def check(ctx: click.Context, path: Path | None, thorough: bool, as_json: bool) -> None:
    """Say what is wrong, and what to do about it.

    It looks at the database; at jobs that nobody rescues, ends or begins; and at transcripts that
    Claude Code will delete before they are imported, or that could not be read. PATH is where they
    lie, as for "memva import"; without it, Claude Code's own folder.

    It changes nothing, and reads a damaged database, too, or one that is not memva's. The exit
    status is 1 where something is wrong, and 0 where nothing is but what is marked as a note.
    """
    database: Database = ctx.obj
    place = default_projects_folder() if path is None else path
    if path is not None and not path.exists():
        raise Failure(f"{path}: there is no such file or folder")
    refuse_database(place)
    source = TranscriptFiles(place) if place.exists() else None
    is_there = isinstance(database, Server) or (database.exists() and database.stat().st_size > 0)
    with progress_bar() as bar:
        bar.add_task("Checking", total=None)
        findings = _look(database if is_there else None, source, place, thorough=thorough)
    if as_json:
        for finding in findings:
            stdout().raw(json_line(as_object(finding)))
    else:
        _show(findings, stdout())
    wrong = sum(finding.is_wrong for finding in findings)
    if not is_there:
        tell_of_none(database)
    elif wrong:
        stderr().line(f"{counted(wrong, 'thing')} wrong.")
    else:
        stderr().line(f"Nothing is wrong with {database}.")
    if wrong:
        ctx.exit(1)


def _look(
    database: Database | None, source: TranscriptSource | None, place: Path, *, thorough: bool
) -> Sequence[Finding]:
    """Return what is wrong, the worst first; without a database, with the source alone."""
    kept_for = cleanup_period(place)
    if database is None:
        with MemoryStore() as nothing:
            return check_store(nothing, source=source, kept_for=kept_for)
    if isinstance(database, Server):
        with open_database(database, search=False) as store:
            return check_store(store, source=source, kept_for=kept_for, thorough=thorough)
    findings = SqliteStore.examine(database, thorough=thorough)
    if _KEEPS_FROM_OPENING.isdisjoint(finding.kind for finding in findings):
        try:
            # Without search, so that no index is made for this.
            with open_database(database, search=False) as store:
                findings += check_store(store, source=source, kept_for=kept_for, integrity=False)
        except StoreError as error:
            findings.append(_not_opened(database, error))
    return sorted(findings, key=lambda finding: finding.rank)


def _not_opened(database: Database, error: StoreError) -> Finding:
    return Finding(
        kind="unreadable",
        severity="warning",
        subject=one_line(str(database)),
        problem=f"It cannot be opened, so that nothing was looked at but the file: {error}.",
        advice="Look whether you may write to the file and its folder, and whether another "
        "program keeps it locked.",
    )


def _show(findings: Sequence[Finding], output: Output) -> None:
    """Write findings, those of one kind together; where they are many, the first of them."""
    for _, group in groupby(findings, key=lambda finding: (finding.rank, finding.kind)):
        alike = list(group)
        for finding in alike[:_SHOWN]:
            output.line(
                f"{finding.severity}: {one_line(finding.subject)}", style=_STYLES[finding.severity]
            )
            output.indented(one_line(finding.problem), indent=2)
        if len(alike) > _SHOWN:
            output.line(f"  … and {len(alike) - _SHOWN:,} more of this kind; --json lists all.")
        for advice in dict.fromkeys(finding.advice for finding in alike[:_SHOWN]):
            output.indented(f"→ {one_line(advice)}", indent=2, style="dim")
