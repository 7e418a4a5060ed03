"""`memva show`: print one conversation."""

from __future__ import annotations

from pathlib import Path

import click

from memva.cli.conversation import conversation
from memva.cli.database import open_existing
from memva.cli.entity_json import as_object, json_line
from memva.cli.ids import session_by_prefix
from memva.cli.lines import Scribe
from memva.cli.output import Output, local_time, one_line, stderr, stdout
from memva.cli.unfolding import Unfolding
from memva.cli.writing import write
from memva.domain.session import Session
from memva.services.events import get_events_for_session


@click.command(short_help="Print one conversation.")
@click.argument("session_id", metavar="SESSION")
@click.option("--tools", is_flag=True, help="All of what tools were given and gave back.")
@click.option("--thinking", is_flag=True, help="All of what Claude thought.")
@click.option("--json", "as_json", is_flag=True, help="One event a line, with every field.")
@click.pass_obj
def show(database: Path, session_id: str, tools: bool, thinking: bool, as_json: bool) -> None:
    """Print the conversation of SESSION: an id, or the beginning of one.

    A tool's call takes one line, and its result one beneath it; so do lines that are no part of the
    conversation. What a subagent says is indented beneath the call that started it. A terminal is
    given markdown laid out, a pipe as it is.
    """
    output = stdout()
    with open_existing(database) as store:
        session = session_by_prefix(store, session_id)
        events = get_events_for_session(store, session.id)
        if as_json:
            for event in events:
                output.raw(json_line(as_object(event)))
            return
        _write_heading(session, output)
        scribe = Scribe(Unfolding(store, tools=tools, thinking=thinking))
        empty = True
        for line in conversation(events, scribe):
            write(line, output)
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
    output.flush()
