"""Messages of the Agent SDK become the objects that they were made of."""

from dataclasses import dataclass, field, make_dataclass
from typing import Any

import pytest
from claude_agent_sdk import (
    AssistantMessage,
    ResultMessage,
    SystemMessage,
    TextBlock,
    ToolResultBlock,
    UserMessage,
)

# The SDK has no public way from what Claude Code writes to its messages.
from claude_agent_sdk._internal.message_parser import parse_message
from claude_agent_sdk.types import (
    RateLimitEvent,
    RateLimitInfo,
    TaskStartedMessage,
)
from tests.recording.messages import (
    CALL,
    CLAUDE,
    DELTA,
    INIT,
    LIMIT,
    RESULT,
    TURN,
    answers,
    heard,
    message,
    spoken,
    text,
    uses,
)

from memva import InvalidValue
from memva.domain.sdk_message import message_object

THINKING = {"type": "thinking", "thinking": "Hm.", "signature": "sig"}
SEARCH = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "x"}}
ADVICE = {"type": "advisor_tool_result", "tool_use_id": "srv_1", "content": {"type": "advice"}}
TASK = message(
    "system", 20, subtype="task_started", task_id="t", description="Look", tool_use_id=CALL, more=1
)
PROGRESS = message(
    "system", 21, subtype="task_progress", task_id="t", description="Look", usage={"tool_uses": 1}
)
NOTIFICATION = message(
    "system",
    22,
    subtype="task_notification",
    task_id="t",
    status="completed",
    output_file="/tmp/t",
    summary="Looked",
)
UPDATED = message("system", 23, subtype="task_updated", task_id="t", patch={"status": "killed"})
HOOK = message("system", 24, subtype="hook_response", hook_event="Stop", exit_code=0)
MIRROR = message("system", 25, subtype="mirror_error", error="full", key={"session_id": CLAUDE})
RESET = message("conversation_reset", 26, new_conversation_id="c")
FAILED = RESULT | {"is_error": True, "api_error_status": 529, "errors": ["overloaded"]}
DEFERRED = RESULT | {"deferred_tool_use": {"id": "toolu_2", "name": "Bash", "input": {"a": None}}}
ERROR = spoken(27, text("API Error")) | {"error": "rate_limit", "user_message_uuids": ["uuid-2"]}


def without_session(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name != "session_id"}


@pytest.mark.parametrize(
    "said",
    [
        *(one for one in TURN if one["type"] != "user"),
        *(DELTA, TASK, PROGRESS, NOTIFICATION, UPDATED, HOOK, MIRROR, RESET, FAILED, DEFERRED),
        *(ERROR, spoken(28, THINKING, SEARCH, ADVICE)),
    ],
    ids=lambda said: f"{said['type']}-{said['uuid']}",
)
def test_message_becomes_what_claude_code_wrote(said: dict[str, Any]) -> None:
    assert message_object(parse_message(said)) == said


@pytest.mark.parametrize(
    "said",
    [
        heard(1, "Fix the login", origin={"kind": "human"}),
        heard(2, [answers()], tool_use_result={"stdout": "", "none": None}),
        heard(3, [answers(), text("And?")], call=CALL),
        heard(4, [{"type": "tool_result", "tool_use_id": CALL, "content": [text("x")]}]),
    ],
    ids=lambda said: said["uuid"],
)
def test_what_claude_is_told_lacks_its_session_alone(said: dict[str, Any]) -> None:
    assert message_object(parse_message(said)) == without_session(said)


def test_messages_that_a_host_makes() -> None:
    system = SystemMessage(subtype="init", data={"cwd": "/code", "session_id": CLAUDE})
    assert message_object(system) == {
        "type": "system", "subtype": "init", "cwd": "/code", "session_id": CLAUDE,
    }  # fmt: skip
    task = TaskStartedMessage(
        subtype="task_started", data={}, task_id="t", description="d", uuid="u", session_id=CLAUDE
    )
    assert message_object(task) == {
        "type": "system", "subtype": "task_started", "task_id": "t", "description": "d",
        "uuid": "u", "session_id": CLAUDE,
    }  # fmt: skip
    assert message_object(AssistantMessage(content=[TextBlock("Hi")], model="m")) == {
        "type": "assistant",
        "message": {
            "type": "message", "role": "assistant", "model": "m", "stop_reason": None,
            "content": [{"type": "text", "text": "Hi"}],
        },
        "parent_tool_use_id": None,
    }  # fmt: skip
    assert message_object(UserMessage([ToolResultBlock("toolu_1")])) == {
        "type": "user",
        "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1"}]},
        "parent_tool_use_id": None,
    }
    bare = ResultMessage("success", 1, 1, False, 1, CLAUDE)
    assert message_object(bare)["is_error"] is False
    limit = RateLimitEvent(RateLimitInfo("allowed", resets_at=5), uuid="u", session_id=CLAUDE)
    assert message_object(limit)["rate_limit_info"] == {"status": "allowed", "resets_at": 5}


def test_messages_of_tomorrow_keep_every_field() -> None:
    @dataclass
    class OddBlock:
        inner: object

    @dataclass
    class BrandNewMessage:
        content: list[object]
        session_id: str = CLAUDE
        left_out: object = None
        deep: dict[str, object] = field(default_factory=lambda: {"kept": None})

    @dataclass
    class BetterAssistantMessage(AssistantMessage):
        mood: str = "good"

    odd = BrandNewMessage([OddBlock((1, 2)), TextBlock("Hi")])
    assert message_object(odd) == {
        "type": "brand_new",
        "content": [{"type": "odd", "inner": [1, 2]}, {"type": "text", "text": "Hi"}],
        "session_id": CLAUDE,
        "deep": {"kept": None},
    }
    better = message_object(BetterAssistantMessage(content=[], model="m"))
    assert (better["type"], better["mood"]) == ("assistant", "good")


def test_what_is_no_message_is_refused() -> None:
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    for odd in (
        None, "text", 5, [INIT], object(), UserMessage, {}, {"type": None}, UserMessage([deep]),
        make_dataclass("Message", [])(),
    ):  # fmt: skip
        with pytest.raises(InvalidValue):
            message_object(odd)


def test_object_is_taken_as_it_is() -> None:
    assert message_object(LIMIT) is LIMIT
    assert message_object(uses("Task") | {"type": "x"})["name"] == "Task"
