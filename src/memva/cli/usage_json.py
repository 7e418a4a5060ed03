"""What was used, and what sessions amount to, as JSON for other programs to read."""

from __future__ import annotations

from typing import Any

from memva.domain.stats import SessionStats
from memva.domain.time import to_text
from memva.domain.usage import Usage
from memva.domain.usage_report import UsageReport, UsageTotals


def report_object(report: UsageReport) -> dict[str, Any]:
    """Return a report as its total and its rows."""
    return {
        "by": report.by,
        "total": totals_object(report.total),
        "rows": [
            {report.by: key, **totals_object(totals)} for key, totals in report.groups.items()
        ],
    }


def totals_object(totals: UsageTotals) -> dict[str, Any]:
    """Return what responses came to."""
    return {
        "responses": totals.responses,
        **_usage_object(totals.usage),
        "sidechain_responses": totals.sidechain_responses,
        "sidechain_usage": _usage_object(totals.sidechain_usage),
        "provisional_responses": totals.provisional_responses,
        "is_final": totals.is_final,
    }


def stats_object(stats: SessionStats) -> dict[str, Any]:
    """Return what a session amounts to."""
    return {
        "events": stats.events,
        "turns": stats.turns,
        "tools": stats.tools,
        "sidechain_tools": stats.sidechain_tools,
        "first_at": None if stats.first_at is None else to_text(stats.first_at),
        "last_at": None if stats.last_at is None else to_text(stats.last_at),
        "models": list(stats.models),
        "usage": totals_object(stats.usage),
        "context_tokens": stats.context_tokens,
        "reported_costs": [
            {"session_id": cost.session_id, "source": cost.source, "usd": cost.usd}
            for cost in stats.reported_costs
        ],
    }


def _usage_object(used: Usage) -> dict[str, int]:
    return {
        "input_tokens": used.input_tokens,
        "output_tokens": used.output_tokens,
        "cache_creation_tokens": used.cache_creation_tokens,
        "cache_read_tokens": used.cache_read_tokens,
        "total_tokens": used.total_tokens,
    }
