"""`memva search`: find what was said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import click

from memva.cli.database import CommandStore, Database, is_there, open_database, tell_of_none
from memva.cli.entity_json import as_object, json_line
from memva.cli.ids import session_by_prefix, short_ids
from memva.cli.moments import since_and_until
from memva.cli.output import Output, local_time, one_line, stderr, stdout
from memva.cli.progress import progress_bar
from memva.domain.errors import StoreBusy, StoreFull, StoreReadOnly
from memva.domain.event import Event
from memva.domain.session import Session
from memva.services.search import SearchHit, build_search_index, search_events
from memva.services.sessions import list_sessions

_LONG_WORK: Final = 5_000
"""How many events must be missing in the index for a bar to be worth its while."""


@click.command(short_help="Find what was said.")
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--session",
    "prefix",
    metavar="SESSION",
    help="In this session alone: an id, or the beginning of one.",
)
@click.option(
    "--type", "event_types", multiple=True, metavar="TYPE", help="Events of this type alone."
)
@click.option(
    "--subagents/--no-subagents",
    "is_sidechain",
    default=None,
    help="What subagents said alone, or without it.",
)
@since_and_until
@click.option("--best", is_flag=True, help="The best first, instead of the newest.")
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=10_000),
    default=20,
    show_default=True,
    metavar="N",
    help="So many at most.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object a line: the event's fields, with snippet and hits.",
)
@click.pass_obj
def search(
    database: Database,
    words: Sequence[str],
    prefix: str | None,
    event_types: Sequence[str],
    is_sidechain: bool | None,
    since: datetime | None,
    until: datetime | None,
    best: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Find the events in which all WORDS stand, the newest first.

    "a phrase" in quotes is found as it stands, and auth* whatever begins so; a shell wants such
    quotes and stars in quotes of its own: memva search '"log in" auth*'. Case and accents do not
    matter. Searched is what was typed and answered, commands, file names, and the beginnings and
    ends of results.
    """
    if not is_there(database):
        tell_of_none(database)
        return
    with open_database(database) as store:
        session = None if prefix is None else session_by_prefix(store, prefix)
        _bring_up_to_date(store)
        page = search_events(
            store,
            " ".join(words),
            session_id=None if session is None else session.id,
            event_types=event_types or None,
            is_sidechain=is_sidechain,
            since=since,
            until=until,
            ranked=best,
            limit=limit,
        )
        sessions = {} if as_json or not page.hits else _by_id(store)
    output = stdout()
    if as_json:
        for hit in page:
            output.raw(json_line(_as_object(hit)))
    else:
        short = short_ids(sessions)
        for hit in page:
            _write(hit, sessions, short, output)
    if not page.hits:
        stderr().line("Nothing was found.")
    elif page.next is not None and not as_json:
        stderr().line(f"These are the first {limit:,}; --limit shows more.")


def _bring_up_to_date(store: CommandStore) -> None:
    """Bring the index up to date, with a bar where that takes long."""
    try:
        missing = store.search.build(limit=1).left
    except (StoreBusy, StoreFull, StoreReadOnly):
        # The search looks through what cannot be indexed.
        return
    if missing < _LONG_WORK:
        return
    with progress_bar() as bar:
        task = bar.add_task("Indexing", total=missing)
        build_search_index(
            store, on_progress=lambda done, total: bar.update(task, completed=done, total=total)
        )


def _by_id(store: CommandStore) -> dict[str, Session]:
    return {session.id: session for session in list_sessions(store, archived=None)}


def _write(
    hit: SearchHit, sessions: dict[str, Session], short: dict[str, str], output: Output
) -> None:
    event = hit.event
    session = sessions.get(event.memva_session_id or "")
    if session is None:
        where = f"{one_line(event.session_id)}  (no session)"
    else:
        where = f"{one_line(short[session.id])}  {one_line(session.title or '(untitled)')}"
    time = local_time(event.timestamp)
    output.indented(f"{where}  {time}  {_kind(event)}", indent=0, style="dim", cut=True)
    output.marked(hit.snippet.text, hit.snippet.hits, indent=2)


def _kind(event: Event) -> str:
    kind = one_line(event.event_type)
    return f"subagent's {kind}" if event.is_sidechain else kind


def _as_object(hit: SearchHit) -> dict[str, object]:
    return {
        **as_object(hit.event),
        "snippet": hit.snippet.text,
        "hits": [list(span) for span in hit.snippet.hits],
    }
