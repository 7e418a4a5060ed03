"""What Claude Code itself said that a conversation cost. memva knows no prices.

Both ways of saying it are running totals: `total_cost_usd` of each `result` on the stream, and
`totalCostUSD` of each `cost-state` in the transcript. Older versions begin anew with each process,
newer ones go on from where the conversation was left. So a figure below the one before it means
that a process began at zero, and any other replaces the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

import attrs

from memva.domain.event import RESULT, Event

CostSource: TypeAlias = Literal["result", "cost-state"]

_FIELDS: Final[dict[str, tuple[CostSource, str]]] = {
    RESULT: ("result", "total_cost_usd"),
    "cost-state": ("cost-state", "totalCostUSD"),
}


@attrs.frozen(kw_only=True)
class ReportedCost:
    """A cost as Claude Code reported it, subagents included.

    Attributes:
        session_id: Claude Code's own session.
        source: The type of the lines that said it.
        usd: US dollars, at the prices of the API; a subscription pays otherwise.
    """

    session_id: str
    source: CostSource
    usd: float


def reported_cost_in(event: Event) -> ReportedCost | None:
    """Return the running total that one line reports, or None where it reports none."""
    if event.is_sidechain or event.event_type not in _FIELDS:
        return None
    source, name = _FIELDS[event.event_type]
    usd = event.data.get(name)
    if not isinstance(usd, (int, float)) or isinstance(usd, bool) or not 0 <= usd < 2**53:
        return None
    return ReportedCost(session_id=event.session_id, source=source, usd=float(usd))


def reported_costs(reports: Iterable[ReportedCost]) -> tuple[ReportedCost, ...]:
    """Return what each Claude session cost, by `session_id`, from running totals in their order.

    Where both sources speak, the larger figure stands, as either may have begun late. There is no
    sum over sessions, and the figures do not add up to one: a fork, and what follows `/clear`, can
    go on from the total of another session. Two processes of an older version are taken for one
    where the second's first figure is not below the first's last.
    """
    ended: dict[tuple[str, CostSource], float] = {}
    running: dict[tuple[str, CostSource], float] = {}
    for report in reports:
        key = (report.session_id, report.source)
        before = running.get(key, 0.0)
        if report.usd < before:
            ended[key] = ended.get(key, 0.0) + before
        running[key] = report.usd
    costs: dict[str, ReportedCost] = {}
    for (session_id, source), usd in sorted(running.items(), reverse=True):
        cost = ReportedCost(
            session_id=session_id,
            source=source,
            usd=usd + ended.get((session_id, source), 0.0),
        )
        held = costs.get(session_id)
        if held is None or cost.usd > held.usd:
            costs[session_id] = cost
    return tuple(costs[session_id] for session_id in sorted(costs))
