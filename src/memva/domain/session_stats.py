"""What a conversation amounts to: counted over its events, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import attrs

from memva.domain.event import ASSISTANT, Event, Transcript
from memva.domain.prompts import prompt_text
from memva.domain.reported_cost import ReportedCost, reported_cost_in, reported_costs
from memva.domain.text import clean_text
from memva.domain.usage import SYNTHETIC, ResponseUsage, last_context, merged_usage, usage_in
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


def session_stats(events: Iterable[Event]) -> SessionStats:
    """Return what `events` amount to, given in the order that pages have.

    The order matters to the reported costs alone. The events are walked once and not kept.
    """
    types: Counter[str] = Counter()
    turns: set[str] = set()
    calls: dict[tuple[str, ...], tuple[str, bool]] = {}
    models: set[str] = set()
    rows: dict[tuple[Transcript, str], ResponseUsage] = {}
    costs: list[ReportedCost] = []
    first_at: datetime | None = None
    last_at: datetime | None = None
    for event in events:
        types[event.event_type] += 1
        first_at = event.timestamp if first_at is None else min(first_at, event.timestamp)
        last_at = event.timestamp if last_at is None else max(last_at, event.timestamp)
        if prompt_text(event) is not None:
            turns.add(event.uuid)
        for number, (call_id, called) in enumerate(_tools_called(event)):
            identity = (call_id,) if call_id else (event.uuid, str(number))
            name, in_sidechain = calls.get(identity, (called, True))
            calls[identity] = (min(name, called), in_sidechain and event.is_sidechain)
        model = _model(event)
        if model is not None:
            models.add(model)
        row = usage_in(event)
        if row is not None:
            key = (row.transcript, row.response_id)
            rows[key] = merged_usage(rows[key], row) if key in rows else row
        cost = reported_cost_in(event)
        if cost is not None:
            costs.append(cost)
    return SessionStats(
        events=_most_first(types),
        turns=len(turns),
        tools=_most_first(Counter(name for name, _ in calls.values())),
        sidechain_tools=_most_first(
            Counter(name for name, in_sidechain in calls.values() if in_sidechain)
        ),
        first_at=first_at,
        last_at=last_at,
        models=tuple(sorted(models)),
        usage=usage_totals(rows.values()),
        context_tokens=last_context(rows.values()),
        reported_costs=reported_costs(costs),
    )


def _message(event: Event) -> Mapping[str, object]:
    message = event.data.get("message") if event.event_type == ASSISTANT else None
    return message if isinstance(message, Mapping) else {}


def _blocks(event: Event) -> list[Mapping[str, object]]:
    content = _message(event).get("content")
    if not isinstance(content, Sequence):
        return []
    return [block for block in content if isinstance(block, Mapping)]


def _tools_called(event: Event) -> Iterator[tuple[str, str]]:
    """Yield id and name of each call of a tool that a line holds, the API's own tools too.

    The id, which the lines that repeat a call share, is empty where there is none.
    """
    for block in _blocks(event):
        kind, name, identity = block.get("type"), block.get("name"), block.get("id")
        # `tool_use`, `server_tool_use`, and whatever else comes to be used.
        if not isinstance(kind, str) or not kind.endswith("tool_use"):
            continue
        if isinstance(name, str) and name.strip():
            yield identity if isinstance(identity, str) else "", clean_text(name)


def _model(event: Event) -> str | None:
    model = _message(event).get("model")
    if not isinstance(model, str) or not model.strip() or model == SYNTHETIC:
        return None
    return clean_text(model)


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
