"""`memva show`: print one conversation."""

from __future__ import annotations

from pathlib import Path

import click

from memva.cli.conversation import conversation
from memva.cli.database import open_existing
from memva.cli.ids import session_by_prefix
from memva.cli.output import Output, local_time, one_line, stderr, stdout
from memva.domain.session import Session
from memva.services.events import get_events_for_session


@click.command(short_help="Print one conversation.")
@click.argument("session_id", metavar="SESSION")
@click.pass_obj
def show(database: Path, session_id: str) -> None:
    """Print the conversation of SESSION: an id, or the beginning of one.

    What a subagent says is indented. A tool's call and its result take one line each, and so do
    lines that are no part of the conversation.
    """
    output = stdout()
    with open_existing(database) as store:
        session = session_by_prefix(store, session_id)
        _write_heading(session, output)
        empty = True
        for line in conversation(get_events_for_session(store, session.id)):
            output.indented(line.text, indent=line.indent, style=line.style, cut=line.cut)
            empty = False
    if empty:
        stderr().line("This session has no events yet.")


def _write_heading(session: Session, output: Output) -> None:
    output.line(one_line(session.title or "(untitled)"), style="bold")
    output.line(one_line(session.id), style="dim")
    if session.project_path:
        output.line(one_line(session.project_path), style="dim")
    state = session.status if session.archived_at is None else "archived"
    begun, updated = local_time(session.created_at), local_time(session.updated_at)
    output.line(f"{state}, {begun} to {updated}", style="dim")
