"""Subagents under the call that started them, as each version of Claude Code tells it."""

from __future__ import annotations

from typing import Any

from tests.unit.lines import line, prompt, result, said, uuids

from memva import Event, subagents_in


def shown(*events: Event) -> list[tuple[str | None, str, str | None, str | None]]:
    """Return the id, the uuids, the call and how it is known, for each subagent."""
    return [
        (
            agent.agent_id,
            "".join(uuids(agent.events)),
            agent.call.tool_use_id if agent.call else None,
            agent.linked_by,
        )
        for agent in subagents_in(events)
    ]


def task(uuid: str, call: str, text: str = "Look", **fields: Any) -> Event:
    return said(uuid, None, call, name="Task", input={"prompt": text}, **fields)


def of_agent(name: str) -> Any:
    return {"is_sidechain": True, "subpath": f"subagents/agent-{name}", "agentId": name}


def test_the_result_of_a_call_names_the_agent() -> None:
    """From 2.0.60 on an agent has a file of its own."""
    events = [
        task("a", "1"),
        task("b", "2"),
        prompt("x", text="Look", **of_agent("X")),
        prompt("y", text="Look", **of_agent("Y")),
        said("z", "x", **of_agent("X")),
        result("c", "b", "2", toolUseResult={"agentId": "X"}),
        result("d", "a", "1", toolUseResult={"agentId": "Y"}),
    ]
    assert shown(*events) == [("X", "xz", "2", "result"), ("Y", "y", "1", "result")]


def test_what_an_agent_is_names_the_call() -> None:
    """From 2.1.330 on: without a result, and with prompts that are equal."""
    told = line("m", event_type="agent_metadata", toolUseId="1", **of_agent("Y"))
    events = [
        task("a", "1"),
        task("b", "2"),
        prompt("x", text="Look", **of_agent("X")),
        prompt("y", text="Look", **of_agent("Y")),
        told,
    ]
    assert shown(*events) == [("X", "x", "2", "prompt"), ("Y", "ym", "1", "metadata")]
    assert [agent.metadata for agent in subagents_in(events)] == [None, told.data]


def test_a_line_in_the_main_file_may_bear_an_agents_id() -> None:
    inline: Any = {"is_sidechain": True, "agentId": "X"}
    events = [
        prompt("x", **inline),
        said("y", "gone", **inline),
        line("n", agentId="X"),
        task("a", "1"),
        result("b", "a", "1", tool_use_result={"agentId": "X"}),
    ]
    assert shown(*events) == [("X", "xy", "1", "result")]


def test_streamed_lines_name_the_call() -> None:
    events = [
        task("a", "1"),
        prompt("x", parent_tool_use_id="1"),
        said("y", parent_tool_use_id="1"),
        said("z", parent_tool_use_id="gone"),
        said("b", parent_tool_use_id=None),
    ]
    assert shown(*events) == [(None, "xy", "1", "stream"), (None, "z", None, None)]


def test_streamed_lines_join_the_agent_that_the_result_names() -> None:
    events = [
        task("a", "1"),
        prompt("x", parent_tool_use_id="1"),
        said("y", **of_agent("X")),
        result("b", "a", "1", toolUseResult={"agentId": "X"}),
    ]
    assert shown(*events) == [("X", "xy", "1", "result")]


def test_inline_sidechains_are_known_by_their_prompts() -> None:
    """1.0.60 writes them into the main file, each root without a parent."""
    side: Any = {"is_sidechain": True}
    events = [
        task("a", "1", "Look"),
        task("b", "2", "Look"),
        said("c", None, "3", name="Other", input={"prompt": "Warmup"}),
        prompt("u", text="Look", **side),
        prompt("v", text="Look", **side),
        said("w", "u", **side),
        said("x", "v", **side),
        prompt("y", text="Warmup", **side),
    ]
    assert shown(*events) == [
        (None, "uw", "1", "prompt"),
        (None, "vx", "2", "prompt"),
        (None, "y", None, None),
    ]


def test_a_call_that_is_known_better_is_not_given_away_by_its_prompt() -> None:
    events = [
        task("a", "1"),
        result("b", "a", "1", toolUseResult={"agentId": "X"}),
        prompt("x", **of_agent("X")),
        line("y", message={"content": [{"type": "text", "text": "Look"}]}, **of_agent("Y")),
        task("c", "2"),
    ]
    assert shown(*events) == [("X", "x", "1", "result"), ("Y", "y", "2", "prompt")]


def test_an_agent_that_is_known_better_takes_no_call_by_its_prompt() -> None:
    events = [
        task("a", "1"),
        result("b", "a", "1", toolUseResult={"agentId": "X"}),
        task("c", "2"),
        prompt("x", text="Look", **of_agent("X")),
    ]
    assert shown(*events) == [("X", "x", "1", "result")]


def test_an_id_is_not_taken_for_the_uuid_of_a_sidechain() -> None:
    answer = result("b", "a", "1", toolUseResult={"agentId": "x"})
    events = [task("a", "1"), answer, prompt("x", text="Other", is_sidechain=True)]
    assert shown(*events) == [(None, "x", None, None)]


def test_an_agent_of_an_agent_stands_beside_it() -> None:
    events = [
        task("x", "1", **of_agent("X")),
        result("y", "x", "1", toolUseResult={"agentId": "Y"}, **of_agent("X")),
        prompt("z", is_sidechain=True, subpath="subagents/workflows/run/agent-Y"),
    ]
    assert shown(*events) == [("X", "xy", None, None), ("Y", "z", "1", "result")]


def test_the_call_outside_of_subagents_counts_where_one_repeats_it() -> None:
    replayed = task("a", "1", **of_agent("Z"))
    call = task("b", "1")
    agents = subagents_in([replayed, call, said("x", parent_tool_use_id="1")])
    assert [agent.call and agent.call.event.uuid for agent in agents] == [None, "b"]


def test_sessions_do_not_share_agents() -> None:
    """A fork repeats agents' ids and calls under another session."""
    events = [prompt("x", **of_agent("X")), prompt("x", session_id="2", **of_agent("X"))]
    call = task("a", "1", session_id="2")
    answer = result("b", "a", "1", toolUseResult={"agentId": "X"}, session_id="2")
    assert shown(*events, call, answer) == [("X", "x", None, None), ("X", "x", "1", "result")]


def test_odd_results_and_names_do_no_harm() -> None:
    events = [task("a", "1"), task("b", "2"), task("c", "3")]
    odd: list[Any] = ["Error", [{"type": "text"}], {"agentId": 7}]
    answers = [
        result(str(number), event.uuid, str(number), toolUseResult=value)
        for number, (event, value) in enumerate(zip(events, odd, strict=True), start=1)
    ]
    stray = line("x", is_sidechain=True, subpath="subagents/odd", message="text")
    assert shown(*events, *answers, stray) == [(None, "x", None, None)]
