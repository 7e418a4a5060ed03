"""What is to be known of sessions, put together from the rows of a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memva.adapters.told_rows import Row, ToldRows, calls_from_row, model_from_row
from memva.domain.event import Event
from memva.domain.reported_cost import ReportedCost, reported_cost_in
from memva.domain.stats import SessionFacts
from memva.domain.told_response import Called, CallKey
from memva.domain.usage import ResponseUsage


def facts_from_rows(
    session_ids: Sequence[str],
    rows: ToldRows,
    *,
    types: Iterable[Row],
    turns: Iterable[Row],
    told: Iterable[Row],
    costs: Iterable[Event],
) -> dict[str, SessionFacts]:
    """Return what is to be known of each of these sessions.

    Args:
        session_ids: The sessions.
        rows: Maps the rows of `told`, and moments.
        types: A session, a type of event, how many of it there are, the first moment, the last.
        turns: A session, and how many turns it has.
        told: Rows of `TOLD_COLUMNS`.
        costs: Events that may report a cost.
    """
    counted: dict[str, Counter[str]] = {id_: Counter() for id_ in session_ids}
    # As the store keeps them they have the same order.
    moments: dict[str, list[Any]] = {id_: [] for id_ in session_ids}
    for session_id, event_type, count, first_at, last_at in types:
        counted[session_id][event_type] = count
        moments[session_id] += (first_at, last_at)
    turned: dict[str, int] = dict(turns)
    models: dict[str, set[str]] = {id_: set() for id_ in session_ids}
    calls: dict[str, list[Mapping[CallKey, Called]]] = {id_: [] for id_ in session_ids}
    usages: dict[str, list[ResponseUsage]] = {id_: [] for id_ in session_ids}
    for row in told:
        models[row[0]].add(model_from_row(row))
        calls[row[0]].append(calls_from_row(row))
        usage = rows.usage(row)
        if usage is not None:
            usages[row[0]].append(usage)
    reported: dict[str, list[ReportedCost]] = {id_: [] for id_ in session_ids}
    for event in costs:
        cost = reported_cost_in(event)
        if cost is not None and event.memva_session_id is not None:
            reported[event.memva_session_id].append(cost)
    return {
        id_: SessionFacts(
            types=counted[id_],
            turns=turned.get(id_, 0),
            first_at=rows.moment_kept(min(moments[id_])) if moments[id_] else None,
            last_at=rows.moment_kept(max(moments[id_])) if moments[id_] else None,
            models=models[id_],
            calls=calls[id_],
            usages=usages[id_],
            costs=reported[id_],
        )
        for id_ in session_ids
    }
