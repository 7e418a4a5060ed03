"""What one event adds to a conversation, as little of it as is shown while it is folded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

from memva.cli.conversation.folding import (
    as_blocks,
    excerpt,
    folded_input,
    result_text,
    whole_input,
)
from memva.cli.output import one_line
from memva.domain.event import ASSISTANT, USER, Event
from memva.domain.json import JsonObject
from memva.domain.line import AGENT_METADATA
from memva.domain.message import answered_id, called_id
from memva.domain.prompts import command_text, prompt_text
from memva.domain.tool_calls import is_error

PartKind: TypeAlias = Literal["prompt", "answer", "thinking", "call", "result", "other"]


class Part(NamedTuple):
    """Something that was said, or done.

    Attributes:
        kind: What it is. `prompt` and `answer` have their text whole, the others one line of it.
        text: What it says; not cleaned yet where it is whole.
        block: Which block of the message it is.
        tool_use_id: Of a call or a result: the id of the call, where it has one.
        failed: Whether it is a result that says that it is an error.
        call: Of a result that does not stand beneath its call: what was called.
    """

    kind: PartKind
    text: str
    block: int = 0
    tool_use_id: str | None = None
    failed: bool = False
    call: str = ""

    @property
    def is_persons(self) -> bool:
        """Whether it was said to Claude, or to a subagent, and not by it."""
        return self.kind == "prompt"


def parts_of(event: Event) -> Iterator[Part]:
    """Yield what an event adds to the conversation; nothing where it is no part of it."""
    if event.event_type == ASSISTANT:
        for place, block in enumerate(message_blocks(event)):
            yield from _claudes(block, place)
    elif event.event_type == USER:
        yield from _users(event)


def whole_text(event: Event, part: Part) -> str:
    """Return all that is folded in a part of the event: thinking, a tool's input or its result."""
    blocks = message_blocks(event)
    block = blocks[part.block] if part.block < len(blocks) else {}
    match part.kind, block:
        case "thinking", {"thinking": str(text)}:
            return text
        case "call", {"name": str(name)}:
            return f"{one_line(name)}\n{whole_input(block.get('input'))}"
        case "result", _:
            return result_text(block.get("content"))
    return part.text


def kind_of(event: Event) -> str:
    """Return what an event is called that is no part of the conversation.

    What a subagent is has no name: it is not said in its place, and rewritten at any time.
    """
    if event.event_type == AGENT_METADATA:
        return ""
    if event.event_type == USER:
        return "note"
    subtype = event.data.get("subtype")
    kind = f"{event.event_type} {subtype}" if isinstance(subtype, str) else event.event_type
    return one_line(kind)


def message_blocks(event: Event) -> list[JsonObject]:
    """Return the blocks of the event's message; a text alone is one."""
    message = event.data.get("message")
    return as_blocks(message.get("content")) if isinstance(message, Mapping) else []


def _claudes(block: JsonObject, place: int) -> Iterator[Part]:
    match block:
        case {"type": "text", "text": str(text)}:
            if text.strip():
                yield Part("answer", text.strip(), place)
        case {"type": "thinking", "thinking": str(text)}:
            if text.strip():
                yield Part("thinking", excerpt(text), place)
        case {"name": str(name), "input": given}:
            text = f"{one_line(name)} {folded_input(given)}".rstrip()
            yield Part("call", text, place, called_id(block))
        case {"type": str(kind)} if kind.endswith("tool_result"):
            yield _result(block, place)
        case {"type": str(kind)}:
            yield Part("other", f"[{one_line(kind)}]", place)


def _users(event: Event) -> Iterator[Part]:
    """Yield what a person typed or attached, and what tools gave back."""
    texts = []
    for place, block in enumerate(message_blocks(event)):
        match block:
            case {"type": str(kind)} if kind.endswith("tool_result"):
                yield _result(block, place)
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "image" | "document" as kind}:
                yield Part("prompt", f"[{kind}]", place)
    typed = "\n".join(texts) if event.is_sidechain else prompt_text(event) or command_text(event)
    if typed and typed.strip():
        yield Part("prompt", typed.strip())


def _result(block: JsonObject, place: int) -> Part:
    text = excerpt(result_text(block.get("content"))) or "(nothing)"
    return Part("result", text, place, answered_id(block), is_error(block))
