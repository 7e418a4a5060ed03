"""Tokens are counted once per response, whichever copies of it there are."""

from datetime import timedelta
from functools import reduce
from itertools import permutations
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.histories import answer

from memva import Event, InvalidValue
from memva.domain import (
    ResponseUsage,
    Usage,
    counted_once,
    last_context,
    merged_usage,
    usage_in,
)
from memva.testing import sample_event
from memva.testing.clock import START


def usage(*figures: int) -> Usage:
    read, written, cached, from_cache = figures
    return Usage(
        input_tokens=read,
        output_tokens=written,
        cache_creation_tokens=cached,
        cache_read_tokens=from_cache,
    )


def row(*args: Any, **fields: Any) -> ResponseUsage:
    found = usage_in(answer(*args, **fields))
    assert found is not None
    return found


def test_a_row_says_who_told_what() -> None:
    event = answer(subpath="subagents/agent-1", is_sidechain=True, memva_session_id="session-1")
    assert usage_in(event) == ResponseUsage(
        response_id="msg_1",
        project_key="-code-app",
        session_id="claude-1",
        subpath="subagents/agent-1",
        memva_session_id="session-1",
        timestamp=START,
        line=1,
        model="claude-a",
        project_name="app",
        is_sidechain=True,
        is_final=True,
        usage=usage(10, 20, 30, 40),
    )


def test_figures_add_up() -> None:
    both = usage(1, 2, 3, 4) + usage(10, 20, 30, 40)
    assert both == usage(11, 22, 33, 44)
    assert (both.context_tokens, both.total_tokens) == (88, 110)


@pytest.mark.parametrize(
    ("message", "request_id", "response"),
    [
        ("msg_1", "req_1", "msg_1"),
        (None, "req_1", "req_1"),
        (" ", "req_1", "req_1"),
        ("msg\x00", "req_1", "req_1"),
        (None, None, "event-1"),
        (7, ["req"], "event-1"),
    ],
)
def test_response_is_known_by_the_best_id_it_has(
    message: Any, request_id: Any, response: str
) -> None:
    assert row(message=message, request=request_id).response_id == response


@pytest.mark.parametrize(
    "event",
    [
        sample_event(),
        answer(event_type="user"),
        answer(model="<synthetic>"),
        answer((0, 0, 0, 0), flags={"isApiErrorMessage": True}),
        answer((None, None, None, None)),
        answer(("1", True, -1, 2**31)),
        answer((1.0, [1], {"1": 1}, 10**400)),
        sample_event(event_type="assistant", data={}),
        sample_event(event_type="assistant", data={"message": "text"}),
        sample_event(event_type="assistant", data={"message": {"usage": [1]}}),
    ],
)
def test_what_says_nothing_of_usage_has_no_row(event: Event) -> None:
    assert usage_in(event) is None


def test_odd_figures_are_no_tokens_and_spoil_no_others() -> None:
    assert row(("7", 20, None, -1)).usage == usage(0, 20, 0, 0)
    assert row((True, 2**31, 1.5, 2**31 - 1)).usage == usage(0, 0, 0, 2**31 - 1)
    assert row(model=["claude"]).model == ""
    assert row(model="claude\x00").model == "claude\ufffd"


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "message": json
            | st.fixed_dictionaries(
                {"usage": json | st.dictionaries(st.sampled_from(["input_tokens", "x"]), json)},
                optional={"id": json, "model": json, "stop_reason": json},
            ),
            "requestId": json,
            "isApiErrorMessage": json,
        },
    )
)
def test_no_line_is_too_odd_to_read(data: dict[str, Any]) -> None:
    found = usage_in(sample_event(event_type="assistant", data=data))
    assert found is None or counted_once([found, found]) == (found,)


def test_the_figures_of_an_answer_under_way_are_not_final() -> None:
    """Quirk 1: so streams say it, and 2.1.40 for good."""
    assert not row((10, 1, 0, 0), stop=None).is_final
    assert row((10, 1, 0, 0)).is_final


def test_repeated_usage_counts_once() -> None:
    """Quirk 1: each line of a response repeats its usage."""
    lines = [row(uuid=f"event-{n}", line=n) for n in (1, 2, 3)]
    (counted,) = counted_once(lines)
    assert (counted.usage, counted.line) == (usage(10, 20, 30, 40), 3)


def test_the_largest_figures_stand() -> None:
    """Quirk 1: an early line knows less of the output, a late one may leave the input out."""
    one, other = row((10, 1, 5, 0)), row((0, 20, 4, 0))
    assert merged_usage(one, other).usage == usage(10, 20, 5, 0)


def test_final_figures_stand_before_larger_provisional_ones() -> None:
    one, other = row((10, 99, 0, 0), stop=None), row((10, 20, 0, 0))
    merged = merged_usage(one, other)
    assert (merged.usage, merged.is_final) == (usage(10, 20, 0, 0), True)


def test_a_merged_row_begins_with_its_first_line_and_ends_with_its_last() -> None:
    later = row(timestamp=START + timedelta(seconds=5), line=7, model="", project_name="")
    merged = merged_usage(later, row(line=2, memva_session_id="session-1"))
    assert (merged.timestamp, merged.line) == (START, 7)
    assert (merged.model, merged.project_name) == ("claude-a", "app")
    assert merged.memva_session_id == "session-1"


def test_only_lines_of_one_response_and_transcript_are_merged() -> None:
    for other in (row(message="msg_2"), row(session_id="claude-2"), row(subpath="subagents/a")):
        with pytest.raises(InvalidValue, match="same transcript and response"):
            merged_usage(row(), other)


counts = st.integers(0, 3)
rows = st.builds(
    ResponseUsage,
    response_id=st.just("msg_1"),
    session_id=st.just("claude-1"),
    memva_session_id=st.sampled_from([None, "a", "b"]),
    timestamp=counts.map(lambda n: START + timedelta(seconds=n)),
    line=counts,
    model=st.sampled_from(["", "claude-a", "claude-b"]),
    project_name=st.sampled_from(["", "app", "site"]),
    is_sidechain=st.booleans(),
    is_final=st.booleans(),
    usage=st.builds(usage, counts, counts, counts, counts),
)
rows_anywhere = st.builds(
    attrs.evolve,
    rows,
    response_id=st.sampled_from(["msg_1", "msg_2"]),
    session_id=st.sampled_from(["claude-1", "claude-2"]),
)


@given(rows, rows, rows)
def test_merging_is_associative_commutative_and_idempotent(
    one: ResponseUsage, other: ResponseUsage, third: ResponseUsage
) -> None:
    outcomes = [reduce(merged_usage, order) for order in permutations([one, other, third])]
    grouped = merged_usage(one, merged_usage(other, third))
    assert all(outcome == grouped for outcome in outcomes)
    assert merged_usage(one, one) == one
    assert merged_usage(grouped, one) == grouped


@given(st.lists(rows_anywhere, max_size=4))
def test_what_counts_is_the_same_in_any_order(told: list[ResponseUsage]) -> None:
    counted = counted_once(told)
    assert all(counted_once(order) == counted for order in permutations(told))
    assert counted_once(counted) == counted
    assert list(counted) == sorted(counted, key=lambda row: (row.timestamp, row.response_id))
    assert {row.response_id for row in counted} == {row.response_id for row in told}


@pytest.mark.parametrize("fields", [{"session_id": "claude-0"}, {"subpath": "subagents/agent-1"}])
def test_the_copy_that_is_no_sidechains_counts(fields: dict[str, str]) -> None:
    """Quirk 2: a sidechain replays the parent's response under a new request id."""
    replay = row((99, 99, 99, 99), request="req_2", is_sidechain=True, uuid="event-2", **fields)
    assert counted_once([replay, row()]) == (row(),)


def test_a_sidechain_in_the_same_file_gives_way_too() -> None:
    """Quirk 2, as 1.0.60 wrote it: the replay stands in the main transcript."""
    replay = row((99, 99, 99, 99), request="req_2", is_sidechain=True, line=9)
    assert merged_usage(replay, row()) == row()


@pytest.mark.parametrize("uuid", ["event-1", "event-copy"])
def test_a_copy_counts_once_and_alone_when_the_other_has_gone(uuid: str) -> None:
    """Quirk 3: a fork repeats uuids, a resume of 1.0.60 does not; both repeat `message.id`."""
    parent, copy = row(), row(session_id="claude-2", uuid=uuid)
    assert counted_once([copy, parent]) == (parent,)
    assert counted_once([copy]) == (copy,)
    assert counted_once([parent]) == (parent,)


def test_of_copies_the_final_then_the_larger_counts() -> None:
    provisional = row((10, 99, 0, 0), stop=None)
    final = row((10, 20, 0, 0), session_id="claude-2")
    larger = row((10, 21, 0, 0), session_id="claude-3")
    assert counted_once([provisional, final]) == (final,)
    assert counted_once([final, larger]) == (larger,)


def test_context_is_what_the_last_response_was_given() -> None:
    assert last_context([]) is None
    assert last_context([row(is_sidechain=True)]) is None
    first = row((1, 500, 2, 3), line=4, timestamp=START + timedelta(hours=1))
    subagent = row(line=9, is_sidechain=True, subpath="subagents/agent-1")
    # The clock went back; the place in the file says which was last.
    last = row((10, 500, 20, 30), message="msg_2", line=6)
    for order in permutations([first, subagent, last]):
        assert last_context(order) == 60


def test_context_across_transcripts_goes_by_time() -> None:
    early = row((1, 0, 0, 0), line=50)
    late = row((2, 0, 0, 0), session_id="claude-0", timestamp=START + timedelta(hours=1))
    assert last_context([late, early]) == 2


def test_a_clock_that_went_back_does_not_make_an_answer_earlier() -> None:
    ahead = row((1, 0, 0, 0), timestamp=START + timedelta(hours=2))
    last = row((2, 0, 0, 0), message="msg_2", line=2)
    elsewhere = row((3, 0, 0, 0), session_id="claude-2", timestamp=START + timedelta(hours=1))
    for order in permutations([ahead, last, elsewhere]):
        assert last_context(order) == 2
