"""What sessions amount to, and what was used."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, tzinfo

from memva.domain.abilities import CountingStore
from memva.domain.errors import InvalidValue, SessionNotFound
from memva.domain.session import ClaudeStatus, SessionStatus
from memva.domain.session_page import SessionCursor, SessionSort
from memva.domain.session_summary import SessionSummary, SessionSummaryPage
from memva.domain.stats import SessionStats
from memva.domain.usage_report import UsageBy, UsageReport, summed
from memva.domain.validation import moment_or_none
from memva.services.sessions import list_sessions


def get_session_stats(store: CountingStore, session_id: str) -> SessionStats:
    """Return what a session amounts to: its events, turns, tools, models, tokens and costs.

    Each response of the API is counted once, however often Claude Code's lines repeat it.

    Raises:
        SessionNotFound: There is no session with this id.
    """
    found = store.counts.session_stats([session_id])
    if session_id not in found:
        raise SessionNotFound(session_id)
    return found[session_id]


def get_stats_of_sessions(
    store: CountingStore, session_ids: Collection[str]
) -> dict[str, SessionStats]:
    """Return what each of several sessions amounts to, by its id, in the order given.

    All are read at one moment. Sessions that are not there are left out.

    Raises:
        InvalidValue: `session_ids` is one text instead of a collection of them.
    """
    if isinstance(session_ids, str):
        raise InvalidValue("session_ids", session_ids, "must be a collection of ids")
    found = store.counts.session_stats(session_ids)
    return {id_: found[id_] for id_ in session_ids if id_ in found}


def get_usage(
    store: CountingStore,
    *,
    by: UsageBy = "day",
    tz: tzinfo = UTC,
    since: datetime | None = None,
    until: datetime | None = None,
) -> UsageReport:
    """Return how many tokens were used, in groups and in all.

    A response that forks, resumes and sidechains repeat counts once, in one group. Its moment is
    that of the first line of the copy that counts; with a span or without, the same copy does.

    Args:
        store: Where from.
        by: What the groups are: `day`, `model`, `project` or `session`.
        tz: Whose calendar the days are of.
        since: Only responses of this moment or later.
        until: Only responses before this moment.

    Raises:
        InvalidValue: `by` is none of the four, `tz` is no time zone, or a moment does not know its
            own.
    """
    since, until = moment_or_none("since", since), moment_or_none("until", until)
    rows = store.counts.responses(since=since, until=until)
    return summed(rows, by=by, tz=tz, since=since, until=until)


def list_session_summaries(
    store: CountingStore,
    *,
    status: SessionStatus | Collection[SessionStatus] | None = None,
    claude_status: ClaudeStatus | Collection[ClaudeStatus] | None = None,
    archived: bool | None = False,
    project_path: str | None = None,
    title: str | None = None,
    sort: SessionSort = "updated_at",
    ascending: bool = False,
    after: SessionCursor | None = None,
    limit: int | None = 50,
) -> SessionSummaryPage:
    """Return a page of sessions as `list_sessions` does, with what a list shows of each.

    The arguments are those of `list_sessions`. However many sessions there are, they are read in a
    fixed number of steps. One that is deleted meanwhile is left out.

    Raises:
        InvalidValue: An argument has a value that it cannot have.
    """
    page = list_sessions(
        store,
        status=status,
        claude_status=claude_status,
        archived=archived,
        project_path=project_path,
        title=title,
        sort=sort,
        ascending=ascending,
        after=after,
        limit=limit,
    )
    ids = [session.id for session in page]
    messages = store.counts.latest_messages(ids)
    stats = store.counts.session_stats(ids)
    summaries = [
        SessionSummary(
            session=session, stats=stats[session.id], latest_message=messages.get(session.id)
        )
        for session in page
        if session.id in stats
    ]
    return SessionSummaryPage(summaries, page.next)
