"""`memva sessions`: list what is there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import attrs
import click

from memva.adapters.sqlite import SqliteStore
from memva.cli.output import Output, local_time, one_line, stderr, stdout
from memva.cli.session_ids import short_ids
from memva.cli.table import aligned
from memva.domain.line import project_name
from memva.domain.session import Session
from memva.domain.time import to_text
from memva.services.sessions import list_sessions

_HEADINGS: Final = ("ID", "TITLE", "PROJECT", "UPDATED", "STATUS")
_NARROWEST: Final = {_HEADINGS.index("PROJECT"): 14, _HEADINGS.index("TITLE"): 10}


@click.command()
@click.option("--all", "include_archived", is_flag=True, help="Also those that were put away.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The last N alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with every field.")
@click.pass_obj
def sessions(database: Path, include_archived: bool, limit: int | None, as_json: bool) -> None:
    """List sessions, the last updated first.

    A terminal is given what fits into its width; a pipe is given whole titles.
    """
    if not database.exists():
        stderr().line(f"There is no database at {database} yet.")
        stderr().line('Run "memva import" to make it from Claude Code\'s history.')
        return
    with SqliteStore.open(database) as store:
        everything = list_sessions(store, include_archived=True)
    listed = [s for s in everything if include_archived or s.archived_at is None][:limit]
    if listed and as_json:
        _write_json(listed, stdout())
    elif listed:
        _write_table(listed, short_ids(session.id for session in everything), stdout())
    elif everything:
        stderr().line('All sessions were put away. Run "memva sessions --all" to list them.')
    else:
        stderr().line('No sessions yet. Run "memva import" to bring in Claude Code\'s history.')


def _write_json(listed: Sequence[Session], output: Output) -> None:
    for session in listed:
        fields = attrs.asdict(session, recurse=False, value_serializer=_json_value)
        # ASCII alone: every encoding has it, and no terminal is steered by it.
        output.raw(json.dumps(fields))


def _json_value(_: object, field: object, value: Any) -> Any:
    return to_text(value) if isinstance(value, datetime) else value


def _write_table(listed: Sequence[Session], short: dict[str, str], output: Output) -> None:
    rows = [_HEADINGS, *((_row(session, short[session.id])) for session in listed)]
    lines = aligned(rows, width=output.width, narrowest=_NARROWEST)
    output.line(next(lines), style="bold")
    for line in lines:
        output.line(line)


def _row(session: Session, short_id: str) -> tuple[str, ...]:
    return (
        one_line(short_id),
        one_line(session.title or "(untitled)"),
        one_line(project_name(session.project_path)),
        local_time(session.updated_at),
        session.status if session.archived_at is None else "archived",
    )
