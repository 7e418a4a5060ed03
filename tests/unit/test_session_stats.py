"""What a conversation amounts to."""

from datetime import timedelta
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.histories import answer

from memva import Event
from memva.domain import ReportedCost, UsageTotals, session_stats
from memva.testing import sample_event
from memva.testing.clock import START


def tool(name: Any, identity: Any = None, kind: Any = "tool_use") -> dict[str, Any]:
    return {"type": kind, "name": name, "id": identity}


def test_nothing_amounts_to_nothing() -> None:
    stats = session_stats([])
    assert (stats.events, stats.turns, stats.tools, stats.models) == ({}, 0, {}, ())
    assert (stats.first_at, stats.last_at, stats.context_tokens) == (None, None, None)
    assert (stats.usage, stats.reported_costs) == (UsageTotals(), ())


CONVERSATION: list[Event] = [
    sample_event(line=1, timestamp=START + timedelta(minutes=1)),
    sample_event(line=2, uuid="note", data={"isMeta": True, "message": {"content": "note"}}),
    # Quirk 1: two lines of one response, the same usage on each.
    answer(line=3, uuid="a", content=[tool("Read", "t1")]),
    answer(line=4, uuid="b", content=[tool("Bash", "t2"), tool("Read", "t3")]),
    answer(
        (1, 2, 3, 4),
        message="msg_sub",
        model="claude-b",
        subpath="subagents/agent-1",
        is_sidechain=True,
        uuid="c",
        content=[tool("Grep", "t4")],
    ),
    answer((9, 9, 9, 9), message="m", model="<synthetic>", line=5, uuid="d"),
    # Quirk 1: what a stream and 2.1.40 say is not final.
    answer((100, 1, 0, 0), message="msg_2", stop=None, line=6, uuid="e"),
    sample_event(event_type="result", uuid="f", data={"total_cost_usd": 0.5}),
]


def test_what_a_conversation_amounts_to() -> None:
    stats = session_stats(CONVERSATION)
    assert list(stats.events.items()) == [("assistant", 5), ("user", 2), ("result", 1)]
    assert stats.turns == 1
    assert list(stats.tools.items()) == [("Read", 2), ("Bash", 1), ("Grep", 1)]
    assert stats.sidechain_tools == {"Grep": 1}
    assert (stats.first_at, stats.last_at) == (START, START + timedelta(minutes=1))
    assert stats.models == ("claude-a", "claude-b")
    assert stats.usage.responses == 3
    assert stats.usage.usage.total_tokens == 100 + 10 + 101
    assert stats.usage.sidechain_usage.total_tokens == 10
    assert stats.usage.provisional_responses == 1
    assert stats.context_tokens == 100
    assert stats.reported_costs == (ReportedCost(session_id="claude-1", source="result", usd=0.5),)


def test_only_the_costs_depend_on_the_order() -> None:
    stats = session_stats(CONVERSATION[1:6])
    assert all(session_stats(order) == stats for order in permutations(CONVERSATION[1:6]))


def test_copies_are_the_same_turns_and_calls() -> None:
    """Quirk 3: a fork repeats uuids under a new session; a resume of 1.0.60 has new ones."""
    parent = [sample_event(), answer(uuid="a", content=[tool("Read", "t1")])]
    fork = [sample_event(session_id="claude-2")]
    resume = [answer(session_id="claude-3", uuid="b", content=[tool("Read", "t1")])]
    stats = session_stats([*parent, *fork, *resume])
    assert stats.events == {"assistant": 2, "user": 2}
    assert (stats.turns, stats.tools, stats.usage.responses) == (1, {"Read": 1}, 1)


def test_a_call_that_a_sidechain_replays_is_the_parents() -> None:
    """Quirk 2."""
    call = [tool("Read", "t1")]
    replay = answer(uuid="r", subpath="subagents/a", is_sidechain=True, content=call)
    for order in permutations([replay, answer(content=call)]):
        stats = session_stats(order)
        assert (stats.tools, stats.sidechain_tools) == ({"Read": 1}, {})


def test_calls_without_an_id_are_each_their_own() -> None:
    twice = answer(content=[tool("Read"), tool("Read", 7)])
    assert session_stats([twice, twice]).tools == {"Read": 2}


def test_calls_are_told_by_their_type() -> None:
    content = [
        tool("web_search", "s", "server_tool_use"),
        tool("x", "x", "tool_result"),
        tool("x", "x", None),
        tool(7),
        tool(" "),
        tool("a\x00"),
        "text",
        None,
    ]
    assert session_stats([answer(content=content)]).tools == {"a\ufffd": 1, "web_search": 1}
    assert session_stats([answer(event_type="user", content=content)]).tools == {}
    for odd in ("text", 7, None, {"type": "tool_use"}):
        event = sample_event(event_type="assistant", data={"message": {"content": odd}})
        assert session_stats([event]).tools == {}


odd = st.none() | st.booleans() | st.integers() | st.text(max_size=2) | st.just([{"type": 1}])


@given(
    st.sampled_from(["assistant", "user", "result", "cost-state", "x"]),
    st.dictionaries(
        st.sampled_from(["message", "total_cost_usd", "totalCostUSD", "requestId"]),
        odd | st.dictionaries(st.sampled_from(["content", "model", "usage", "id"]), odd),
    ),
)
def test_no_event_is_too_odd_to_count(event_type: str, data: dict[str, Any]) -> None:
    stats = session_stats([sample_event(event_type=event_type, data=data)])
    assert stats.events == {event_type: 1}
