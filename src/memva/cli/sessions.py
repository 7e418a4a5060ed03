"""`memva sessions`: list what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from memva.adapters.sqlite import SqliteStore
from memva.cli.database import tell_of_none
from memva.cli.entity_json import as_object, json_line
from memva.cli.ids import short_ids
from memva.cli.output import local_time, one_line, stderr, stdout
from memva.cli.table import write_table
from memva.domain.line import project_name
from memva.domain.session import Session
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
        tell_of_none(database)
        return
    with SqliteStore.open(database) as store:
        everything = list_sessions(store, archived=None).sessions
    listed = [s for s in everything if include_archived or s.archived_at is None][:limit]
    output = stdout()
    if listed and as_json:
        for session in listed:
            output.raw(json_line(as_object(session)))
    elif listed:
        short = short_ids(session.id for session in everything)
        rows = [_row(session, short[session.id]) for session in listed]
        write_table(_HEADINGS, rows, narrowest=_NARROWEST, output=output)
    elif everything:
        stderr().line('All sessions were put away. Run "memva sessions --all" to list them.')
    else:
        stderr().line('No sessions yet. Run "memva import" to bring in Claude Code\'s history.')


def _row(session: Session, short_id: str) -> tuple[str, ...]:
    return (
        one_line(short_id),
        one_line(session.title or "(untitled)"),
        one_line(project_name(session.project_path)),
        local_time(session.updated_at),
        session.status if session.archived_at is None else "archived",
    )
