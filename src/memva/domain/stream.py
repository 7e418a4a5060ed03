"""The stream of Claude Code: what its messages tell, beside what they say.

They are the objects of `--output-format stream-json`, with names in snake case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from memva.domain.errors import InvalidValue
from memva.domain.event import USER, Event
from memva.domain.json import JsonObject
from memva.domain.session import ClaudeStatus

PARTIAL: Final = "stream_event"
"""The type of the raw deltas: the message that they amount to comes whole after them."""


def claude_status_after(event: Event) -> ClaudeStatus | None:
    """Return what Claude Code is doing once it has said this on its stream, or None: as before.

    What subagents say tells nothing, as they go on in the background after the result.
    """
    if event.is_sidechain:
        return None
    data = event.data
    match event.event_type:
        case "result":
            subtype = data.get("subtype")
            failed = isinstance(subtype, str) and subtype.startswith("error")
            # An error of the API is a success with `is_error`.
            return "error" if failed or data.get("is_error") is True else "completed"
        case "user" | "assistant":
            return "processing"
        case "system" if data.get("subtype") == "init":
            return "processing"
        case _:
            return None


def prompt_object(
    content: str | Sequence[JsonObject], *, claude_session_id: str, uuid: str
) -> JsonObject:
    """Return a prompt as `--input-format stream-json` takes it; content is a text or blocks.

    Raises:
        InvalidValue: It is neither.
    """
    if not isinstance(content, str):
        is_list = isinstance(content, Sequence)
        if not is_list or not all(isinstance(block, Mapping) for block in content):
            raise InvalidValue("content", content, "must be text, or a list of blocks of content")
        content = list(content)
    return {
        "type": USER,
        "message": {"role": "user", "content": content},
        "parent_tool_use_id": None,
        "session_id": claude_session_id,
        "uuid": uuid,
    }
