"""`memva sessions`: list what is there; what else is done with them are its subcommands."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, Literal, get_args

import click

from memva.cli.database import Database, is_there, open_database, tell_of_none
from memva.cli.entity_json import as_object, json_line
from memva.cli.folders import of_project
from memva.cli.ids import short_ids
from memva.cli.listing import refuse_options
from memva.cli.output import local_time, one_line, stderr, stdout
from memva.cli.session_prune import prune
from memva.cli.table import write_table
from memva.cli.usage import tokens_text
from memva.cli.usage_json import stats_object
from memva.domain.line import project_name
from memva.domain.reported_cost import ReportedCost
from memva.domain.session import SessionStatus
from memva.domain.session_page import SessionSort
from memva.domain.session_summary import SessionSummary
from memva.services.counts import list_session_summaries
from memva.services.sessions import list_sessions

_HEADINGS: Final = (
    "ID", "TITLE", "PROJECT", "UPDATED", "STATUS", "TURNS", "TOKENS", "REPORTED",
)  # fmt: skip
_NARROWEST: Final = {_HEADINGS.index("PROJECT"): 8, _HEADINGS.index("TITLE"): 10}
_NUMBERS: Final = tuple(map(_HEADINGS.index, ("TURNS", "TOKENS", "REPORTED")))
_SORTS: Final[Mapping[str, SessionSort]] = {
    "updated": "updated_at",
    "created": "created_at",
    "title": "title",
}


@click.group(
    invoke_without_command=True,
    subcommand_metavar="[COMMAND ...]",
    short_help="List sessions, and what they amount to.",
)
@click.option("--all", "include_archived", is_flag=True, help="Also those that were put away.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(get_args(SessionStatus)),
    help="Those with this status alone, or with one of several.",
)
@of_project
@click.option("--title", metavar="TEXT", help="Those with this text in the title alone.")
@click.option(
    "--sort",
    type=click.Choice(["updated", "created", "title"]),
    default="updated",
    show_default=True,
    help="The latest first, or by title.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=1_000_000),
    default=50,
    show_default=True,
    metavar="N",
    help="So many at most.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object a line, with every field and all that is counted.",
)
@click.pass_context
def sessions(
    ctx: click.Context,
    include_archived: bool,
    statuses: tuple[SessionStatus, ...],
    project_path: str | None,
    title: str | None,
    sort: Literal["updated", "created", "title"],
    limit: int,
    as_json: bool,
) -> None:
    """List sessions with what they amount to, the last updated first.

    TURNS is how often a person typed something, TOKENS what the API's responses came to, each
    counted once, and REPORTED what Claude Code said it cost; "≥" marks where that is the largest
    of several figures which do not add up. A terminal is given what fits into its width; a pipe is
    given whole titles.
    """
    if ctx.invoked_subcommand is not None:
        refuse_options(ctx)
        return
    database: Database = ctx.obj
    if not is_there(database):
        tell_of_none(database)
        return
    with open_database(database) as store:
        everything = list_sessions(store, archived=None)
        page = list_session_summaries(
            store,
            archived=None if include_archived else False,
            status=statuses or None,
            project_path=project_path,
            title=title,
            sort=_SORTS[sort],
            ascending=sort == "title",
            limit=limit,
        )
    output = stdout()
    if page.summaries and as_json:
        for summary in page:
            output.raw(json_line(_as_object(summary)))
    elif page.summaries:
        short = short_ids(session.id for session in everything)
        rows = [_row(summary, short[summary.session.id]) for summary in page]
        # Most histories have no such figure: only the stream and newer versions give it.
        columns = len(_HEADINGS) if any(row[-1] for row in rows) else len(_HEADINGS) - 1
        write_table(
            _HEADINGS[:columns],
            [row[:columns] for row in rows],
            narrowest=_NARROWEST,
            numbers=_NUMBERS,
            output=output,
        )
        if page.next is not None:
            stderr().line(f"These are the first {limit:,}; --limit shows more.")
    elif statuses or project_path or title:
        stderr().line("No such session.")
    elif everything:
        stderr().line('All sessions were put away. Run "memva sessions --all" to list them.')
    else:
        stderr().line('No sessions yet. Run "memva import" to bring in Claude Code\'s history.')


def _row(summary: SessionSummary, short_id: str) -> tuple[str, ...]:
    session, stats = summary.session, summary.stats
    return (
        one_line(short_id),
        one_line(session.title or "(untitled)"),
        one_line(project_name(session.project_path)),
        local_time(session.updated_at),
        session.status if session.archived_at is None else "archived",
        f"{stats.turns:,}",
        tokens_text(stats.usage),
        _reported(stats.reported_costs),
    )


def _reported(costs: Collection[ReportedCost]) -> str:
    """Return what Claude Code reported that a session cost, as far as one figure says it."""
    if not costs:
        return ""
    most = max(cost.usd for cost in costs)
    return f"{'≥' if len(costs) > 1 else ''}${most:,.2f}"


def _as_object(summary: SessionSummary) -> dict[str, Any]:
    latest = summary.latest_message
    return {
        **as_object(summary.session),
        "stats": stats_object(summary.stats),
        "latest_message": None if latest is None else as_object(latest),
    }


sessions.add_command(prune)
