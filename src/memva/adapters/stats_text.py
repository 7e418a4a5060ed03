"""What a session amounts to, as text that a store keeps."""

from __future__ import annotations

from typing import Any, Final

from memva.domain.json import decode_json, encode_json
from memva.domain.rebuild import rebuilder
from memva.domain.reported_cost import ReportedCost
from memva.domain.stats import SessionStats
from memva.domain.time import from_text, to_text
from memva.domain.usage import Usage
from memva.domain.usage_report import UsageTotals

_usage: Final = rebuilder(Usage)


def stats_text(stats: SessionStats) -> str:
    """Return what a session amounts to as text."""
    usage = stats.usage
    fields: dict[str, Any] = {
        "events": stats.events,
        "turns": stats.turns,
        "tools": stats.tools,
        "sidechain_tools": stats.sidechain_tools,
        "first_at": None if stats.first_at is None else to_text(stats.first_at),
        "last_at": None if stats.last_at is None else to_text(stats.last_at),
        "models": list(stats.models),
        "responses": [usage.responses, usage.sidechain_responses, usage.provisional_responses],
        "usage": figures(usage.usage),
        "sidechain_usage": figures(usage.sidechain_usage),
        "context_tokens": stats.context_tokens,
        "reported_costs": [[c.session_id, c.source, c.usd] for c in stats.reported_costs],
    }
    return encode_json(fields, field="stats")


def stats_from_text(text: str) -> SessionStats:
    """Return what a session amounts to of what `stats_text` gave."""
    fields: Any = decode_json(text)
    responses, sidechain_responses, provisional_responses = fields["responses"]
    return SessionStats(
        events=fields["events"],
        turns=fields["turns"],
        tools=fields["tools"],
        sidechain_tools=fields["sidechain_tools"],
        first_at=None if fields["first_at"] is None else from_text(fields["first_at"]),
        last_at=None if fields["last_at"] is None else from_text(fields["last_at"]),
        models=tuple(fields["models"]),
        usage=UsageTotals(
            responses=responses,
            usage=_usage(fields["usage"]),
            sidechain_responses=sidechain_responses,
            sidechain_usage=_usage(fields["sidechain_usage"]),
            provisional_responses=provisional_responses,
        ),
        context_tokens=fields["context_tokens"],
        reported_costs=tuple(
            ReportedCost(session_id=session_id, source=source, usd=usd)
            for session_id, source, usd in fields["reported_costs"]
        ),
    )


def figures(usage: Usage) -> list[int]:
    """Return the figures of a usage, in the order of its fields."""
    return [
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_creation_tokens,
        usage.cache_read_tokens,
    ]
