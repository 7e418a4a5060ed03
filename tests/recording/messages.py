"""A conversation as Claude Code streams it, small enough to be written by hand."""

from __future__ import annotations

from typing import Any, Final

CLAUDE: Final = "7d1f0c52-3a58-4c0e-9a53-0b6d2f1c9e10"
CALL: Final = "toolu_1"


def message(type_: str, number: int, **fields: Any) -> dict[str, Any]:
    """Return a message of the stream."""
    return {"type": type_, **fields, "uuid": f"uuid-{number}", "session_id": CLAUDE}


def spoken(number: int, *blocks: dict[str, Any], call: str | None = None) -> dict[str, Any]:
    """Return what Claude says, in the main conversation or in that which a call started."""
    said = {
        "id": f"msg-{number}",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": list(blocks),
        "stop_reason": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    }
    return message("assistant", number, message=said, parent_tool_use_id=call)


def heard(number: int, content: Any, call: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return what Claude is told."""
    said = {"role": "user", "content": content}
    return message("user", number, message=said, parent_tool_use_id=call, **fields)


def text(words: str) -> dict[str, Any]:
    """Return a block of text."""
    return {"type": "text", "text": words}


def uses(tool: str, call: str = CALL) -> dict[str, Any]:
    """Return a block that calls a tool."""
    return {"type": "tool_use", "id": call, "name": tool, "input": {"prompt": "Look"}}


def answers(call: str = CALL) -> dict[str, Any]:
    """Return a block with what a tool brought."""
    return {"type": "tool_result", "tool_use_id": call, "content": "found", "is_error": False}


INIT: Final = message(
    "system", 1, subtype="init", cwd="/code/app", model="claude-sonnet-4-5", tools=["Task"]
)
DELTA: Final = message("stream_event", 90, event={"type": "message_start"})
LIMIT: Final = message("rate_limit_event", 7, rate_limit_info={"status": "allowed", "resetsAt": 5})
RESULT: Final = message(
    "result",
    9,
    subtype="success",
    duration_ms=1200,
    duration_api_ms=1000,
    is_error=False,
    num_turns=2,
    total_cost_usd=0.25,
    usage={"input_tokens": 30, "output_tokens": 60},
    modelUsage={"claude-sonnet-4-5": {"inputTokens": 30, "outputTokens": 60, "costUSD": 0.25}},
    permission_denials=[],
    result="Done.",
)
TURN: Final[list[dict[str, Any]]] = [
    INIT,
    heard(2, "Fix the login"),
    spoken(3, text("I ask an agent."), uses("Task")),
    spoken(4, text("I look."), call=CALL),
    heard(5, [answers()], tool_use_result={"agentId": "a1", "status": "completed"}),
    spoken(6, text("Done.")),
    LIMIT,
    RESULT,
]
"""A turn in which a subagent helps; the prompt is replayed."""
