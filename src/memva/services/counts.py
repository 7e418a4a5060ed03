"""What sessions amount to, and what was used."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, tzinfo

from memva.domain.errors import InvalidValue, SessionNotFound
from memva.domain.ports import CountingStore
from memva.domain.session_stats import SessionStats
from memva.domain.session_summary import SessionSummary
from memva.domain.usage import counted_once
from memva.domain.usage_report import UsageBy, UsageReport, summed
from memva.domain.validation import check_limit, moment_or_none


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
        InvalidValue: `by` is none of the four, or a moment does not know its time zone.
    """
    since, until = moment_or_none("since", since), moment_or_none("until", until)
    counted = counted_once(store.counts.responses(since=since, until=until))
    return summed(
        (
            row
            for row in counted
            if (since is None or since <= row.timestamp)
            and (until is None or row.timestamp < until)
        ),
        by=by,
        tz=tz,
    )


def list_session_summaries(
    store: CountingStore, *, include_archived: bool = False, limit: int | None = 50
) -> list[SessionSummary]:
    """Return sessions with what a list shows of each, the last updated first, as `list_sessions`.

    However many they are, they are read in a fixed number of steps. One that is deleted meanwhile
    is left out.

    Args:
        store: Where from.
        include_archived: Whether those that were put away are among them.
        limit: How many at most; all where None.

    Raises:
        InvalidValue: `limit` is below 1.
    """
    check_limit(limit)
    sessions = store.sessions.find(include_archived=include_archived, limit=limit)
    ids = [session.id for session in sessions]
    messages = store.counts.latest_messages(ids)
    stats = store.counts.session_stats(ids)
    return [
        SessionSummary(
            session=session, stats=stats[session.id], latest_message=messages.get(session.id)
        )
        for session in sessions
        if session.id in stats
    ]
