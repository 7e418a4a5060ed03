"""Sums of usage agree with a slow reference that looks at every line of every transcript."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.histories import FIGURES, answer, histories

from memva import Event, InvalidValue
from memva.domain import (
    ResponseUsage,
    Usage,
    UsageBy,
    UsageTotals,
    summed,
    usage_in,
    usage_totals,
)
from memva.testing.clock import START


def rows(*events: Event) -> list[ResponseUsage]:
    return [row for row in map(usage_in, events) if row is not None]


def as_tuple(usage: Usage) -> tuple[int, ...]:
    return (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_creation_tokens,
        usage.cache_read_tokens,
    )


def reference(events: list[Event]) -> list[tuple[tuple[int, ...], bool, bool, str, str, str]]:
    """Figures, finality, side, model, day and session of each response, by brute force.

    Quirk 1: one `message.id` is one response; the largest figures count, and those of a line that
    says why it stopped before any other. Quirk 2: a sidechain's line counts only where there is no
    other. Quirk 3: of equal copies one counts; which, is settled by their session.
    """
    answers: list[tuple[Event, Any]] = [(event, event.data["message"]) for event in events]
    found = []
    for response in {message["id"] for _, message in answers}:
        lines = [(event, message) for event, message in answers if message["id"] == response]
        if not all(event.is_sidechain for event, _ in lines):
            lines = [(event, message) for event, message in lines if not event.is_sidechain]
        certain = [(event, message) for event, message in lines if message["stop_reason"]]
        copies = []
        for place in {event.transcript for event, _ in certain or lines}:
            here = [m["usage"] for e, m in certain or lines if e.transcript == place]
            figures = tuple(max(usage[name] for usage in here) for name in FIGURES)
            moment = min(event.timestamp for event, _ in lines if event.transcript == place)
            models = {m["model"] for e, m in lines if e.transcript == place}
            copies.append((-sum(figures), -figures[1], moment, place, figures, min(models)))
        _, _, moment, place, figures, model = min(copies)
        found.append(
            (
                figures,
                bool(certain),
                lines[0][0].is_sidechain,
                model,
                moment.date().isoformat(),
                place.session_id,
            )
        )
    return found


def check(events: list[Event]) -> None:
    expected = reference(events)
    total = usage_totals(rows(*events))
    assert as_tuple(total.usage) == _sums(e[0] for e in expected)
    assert as_tuple(total.sidechain_usage) == _sums(e[0] for e in expected if e[2])
    assert total.responses == len(expected)
    assert total.sidechain_responses == sum(e[2] for e in expected)
    assert total.provisional_responses == sum(not e[1] for e in expected)
    places: dict[UsageBy, int] = {"model": 3, "day": 4, "session": 5}
    for by, at in places.items():
        report = summed(rows(*events), by=by)
        counted = Counter(e[at] for e in expected)
        assert {key: group.responses for key, group in report.groups.items()} == counted
        for key, group in report.groups.items():
            assert as_tuple(group.usage) == _sums(e[0] for e in expected if e[at] == key)
        assert list(report.groups) == sorted(report.groups)
        assert report.total == total


def _sums(figures: Any) -> tuple[int, ...]:
    return tuple(map(sum, zip((0, 0, 0, 0), *figures, strict=True)))


@given(histories(), st.randoms())
def test_totals_equal_the_reference_with_copies_and_after_deleting_some(
    transcripts: list[list[Event]], random: Any
) -> None:
    """Quirks 1 to 3 at once; each transcript goes in turn, parents and forks alike."""
    left = list(transcripts)
    while left:
        events = [event for transcript in left for event in transcript]
        random.shuffle(events)
        check(events)
        left.remove(random.choice(left))


def test_a_fork_and_its_parent_by_hand() -> None:
    """Quirks 1 to 3, in figures that a reader can add up."""
    shared = [answer((1, 1, 0, 0), stop=None), answer((1, 50, 0, 0), uuid="event-2", line=2)]
    fork = [answer((1, 50, 0, 0), session_id="claude-2", uuid="event-2", line=2)]
    fork += [answer((5, 5, 0, 0), session_id="claude-2", message="msg_fork", line=3)]
    replay = [answer((7, 7, 7, 7), subpath="subagents/agent-1", request="r", is_sidechain=True)]
    subagent = [answer((3, 0, 0, 0), message="msg_sub", subpath="subagents/a", is_sidechain=True)]
    everything = [*shared, *fork, *replay, *subagent]
    total = usage_totals(rows(*everything))
    assert (total.responses, total.usage.total_tokens) == (3, 51 + 10 + 3)
    assert (total.sidechain_responses, total.sidechain_usage.total_tokens) == (1, 3)
    assert total.is_final
    assert usage_totals(rows(*fork)).usage.total_tokens == 51 + 10
    assert usage_totals(rows(*shared, *replay, *subagent)).usage.total_tokens == 51 + 3


def test_figures_that_are_not_final_are_marked() -> None:
    """Quirk 1: 2.1.40 wrote one token of output for good."""
    total = usage_totals(rows(answer((9, 1, 0, 0), stop=None), answer(message="msg_2")))
    assert (total.responses, total.provisional_responses, total.is_final) == (2, 1, False)


def test_groups_are_sorted_and_add_up() -> None:
    told = rows(
        answer(model="b", project_name="site"),
        answer(message="msg_2", model="a", memva_session_id="session-1"),
        answer(message="msg_3", model=None, project_name="", session_id="claude-2"),
    )
    assert list(summed(told, by="model").groups) == ["", "a", "b"]
    assert list(summed(told, by="project").groups) == ["", "app", "site"]
    assert list(summed(told, by="session").groups) == ["claude-1", "claude-2", "session-1"]
    assert summed([], by="model").groups == {}
    assert summed([], by="model").total == UsageTotals()


def test_a_day_is_that_of_the_time_zone() -> None:
    told = rows(answer(timestamp=datetime(2026, 3, 1, 23, 30, tzinfo=UTC)))
    assert list(summed(told, by="day").groups) == ["2026-03-01"]
    assert list(summed(told, by="day", tz=ZoneInfo("Europe/Paris")).groups) == ["2026-03-02"]
    assert list(summed(told, by="day", tz=timezone(timedelta(hours=-24, minutes=1))).groups) == [
        "2026-02-28"
    ]


@pytest.mark.parametrize(
    ("moment", "hours"),
    [(datetime.min.replace(tzinfo=UTC), -1), (datetime.max.replace(tzinfo=UTC), 1)],
)
def test_the_ends_of_the_calendar_have_a_day(moment: datetime, hours: int) -> None:
    told = rows(answer(timestamp=moment))
    report = summed(told, by="day", tz=timezone(timedelta(hours=hours)))
    assert list(report.groups) == [moment.date().isoformat()]


def test_a_response_past_midnight_is_of_the_day_it_began() -> None:
    before = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
    told = rows(answer(timestamp=before + timedelta(minutes=2), line=2), answer(timestamp=before))
    assert list(summed(told, by="day").groups) == ["2026-03-01"]


def test_a_span_begins_at_its_first_moment_and_ends_before_its_last() -> None:
    times = [START + timedelta(minutes=number) for number in range(3)]
    told = rows(*(answer(message=f"msg_{n}", timestamp=time) for n, time in enumerate(times)))
    report = summed(told, by="day", since=times[0], until=times[2])
    assert report.total.responses == 2
    assert summed(told, by="day", since=times[1]).total.responses == 2
    assert summed(told, by="day", until=times[0]).total.responses == 0


def test_groups_of_another_kind_are_refused() -> None:
    with pytest.raises(InvalidValue, match="must be one of day, model, project, session"):
        summed([], by="week")  # type: ignore[arg-type]  # it is no `UsageBy`


def test_the_name_of_a_time_zone_is_refused() -> None:
    with pytest.raises(InvalidValue, match="must be a tzinfo"):
        summed([], by="day", tz="Asia/Tokyo")  # type: ignore[arg-type]  # it is no `tzinfo`


def test_sums_of_the_largest_counts_fit() -> None:
    largest = 2**31 - 1
    told = rows(*(answer((largest,) * 4, message=f"msg_{n}", timestamp=START) for n in range(2000)))
    assert usage_totals(told).usage.total_tokens == 4 * 2000 * largest
