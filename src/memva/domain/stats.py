"""What a conversation amounts to: counted over its events, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import attrs

from memva.domain.event import Event, Transcript
from memva.domain.prompts import prompt_text
from memva.domain.reported_cost import ReportedCost, reported_cost_in, reported_costs
from memva.domain.told_response import (
    Called,
    CallKey,
    ToldResponse,
    merged_calls,
    merged_told,
    told_in,
)
from memva.domain.usage import ResponseUsage, last_context
from memva.domain.usage_report import UsageTotals, usage_totals


@attrs.frozen(kw_only=True)
class SessionStats:
    """What a conversation amounts to, its subagents included.

    Attributes:
        events: How many events of each type there are; the most frequent first, then by name.
        turns: How often a person typed something. A fork's copy of a turn is the same turn.
        tools: How often each tool was called, sorted like `events`. A call that several lines
            repeat counts once.
        sidechain_tools: Those of the calls that subagents made.
        first_at: The earliest moment of an event, or None where there is none.
        last_at: The latest.
        models: The models that answered, by name.
        usage: The tokens, each response counted once.
        context_tokens: How many tokens the last response of the main conversation was given, or
            None where there is none.
        reported_costs: What Claude Code reported that each of its sessions cost, by session. They
            do not add up: see `reported_costs` of the domain.
    """

    events: dict[str, int]
    turns: int
    tools: dict[str, int]
    sidechain_tools: dict[str, int]
    first_at: datetime | None
    last_at: datetime | None
    models: tuple[str, ...]
    usage: UsageTotals
    context_tokens: int | None
    reported_costs: tuple[ReportedCost, ...]


@attrs.frozen(kw_only=True)
class SessionFacts:
    """What is to be known of a conversation to say what it amounts to.

    Attributes:
        types: How many events of each type there are.
        turns: How many different events hold what a person typed.
        first_at: The earliest moment of an event, or None where there is none.
        last_at: The latest.
        models: The models that its responses name; empty ones do not count.
        calls: The tools that its responses called; several may hold one call.
        usages: What its responses used; several may be of one.
        costs: What Claude Code reported, in the order of its events.
    """

    types: Mapping[str, int]
    turns: int
    first_at: datetime | None
    last_at: datetime | None
    models: Iterable[str]
    calls: Iterable[Mapping[CallKey, Called]]
    usages: Collection[ResponseUsage]
    costs: Iterable[ReportedCost]


def session_stats(events: Iterable[Event]) -> SessionStats:
    """Return what `events` amount to, given in the order that pages have.

    The order matters to the reported costs alone. The events are walked once and not kept.
    """
    types: Counter[str] = Counter()
    turns: set[str] = set()
    responses: dict[tuple[Transcript, str], ToldResponse] = {}
    costs: list[ReportedCost] = []
    first_at: datetime | None = None
    last_at: datetime | None = None
    for event in events:
        types[event.event_type] += 1
        first_at = event.timestamp if first_at is None else min(first_at, event.timestamp)
        last_at = event.timestamp if last_at is None else max(last_at, event.timestamp)
        if prompt_text(event) is not None:
            turns.add(event.uuid)
        told = told_in(event)
        if told is not None:
            key = (told.transcript, told.response_id)
            responses[key] = merged_told(responses[key], told) if key in responses else told
        cost = reported_cost_in(event)
        if cost is not None:
            costs.append(cost)
    return stats_of(
        SessionFacts(
            types=types,
            turns=len(turns),
            first_at=first_at,
            last_at=last_at,
            models=[told.model for told in responses.values()],
            calls=[told.calls for told in responses.values()],
            usages=[told.usage for told in responses.values() if told.usage is not None],
            costs=costs,
        )
    )


def stats_of(facts: SessionFacts) -> SessionStats:
    """Return what a conversation amounts to of which this is known."""
    calls = merged_calls(facts.calls).values()
    return SessionStats(
        events=_most_first(Counter(facts.types)),
        turns=facts.turns,
        tools=_most_first(Counter(called.name for called in calls)),
        sidechain_tools=_most_first(
            Counter(called.name for called in calls if called.in_sidechain)
        ),
        first_at=facts.first_at,
        last_at=facts.last_at,
        models=tuple(sorted(set(facts.models) - {""})),
        usage=usage_totals(facts.usages),
        context_tokens=last_context(facts.usages),
        reported_costs=reported_costs(facts.costs),
    )


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
