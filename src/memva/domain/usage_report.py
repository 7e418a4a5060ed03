"""Usage summed up: in all, and by day, model, project or session."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import Final, Literal, TypeAlias, get_args

import attrs

from memva.domain import validation
from memva.domain.errors import InvalidValue
from memva.domain.usage import ResponseUsage, Usage, counted_once

UsageBy: TypeAlias = Literal["day", "model", "project", "session"]

_NOTHING: Final = Usage()


@attrs.frozen(kw_only=True)
class UsageTotals:
    """What responses came to.

    Attributes:
        responses: How many there were, subagents' included.
        usage: Their tokens, subagents' included.
        sidechain_responses: How many of them were subagents'.
        sidechain_usage: The tokens of those.
        provisional_responses: How many of all have figures that are known not to be final: the
            truth is more.
    """

    responses: int = 0
    usage: Usage = _NOTHING
    sidechain_responses: int = 0
    sidechain_usage: Usage = _NOTHING
    provisional_responses: int = 0

    @property
    def is_final(self) -> bool:
        """Whether all figures are final."""
        return self.provisional_responses == 0

    def __add__(self, other: UsageTotals) -> UsageTotals:
        """Return what both come to together."""
        return UsageTotals(
            responses=self.responses + other.responses,
            usage=self.usage + other.usage,
            sidechain_responses=self.sidechain_responses + other.sidechain_responses,
            sidechain_usage=self.sidechain_usage + other.sidechain_usage,
            provisional_responses=self.provisional_responses + other.provisional_responses,
        )


@attrs.frozen(kw_only=True)
class UsageReport:
    """Usage in groups.

    Attributes:
        by: What the groups are.
        groups: What each came to, sorted by its key: a day as `2026-01-31`, a model, a project's
            name, a session's id. Empty is the key of what was not said.
        total: What all came to: the sum of the groups.
    """

    by: UsageBy
    groups: dict[str, UsageTotals]
    total: UsageTotals


def usage_totals(rows: Iterable[ResponseUsage]) -> UsageTotals:
    """Return what `rows` come to, each response counted once as `counted_once` chooses."""
    return _totals(counted_once(rows))


def summed(
    rows: Iterable[ResponseUsage],
    *,
    by: UsageBy,
    tz: tzinfo = UTC,
    since: datetime | None = None,
    until: datetime | None = None,
) -> UsageReport:
    """Return what `rows` come to in groups, each response counted once as `counted_once` chooses.

    A response that a fork shares with its parent is in one group alone, so that the groups add up
    to the total. A day is that of the response's first line, as a calendar in `tz` has it. A
    session is the one that the lines are associated with; where there is none, Claude Code's own.
    `since` and `until` narrow to responses whose copy that counts is of such a moment.

    Raises:
        InvalidValue: `by` is none of the four, or `tz` is no time zone.
    """
    validation.check_each("by", [by], get_args(UsageBy))
    if not isinstance(tz, tzinfo):
        raise InvalidValue("tz", tz, "must be a tzinfo, such as zoneinfo.ZoneInfo('Europe/Berlin')")
    grouped: dict[str, list[ResponseUsage]] = {}
    for row in counted_once(rows):
        if (since is not None and row.timestamp < since) or (
            until is not None and row.timestamp >= until
        ):
            continue
        grouped.setdefault(_key(row, by, tz), []).append(row)
    groups = {key: _totals(grouped[key]) for key in sorted(grouped)}
    return UsageReport(by=by, groups=groups, total=sum(groups.values(), start=UsageTotals()))


def _key(row: ResponseUsage, by: UsageBy, tz: tzinfo) -> str:
    match by:
        case "day":
            return _day(row, tz)
        case "model":
            return row.model
        case "project":
            return row.project_name
        case "session":
            return row.memva_session_id or row.session_id


def _day(row: ResponseUsage, tz: tzinfo) -> str:
    try:
        return row.timestamp.astimezone(tz).date().isoformat()
    except OverflowError:
        # The first and the last day of the calendar have no other to belong to.
        return row.timestamp.date().isoformat()


def _totals(counted: Iterable[ResponseUsage]) -> UsageTotals:
    rows = list(counted)
    in_sidechains = [row for row in rows if row.is_sidechain]
    return UsageTotals(
        responses=len(rows),
        usage=_sum(row.usage for row in rows),
        sidechain_responses=len(in_sidechains),
        sidechain_usage=_sum(row.usage for row in in_sidechains),
        provisional_responses=sum(not row.is_final for row in rows),
    )


def _sum(figures: Iterable[Usage]) -> Usage:
    # Adding them one by one would make an object of each sum, and there may be a million.
    read = written = cached = from_cache = 0
    for usage in figures:
        read += usage.input_tokens
        written += usage.output_tokens
        cached += usage.cache_creation_tokens
        from_cache += usage.cache_read_tokens
    return Usage(
        input_tokens=read,
        output_tokens=written,
        cache_creation_tokens=cached,
        cache_read_tokens=from_cache,
    )
