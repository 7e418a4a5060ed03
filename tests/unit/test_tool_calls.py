"""Tool calls and their results, however the lines are laid out."""

from __future__ import annotations

from hypothesis import given
from tests.unit.lines import line, prompt, result, said
from tests.unit.test_threads import graphs

from memva import Event, compactions_in, find_tool_use, subagents_in, tool_calls_in


def test_parallel_calls_find_their_results_in_any_order() -> None:
    call = said("a", None, "1", response="m", input={"command": "ls"})
    other = said("b", "a", "2", response="m")
    answers = [result("c", "b", "2"), result("d", "a", "1")]
    one, two = tool_calls_in([call, other, *answers])
    assert (one.tool_use_id, one.name, one.input) == ("1", "Bash", {"command": "ls"})
    assert (one.event, one.result, one.output, one.is_error) == (call, answers[1], "ok", False)
    assert (two.tool_use_id, two.event, two.result) == ("2", other, answers[0])


def test_several_calls_and_results_in_one_line() -> None:
    events = [said("a", None, "1", "2"), result("b", "a", "2", "1")]
    assert [(c.tool_use_id, c.result) for c in tool_calls_in(events)] == [
        ("1", events[1]),
        ("2", events[1]),
    ]


def test_a_call_that_runs_has_no_result() -> None:
    [call] = tool_calls_in([said("a", None, "1"), result("b", "a", "other")])
    assert (call.result, call.output, call.is_error) == (None, None, False)


def test_errors_say_so() -> None:
    failed = {"type": "tool_result", "tool_use_id": "1", "is_error": True, "content": "No"}
    server = {
        "type": "web_search_tool_result",
        "tool_use_id": "2",
        "content": {"type": "web_search_tool_result_error", "error_code": "unavailable"},
    }
    search = {"type": "server_tool_use", "id": "2", "name": "web_search", "input": {"query": "x"}}
    searched = line("c", "b", event_type="assistant", message={"content": [search, server]})
    one, two = tool_calls_in(
        [said("a", None, "1"), line("b", "a", message={"content": [failed]}), searched]
    )
    assert (one.is_error, one.output) == (True, "No")
    assert (two.name, two.is_error, two.result) == ("web_search", True, searched)


def test_the_first_call_and_the_first_result_of_an_id_count() -> None:
    events = [said("a", None, "1"), said("b", "a", "1"), result("c", "b", "1")]
    again = result("d", "b", "1")
    [call] = tool_calls_in([*events, again])
    assert (call.event, call.result) == (events[0], events[2])


def test_forks_repeat_calls_and_each_has_its_own_result() -> None:
    fork = [said("a", None, "1", session_id="2"), result("b", "a", "1", session_id="2")]
    one, two = tool_calls_in([said("a", None, "1"), *fork])
    assert one.result is None
    assert two.result == fork[1]


def test_find_tool_use() -> None:
    replayed = said("a", None, "1", is_sidechain=True, subpath="subagents/agent-1")
    events = [replayed, said("b", None, "1"), result("c", "b", "1")]
    call = find_tool_use(events, "1")
    assert call is not None
    assert (call.event, call.result) == (events[1], events[2])
    assert find_tool_use([replayed], "1") is not None
    assert find_tool_use(events, "2") is None


def test_odd_calls_do_no_harm() -> None:
    nameless = {"type": "tool_use", "id": "1", "name": 7, "input": "text"}
    contents = [[nameless], [{"type": "tool_use"}], [{"type": "tool_result"}], "text", None, [7]]
    events = [
        line(str(number), message={"content": content}) for number, content in enumerate(contents)
    ]
    [call] = tool_calls_in([*events, line("m", message="text"), line("n")])
    assert (call.name, call.input) == ("", {})


@given(graphs)
def test_any_graph_has_calls_subagents_and_compactions(events: list[Event]) -> None:
    calls = [(call.event.transcript, call.tool_use_id) for call in tool_calls_in(events)]
    assert len(calls) == len(set(calls))
    told = [event for subagent in subagents_in(events) for event in subagent.events]
    sidechains = [event for event in events if event.is_sidechain]
    assert sorted(map(id, told)) == sorted(map(id, sidechains))
    assert all(c.boundary.event_type == "system" for c in compactions_in(events))


def test_prompt_is_no_call() -> None:
    assert tool_calls_in([prompt("a")]) == ()


def test_a_result_before_its_call_is_found() -> None:
    events = [result("b", "a", "1"), result("c", "a", "1"), said("a", None, "1")]
    [call] = tool_calls_in([*events, result("d", "a", "1")])
    assert call.result == events[0]
