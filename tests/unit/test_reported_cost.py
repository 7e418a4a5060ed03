"""Costs are Claude Code's own word, read from running totals."""

from typing import Any

import pytest

from memva import Event
from memva.domain import ReportedCost, reported_cost_in, reported_costs
from memva.testing import sample_event


def result(usd: Any, **fields: Any) -> Event:
    return sample_event(event_type="result", data={"total_cost_usd": usd}, **fields)


def cost_state(usd: Any, **fields: Any) -> Event:
    return sample_event(event_type="cost-state", data={"totalCostUSD": usd}, **fields)


def costs(*events: Event) -> list[tuple[str, str, float]]:
    reports = [report for event in events if (report := reported_cost_in(event)) is not None]
    return [(cost.session_id, cost.source, cost.usd) for cost in reported_costs(reports)]


@pytest.mark.parametrize("usd", ["0.5", None, True, -1, 2**53, 10**400, float("nan"), [1]])
def test_what_is_no_amount_is_not_reported(usd: Any) -> None:
    assert reported_cost_in(result(usd)) is None
    assert reported_cost_in(cost_state(usd)) is None


def test_other_lines_report_nothing() -> None:
    assert reported_cost_in(sample_event(data={"total_cost_usd": 1})) is None
    assert reported_cost_in(sample_event(event_type="result", data={})) is None
    assert reported_cost_in(result(1, is_sidechain=True)) is None


def test_a_report_names_its_source() -> None:
    assert reported_cost_in(result(1)) == ReportedCost(
        session_id="claude-1", source="result", usd=1.0
    )
    assert costs(cost_state(0.25)) == [("claude-1", "cost-state", 0.25)]


def test_totals_run_and_are_not_added_up() -> None:
    assert costs(result(0.25), result(0.5), result(0.5)) == [("claude-1", "result", 0.5)]


def test_a_lower_total_is_another_processes() -> None:
    """`total_cost_usd` is per process in older versions."""
    assert costs(result(0.25), result(0.5), result(0.125), result(1)) == [
        ("claude-1", "result", 1.5)
    ]


def test_the_source_that_saw_more_stands() -> None:
    assert costs(result(0.5), cost_state(0.75), result(0.625)) == [("claude-1", "cost-state", 0.75)]
    assert costs(cost_state(0.5), result(0.5)) == [("claude-1", "result", 0.5)]


def test_sessions_stand_beside_each_other() -> None:
    """In 2.1.330 a fork goes on from its parent's total, so no sum would be true."""
    assert costs(result(1.5, session_id="claude-2"), result(1)) == [
        ("claude-1", "result", 1.0),
        ("claude-2", "result", 1.5),
    ]
