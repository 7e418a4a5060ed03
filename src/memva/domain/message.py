"""What stands in an event's message: its blocks, its text and its id, however odd the data."""

from __future__ import annotations

from collections.abc import Sequence

from memva.domain.event import Event
from memva.domain.json import JsonObject, JsonValue


def message_id(event: Event) -> str | None:
    """Return the id of the response that the event is a line of, or None."""
    message = event.data.get("message")
    found = message.get("id") if isinstance(message, dict) else None
    return found if isinstance(found, str) else None


def blocks(event: Event) -> Sequence[JsonObject]:
    """Return the blocks of the event's message, in order; none where its content is a text."""
    message = event.data.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return ()
    # Nearly every line has one block: most of the time would go into making a list for it.
    if len(content) == 1:
        return content if isinstance(content[0], dict) else ()
    return [block for block in content if isinstance(block, dict)]


def text(event: Event) -> str | None:
    """Return the event's content where it is a text, else its first block of text, or None."""
    message = event.data.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    texts = (found for block in blocks(event) if isinstance(found := block.get("text"), str))
    return next(texts, None)


def called_id(block: JsonObject) -> str | None:
    """Return the id of the tool call that the block is, or None where it is none or has no id.

    Anthropic's own tools call with types of their own, as `server_tool_use`.
    """
    kind = block.get("type")
    if isinstance(kind, str) and kind.endswith("tool_use"):
        return _text(block.get("id"))
    return None


def answered_id(block: JsonObject) -> str | None:
    """Return the id of the tool call that the block is the result of, or None.

    Anthropic's own tools answer with types of their own, as `web_search_tool_result`.
    """
    kind = block.get("type")
    if isinstance(kind, str) and kind.endswith("tool_result"):
        return _text(block.get("tool_use_id"))
    return None


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None
