"""What is said in an event, as far as a session's figures and its latest message need it.

Stores keep it beside each event, so that neither takes reading the whole session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from memva.domain.event import ASSISTANT, USER, Event
from memva.domain.message import blocks
from memva.domain.prompts import given_in
from memva.domain.reported_cost import reported_cost_in

Said: TypeAlias = Literal["prompt", "command", "answer", "cost"]

MESSAGES: Final[tuple[Said, ...]] = ("prompt", "command", "answer")
"""What counts as a message: what a person gave, and what Claude answered."""


def said_in(event: Event) -> Said | None:
    """Return what is said in the event, or None for all the rest.

    A `prompt` is what a person typed, a `command` a slash command that a person gave, an `answer`
    a text of Claude's in the main conversation; a `cost` is what Claude Code reported.
    """
    if event.event_type == USER:
        return given_in(event)
    if event.event_type == ASSISTANT:
        return "answer" if _is_answer(event) else None
    return "cost" if reported_cost_in(event) is not None else None


def _is_answer(event: Event) -> bool:
    if event.is_sidechain:
        return False
    message = event.data.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, str):
        return content.strip() != ""
    for block in blocks(event):
        text = block.get("text") if block.get("type") == "text" else None
        if isinstance(text, str) and text.strip():
            return True
    return False
