"""What stands beneath what in a conversation, wherever its events came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from memva import create_session, record_event
from memva.adapters.sqlite import SqliteStore
from memva.cli.conversation import whole
from memva.domain.json import JsonObject, JsonValue

from .conftest import Run

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Talk:
    """Records a line after the other, each a second later."""

    def __init__(self, store: SqliteStore) -> None:
        self._store, self._said = store, 0
        create_session(store, project_path="/p", title="Talk", id="s", now=NOON)

    def __call__(
        self,
        event_type: str,
        content: JsonValue,
        *,
        uuid: str | None = None,
        after: str | None = None,
        subpath: str = "",
        is_sidechain: bool | None = None,
        line: int = 0,
        **data: JsonValue,
    ) -> None:
        self._said += 1
        record_event(
            self._store,
            session_id="claude-session",
            event_type=event_type,
            uuid=uuid,
            parent_uuid=after,
            subpath=subpath,
            is_sidechain=bool(subpath) if is_sidechain is None else is_sidechain,
            line=line,
            data={"message": {"content": content}, **data},
            timestamp=NOON + timedelta(seconds=self._said),
            memva_session_id="s",
        )


def call(tool_use_id: str, name: str, given: str) -> JsonObject:
    return {"type": "tool_use", "id": tool_use_id, "name": name, "input": {"prompt": given}}


def result(tool_use_id: str, content: str) -> JsonObject:
    return {"type": "tool_result", "tool_use_id": tool_use_id, "content": content}


@pytest.fixture
def say(store: SqliteStore) -> Talk:
    return Talk(store)


@pytest.fixture(autouse=True, params=[1, 2, 3, 200])
def first(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is told before all is read, the same is told."""
    monkeypatch.setattr(whole, "_FIRST", request.param)


def told(run: Run, *options: str) -> list[str]:
    """Return the lines that are no heading, without the times."""
    lines = run("show", "s", *options).stdout.splitlines()[4:]
    return [line.partition("  2026-")[0] for line in lines if line]


def test_parallel_calls_stand_with_their_own_results(run: Run, say: Talk) -> None:
    say("assistant", [call("1", "Bash", "first")])
    say("assistant", [call("2", "Bash", "second"), call("3", "Bash", "third")])
    say("user", [result("3", "of the third"), result("1", "of the first")])
    assert told(run) == [
        "claude",
        "  → Bash first",
        "  ← of the first",
        "  → Bash second",
        "  ← (no result)",
        "  → Bash third",
        "  ← of the third",
    ]


def test_anthropics_own_tools_have_their_results_beneath_them(run: Run, say: Talk) -> None:
    given: JsonObject = {"query": "memva"}
    use: JsonObject = {"type": "server_tool_use", "id": "1", "name": "web_search", "input": given}
    page: JsonObject = {"type": "web_search_result", "title": "The page", "url": "https://x.y"}
    found: JsonObject = {"type": "web_search_tool_result", "tool_use_id": "1", "content": [page]}
    failed: JsonObject = {
        "type": "web_search_tool_result",
        "tool_use_id": "2",
        "content": {"type": "web_search_tool_result_error", "error_code": "busy"},
    }
    say("assistant", [use, {**use, "id": "2"}, failed, found])
    assert told(run)[1:] == [
        "  → web_search memva",
        "  ← The page",
        "  → web_search memva",
        "  ✗ [web_search_tool_result_error]",
    ]


def test_a_result_without_its_call_stands_where_it_came(run: Run, say: Talk) -> None:
    say("user", "hello")
    say("user", [result("nobody's", "lost")])
    say("assistant", [call("1", "Bash", "x")])
    say("user", [result("1", "one")])
    say("user", [result("1", "another")])
    assert told(run) == [
        "you",
        "  hello",
        "claude",
        "  ← lost",
        "  → Bash x",
        "  ← one",
        "  ← another",
    ]


def test_a_subagent_stands_beneath_its_call_even_where_it_goes_on_later(
    run: Run, say: Talk
) -> None:
    say("assistant", [call("1", "Task", "Look around.")])
    say("user", [result("1", "launched")], toolUseResult={"agentId": "7f"})
    say("user", "Meanwhile?")
    say("user", "Look around.", subpath="subagents/agent-7f")
    say("progress", None, subpath="subagents/agent-7f")
    say("assistant", "Found it.", subpath="subagents/agent-7f")
    say("assistant", "All is well.")
    assert told(run) == [
        "claude",
        "  → Task Look around.",
        "  ← launched",
        "    to subagent 7f",
        "      Look around.",
        "    · progress",
        "    subagent 7f",
        "      Found it.",
        "you",
        "  Meanwhile?",
        "claude",
        "  All is well.",
    ]


def test_a_subagent_that_its_prompt_alone_tells_stands_beneath_its_call(
    run: Run, say: Talk
) -> None:
    say("assistant", [call("1", "Task", "Look around.")])
    say("user", [result("1", "launched")])
    say("user", "Meanwhile?")
    say("user", "Look around.", subpath="subagents/agent-7f")
    assert told(run) == [
        "claude",
        "  → Task Look around.",
        "  ← launched",
        "    to subagent 7f",
        "      Look around.",
        "you",
        "  Meanwhile?",
    ]


def test_a_subagents_subagent_is_indented_further(run: Run, say: Talk) -> None:
    say("assistant", [call("1", "Task", "One.")])
    say("assistant", [call("2", "Task", "Two.")], subpath="subagents/agent-a")
    say("assistant", "Deep.", subpath="subagents/agent-b")
    say("user", [result("2", "b is done")], subpath="subagents/agent-a", agentId="a")
    say("user", [result("1", "a is done")], toolUseResult={"agentId": "a"})
    say("user", "Two.", subpath="subagents/agent-b")
    assert told(run) == [
        "claude",
        "  → Task One.",
        "  ← a is done",
        "    subagent a",
        "      → Task Two.",
        "      ← b is done",
        "        subagent b",
        "          Deep.",
        "        to subagent b",
        "          Two.",
    ]


def test_what_a_subagent_streams_is_the_subagents(run: Run, say: Talk) -> None:
    say("assistant", [call("1", "Task", "Look around.")])
    say("user", "Look around.", parent_tool_use_id="1")
    say("assistant", "Found it.", parent_tool_use_id="1")
    assert told(run) == [
        "claude",
        "  → Task Look around.",
        "  ← (no result)",
        "    to subagent",
        "      Look around.",
        "    subagent",
        "      Found it.",
    ]


def test_a_subagent_without_a_call_follows_what_was_said_before_it(run: Run, say: Talk) -> None:
    say("assistant", "Warming up.", subpath="subagents/agent-0")
    say("user", "hello")
    say("assistant", "Whose am I?", subpath="subagents/agent-1")
    say("assistant", "Hello.")
    say("assistant", "So am I.", subpath="subagents/agent-1")
    assert told(run) == [
        "    subagent 0",
        "      Warming up.",
        "you",
        "  hello",
        "    subagent 1",
        "      Whose am I?",
        "      So am I.",
        "claude",
        "  Hello.",
    ]


def test_subagents_that_start_each_other_are_told_once(run: Run, say: Talk) -> None:
    say("user", "One.", subpath="subagents/agent-a")
    say("user", "Two.", subpath="subagents/agent-b")
    say("assistant", [call("2", "Task", "Two.")], subpath="subagents/agent-a")
    say("assistant", [call("1", "Task", "One.")], subpath="subagents/agent-b")
    assert told(run) == [
        "    to subagent a",
        "      One.",
        "    subagent a",
        "      → Task Two.",
        "      ← (no result)",
        "        to subagent b",
        "          Two.",
        "        subagent b",
        "          → Task One.",
        "          ← (no result)",
    ]


def test_where_a_conversation_goes_back_a_line_says_to_what(run: Run, say: Talk) -> None:
    say("user", "Make it blue.", uuid="1")
    say("assistant", "It is blue.", uuid="2", after="1")
    say("user", "Make it green.", uuid="3", after="2")
    say("progress", None, uuid="4", after="3")
    say("assistant", "It is green.", uuid="5", after="3")
    say("attachment", None, uuid="6", after="2")
    say("user", "Make it red.", uuid="7", after="6")
    say("assistant", "It is red.", uuid="8", after="7")
    say("user", "Start anew.", uuid="9", line=9)
    assert told(run) == [
        "you",
        "  Make it blue.",
        "claude",
        "  It is blue.",
        "you",
        "  Make it green.",
        "· progress",
        "claude",
        "  It is green.",
        "· attachment",
        "↶ goes back to claude, 2026-05-01 12:00:02: It is blue.",
        "you",
        "  Make it red.",
        "claude",
        "  It is red.",
        "↶ goes back to the beginning",
        "you",
        "  Start anew.",
    ]


def test_a_compaction_is_one_line(run: Run, say: Talk) -> None:
    say("user", "hello", uuid="1")
    say("assistant", "Hello.", uuid="2", after="1")
    say("system", None, uuid="3", subtype="compact_boundary", logicalParentUuid="2")
    say("user", "A summary.", uuid="4", after="3", isCompactSummary=True)
    say("user", "Go on.", uuid="5", after="4")
    say("user", "No, go on here.", uuid="6", after="3")
    assert told(run) == [
        "you",
        "  hello",
        "claude",
        "  Hello.",
        "⋯ compacted",
        "you",
        "  Go on.",
        "↶ goes back to the compaction, 2026-05-01 12:00:03",
        "you",
        "  No, go on here.",
    ]


def test_tools_are_unfolded_on_demand(run: Run, say: Talk) -> None:
    edit: JsonObject = {"file_path": "/a.py", "old_string": "one\ntwo", "replace_all": True}
    say("assistant", [{"type": "tool_use", "id": "1", "name": "Edit", "input": edit}])
    say("assistant", [{"type": "tool_use", "id": "2", "name": "Bare", "input": {}}])
    say("assistant", [{"type": "tool_use", "id": "3", "name": "Odd", "input": 7}])
    say("user", [result("1", "first\n\n  second")])
    say("user", [result("2", "")])
    assert told(run, "--tools") == [
        "claude",
        "  → Edit",
        "    file_path: /a.py",
        "    old_string:",
        "      one",
        "      two",
        "    replace_all: true",
        "  ← first",
        "      second",
        "  → Bare",
        "  ← (nothing)",
        "  → Odd",
        "    7",
        "  ← (no result)",
    ]


def test_thinking_is_unfolded_on_demand(run: Run, say: Talk) -> None:
    say("assistant", [{"type": "thinking", "thinking": "One.\nTwo."}])
    assert told(run) == ["claude", "  (thinking) One. (2 lines)"]
    assert told(run, "--thinking") == ["claude", "  (thinking) One.", "    Two."]


def test_the_last_events_alone_are_shown_on_demand(run: Run, say: Talk) -> None:
    for number in range(5):
        say("user", f"{number}")
    assert told(run, "--tail", "2") == ["you", "  3", "  4"]
