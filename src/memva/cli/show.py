"""`memva show`: print one conversation, and go on with it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext, suppress
from typing import Protocol

import click

from memva.cli.conversation.following import Follower
from memva.cli.conversation.lines import Scribe
from memva.cli.conversation.live import LiveConversation
from memva.cli.conversation.unfolding import Unfolding
from memva.cli.conversation.whole import conversation
from memva.cli.conversation.writing import write
from memva.cli.database import Database, open_existing
from memva.cli.entity_json import as_object, json_line
from memva.cli.ids import session_by_prefix
from memva.cli.output import Output, local_time, one_line, stderr, stdout
from memva.domain.event import Event
from memva.domain.session import Session
from memva.services.events import get_events_for_session, get_recent_events


@click.command(short_help="Print one conversation.")
@click.argument("session_id", metavar="SESSION")
@click.option("--tools", is_flag=True, help="All of what tools were given and gave back.")
@click.option("--thinking", is_flag=True, help="All of what Claude thought.")
@click.option("--tail", type=click.IntRange(min=1), metavar="N", help="The last N events alone.")
@click.option("--follow", is_flag=True, help="Go on with what is said, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One event a line, with every field.")
@click.pass_obj
def show(
    database: Database,
    session_id: str,
    tools: bool,
    thinking: bool,
    tail: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Print the conversation of SESSION: an id, or the beginning of one.

    A tool's call takes one line, and its result one beneath it; so do lines that are no part of the
    conversation. What a subagent says is indented beneath the call that started it. A terminal is
    given markdown laid out, a pipe as it is.

    What is followed is told as it comes, and a result names its call. With --json an event comes
    again when a better version replaces it: keep the last by project_key, session_id, subpath and
    uuid.
    """
    output = stdout()
    with open_existing(database) as store:
        session = session_by_prefix(store, session_id)
        follower = Follower(store, session.id)
        events = follower.present(
            get_events_for_session(store, session.id)
            if tail is None
            else get_recent_events(store, session.id, limit=tail)
        )
        told: _Told
        if as_json:
            told = _Json(output)
        else:
            scribe = Scribe(Unfolding(store, tools=tools, thinking=thinking))
            live = LiveConversation(scribe)
            told = _Conversation(session, scribe, live, output)
            if follow:
                events = live.already_told(events, are_all=tail is None)
        with suppress(KeyboardInterrupt) if follow else nullcontext():
            told.present(events)
            for event in follower.coming() if follow else ():
                told.coming(event)


class _Told(Protocol):
    """Events, written."""

    def present(self, events: Iterable[Event]) -> None:
        """Write those that are there."""

    def coming(self, event: Event) -> None:
        """Write one that was committed since; it appears at once."""


class _Json:
    def __init__(self, output: Output) -> None:
        self._output = output

    def present(self, events: Iterable[Event]) -> None:
        for event in events:
            self._output.raw(json_line(as_object(event)))
        self._output.flush()

    def coming(self, event: Event) -> None:
        self.present([event])


class _Conversation:
    def __init__(
        self, session: Session, scribe: Scribe, live: LiveConversation, output: Output
    ) -> None:
        self._session, self._scribe, self._live, self._output = session, scribe, live, output

    def present(self, events: Iterable[Event]) -> None:
        _write_heading(self._session, self._output)
        is_empty = True
        for line in conversation(events, self._scribe):
            write(line, self._output)
            is_empty = False
        self._output.flush()
        if is_empty:
            stderr().line("This session has no events yet.")

    def coming(self, event: Event) -> None:
        for line in self._live.lines(event):
            write(line, self._output)
        self._output.flush()


def _write_heading(session: Session, output: Output) -> None:
    output.line(one_line(session.title or "(untitled)"), style="bold")
    output.line(one_line(session.id), style="dim")
    if session.project_path:
        output.line(one_line(session.project_path), style="dim")
    state = session.status if session.archived_at is None else "archived"
    begun, updated = local_time(session.created_at), local_time(session.updated_at)
    output.line(f"{state}, {begun} to {updated}", style="dim")
    output.flush()
