"""The threads of a conversation, each sample showing one habit of Claude Code's."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.lines import line, prompt, result, said, uuids

from memva import Event, EventNotFound, Threads, subagents_in, threads_in, tool_calls_in


def conversations(*events: Event) -> list[str]:
    """Return each conversation as one text, its uuids being single letters."""
    threads = threads_in(events)
    return ["".join(uuids(threads.conversation(leaf))) for leaf in threads.leaves]


def test_conversation_goes_from_the_root_to_any_event() -> None:
    events = [prompt("a"), said("b", "a"), prompt("c", "b")]
    threads = threads_in(events)
    assert uuids(threads.roots) == ["a"]
    assert uuids(threads.leaves) == ["c"]
    assert threads.conversation(events[2]) == tuple(events)
    assert threads.conversation(events[1]) == tuple(events[:2])
    assert threads.parent(events[1]) == events[0]
    assert threads.parent(events[0]) is None
    assert threads.children(events[1]) == (events[2],)


def test_a_prompt_edited_later_makes_a_fork() -> None:
    events = [prompt("a"), said("b", "a"), prompt("c", "b"), prompt("x", "b"), said("y", "x")]
    threads = threads_in(events)
    assert conversations(*events) == ["abc", "abxy"]
    [fork] = threads.forks
    assert fork.event.uuid == "b"
    assert uuids(fork.branches) == ["c", "x"]
    assert [f"{depth}{event.uuid}" for depth, event in threads.walk()] == [
        "0a",
        "1b",
        "2c",
        "2x",
        "3y",
    ]


@pytest.mark.parametrize("follows", ["p", "q", "r"])
@pytest.mark.parametrize("early", [True, False])
def test_parallel_calls_lose_no_result(follows: str, early: bool) -> None:
    """Each result's parent is the line of its own call; what comes next follows any of them."""
    calls = [said(uuid, parent, uuid, response="m") for uuid, parent in ("ba", "cb", "db")]
    results = [result("p", "b", "b"), result("q", "c", "c"), result("r", "d", "d")]
    # A tool that is quick gives its result before the next call is said.
    order = [calls[0], results[0], *calls[1:], *results[1:]] if early else [*calls, *results]
    whole = "a" + "".join(uuids(order)) + "e"
    assert conversations(prompt("a"), *order, said("e", follows)) == [whole]
    # An interruption leaves every result at the end of its own branch.
    assert conversations(prompt("a"), *order) == [whole[:-1]]


def test_a_fork_after_parallel_calls_is_one() -> None:
    events = [
        prompt("a"),
        said("b", "a", "1", response="m"),
        said("c", "b", "2", response="m"),
        result("d", "b", "1"),
        result("e", "c", "2"),
        said("f", "e"),
        prompt("g", "d"),
    ]
    assert conversations(*events) == ["abcdef", "abcdeg"]


def test_what_stands_before_the_end_of_parallel_calls_stays_where_it_is() -> None:
    events = [
        prompt("a"),
        said("b", "a", "1", response="m"),
        line("x", "b", event_type="progress"),
        said("c", "b", "2", response="m"),
        result("d", "b", "1"),
        result("e", "c", "2"),
    ]
    assert conversations(*events) == ["abx", "abcde"]


def test_a_branch_for_each_of_two_responses_with_parallel_calls() -> None:
    def parallel(parent: str, *names: str) -> list[Event]:
        one, other, *results = names
        return [
            said(one, parent, one, response=f"msg-{one}"),
            said(other, one, other, response=f"msg-{one}"),
            result(results[0], one, one),
            result(results[1], other, other),
        ]

    first, tried = parallel("a", *"bcde"), parallel("e", *"fghi")
    again = parallel("e", *"uvwx")
    assert conversations(prompt("a"), *first, *tried, *again) == ["abcdefghi", "abcdeuvwx"]


def test_results_of_one_response_in_a_chain_stay_as_they_are() -> None:
    """1.0.60 chains the results, and what is rewound to the call leaves them out."""
    events = [
        prompt("a"),
        said("b", "a", "1", "2"),
        result("c", "b", "1"),
        result("d", "c", "2"),
        said("e", "d"),
        prompt("x", "b"),
    ]
    assert conversations(*events) == ["abcde", "abx"]


def test_a_second_result_of_one_call_is_a_branch() -> None:
    events = [
        prompt("a"),
        said("b", "a", "1", response="m"),
        said("c", "b", "2", response="m"),
        result("d", "b", "1"),
        result("e", "c", "2"),
        result("f", "b", "1"),
    ]
    assert conversations(*events) == ["abcde", "abf"]


def test_conversation_goes_over_a_compaction_or_begins_at_the_last() -> None:
    """A boundary has no parent; it names the last event before it as its logical one."""
    bound = {"event_type": "system", "subtype": "compact_boundary"}
    events = [
        prompt("a"),
        said("b", "a"),
        line("c", None, logicalParentUuid="b", **bound),
        prompt("d", "c", isCompactSummary=True),
    ]
    threads = threads_in(events)
    assert uuids(threads.conversation(events[3])) == ["a", "b", "c", "d"]
    assert uuids(threads.conversation(events[3], since_compaction=True)) == ["c", "d"]
    assert uuids(threads.conversation(events[1], since_compaction=True)) == ["a", "b"]
    assert uuids(threads.roots) == ["a"]


def test_parents_that_are_not_there_and_cycles_make_roots() -> None:
    assert conversations(prompt("a", "gone"), said("b", "a")) == ["ab"]
    assert conversations(prompt("a", "a"), said("b", "a")) == ["ab"]
    assert conversations(prompt("x", "b"), prompt("a", "b"), said("b", "a")) == ["abx"]
    assert conversations(line("a", logicalParentUuid="gone", event_type="system")) == ["a"]
    assert conversations(said("b", "a"), prompt("a")) == ["ab"]
    assert conversations(line("a", "gone", event_type="progress")) == ["a"]


def test_a_parent_counts_before_a_logical_one() -> None:
    events = [prompt("a"), prompt("x"), line("b", "a", logicalParentUuid="x")]
    assert conversations(*events) == ["x", "ab"]


def test_forks_repeat_uuids_and_each_follows_its_own_transcript() -> None:
    first = [prompt("a"), said("b", "a")]
    fork = [prompt("a", session_id="2"), said("b", "a", session_id="2"), prompt("c", "b")]
    agent = said("d", "b", subpath="subagents/agent-1", is_sidechain=True)
    threads = threads_in([*first, *fork, agent])
    assert threads.conversation(fork[1]) == tuple(fork[:2])
    assert threads.conversation(fork[2]) == (*first, fork[2])
    assert threads.conversation(agent) == (agent,)


def test_of_two_versions_of_an_event_the_preferred_stands_once() -> None:
    """A uuid can stand twice in one file, the second time with more fields."""
    poor, full = prompt("a", line=1), prompt("a", line=2, toolUseResult={"more": "fields"})
    threads = threads_in([poor, said("b", "a"), full])
    assert threads.events[0] == full
    assert threads_in([full, poor]).events == (full,)
    assert uuids(threads.events) == ["a", "b"]


def test_titles_and_snapshots_stand_apart() -> None:
    title = line("t", event_type="ai-title")
    note = line("n", "a", event_type="progress")
    streamed = said("s")
    threads = threads_in([prompt("a"), title, note, streamed])
    assert threads.apart == (title,)
    assert uuids(threads.roots) == ["a", "s"]
    assert uuids(threads.leaves) == ["n", "s"]
    assert uuids(event for _, event in threads.walk()) == ["a", "n", "s"]
    assert threads.conversation(title) == (title,)


def test_last_leaf_is_where_the_main_conversation_stopped() -> None:
    events = [
        prompt("a"),
        said("b", "a"),
        prompt("c", "a"),
        line("d", "c", event_type="system"),
        prompt("e", None, is_sidechain=True),
        line("f", "b", event_type="progress"),
        line("g", event_type="ai-title"),
    ]
    leaf = threads_in(events).last_leaf()
    assert leaf is not None
    assert leaf.uuid == "d"
    assert threads_in(events[4:5]).last_leaf() is None
    notes = [line(uuid, "d", event_type="progress") for uuid in "xy"]
    assert threads_in([*events, *notes]).last_leaf() == notes[1]
    assert threads_in([]).last_leaf() is None


def test_an_event_from_elsewhere_is_refused() -> None:
    threads = threads_in([prompt("a")])
    for ask in (threads.parent, threads.children, threads.conversation):
        with pytest.raises(EventNotFound):
            ask(prompt("b"))


ids = st.sampled_from("abcdefghijkl")
odd: Any = st.sampled_from(
    [
        None,
        "text",
        7,
        [None, "x", {}, {"type": None}, {"type": "tool_use", "id": 7}],
        [{"type": "tool_result", "tool_use_id": ["x"]}],
    ]
)
calls = st.lists(
    st.builds(
        lambda name, kind: {"type": kind, "id": name, "tool_use_id": name},
        ids,
        st.sampled_from(["tool_use", "tool_result"]),
    ),
    max_size=2,
)


@st.composite
def odd_lines(draw: st.DrawFn) -> Event:
    message = st.fixed_dictionaries(
        {"content": odd | calls}, optional={"id": st.sampled_from("mn")}
    )
    return line(
        draw(ids),
        draw(st.none() | ids),
        event_type=draw(st.sampled_from(["user", "assistant", "assistant", "system", "new"])),
        session_id=draw(st.sampled_from(["1", "1", "1", "2"])),
        is_sidechain=draw(st.booleans()),
        subtype=draw(st.sampled_from([None, "compact_boundary"])),
        logicalParentUuid=draw(st.none() | st.just(7) | ids),
        message=draw(odd | message),
    )


graphs = st.lists(odd_lines(), max_size=30)


@given(graphs)
def test_any_graph_becomes_a_forest_that_holds_each_event_once(events: list[Event]) -> None:
    threads = threads_in(events)
    keys = [event.key for event in threads.events]
    assert keys == list(dict.fromkeys(event.key for event in events))

    walked = [event.key for _, event in threads.walk()] + [event.key for event in threads.apart]
    assert sorted(walked) == sorted(keys)

    for event in threads.events:
        check_place(threads, event)
    followed = {parent.key for event in threads.events if (parent := threads.parent(event))}
    ends = [event for event in threads.events if event.key not in followed]
    assert [e for e in ends if e not in threads.apart] == list(threads.leaves)
    reached = {e.key for leaf in threads.leaves for e in threads.conversation(leaf)}
    assert reached == {event.key for _, event in threads.walk()}


@given(graphs)
def test_any_graph_gives_its_calls_and_subagents(events: list[Event]) -> None:
    calls = tool_calls_in(events)
    agents = subagents_in(events)
    assert subagents_in(events, calls=calls) == agents
    said = [id(event) for agent in agents for event in agent.events]
    assert len(said) == len(set(said)) <= len(events)
    assert all(agent.call is None or agent.call in calls for agent in agents)


def check_place(threads: Threads, event: Event) -> None:
    conversation = threads.conversation(event)
    keys = [said.key for said in conversation]
    assert len(keys) == len(set(keys))
    assert conversation[-1] == event
    assert threads.parent(conversation[0]) is None
    is_apart = conversation == (event,) and event in threads.apart
    assert is_apart or conversation[0] in threads.roots
    for before, after in pairwise(conversation):
        assert threads.parent(after) == before
        assert after in threads.children(before)
    forks = {fork.event.key: fork.branches for fork in threads.forks}
    children = threads.children(event)
    assert forks.get(event.key, ()) == (children if len(children) > 1 else ())


@pytest.mark.parametrize("shape", ["chain", "comb", "star", "cycle"])
def test_deep_and_wide_graphs_are_no_trouble(shape: str) -> None:
    count = 20_000
    parents: dict[str, Callable[[int], int]] = {
        "chain": lambda n: n - 1,
        "comb": lambda n: n - 1 - n % 2,
        "star": lambda _: 0,
        "cycle": lambda n: (n + 1) % count,
    }
    events = [prompt(str(n), str(parents[shape](n))) for n in range(count)]
    threads = threads_in(events)
    assert sum(1 for _ in threads.walk()) == count
    leaf = threads.last_leaf()
    assert leaf is not None
    assert len(threads.conversation(leaf)) == {"star": 2, "comb": 10_000}.get(shape, count)
