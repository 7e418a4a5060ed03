"""What a person typed: not every `user` line is a person's.

Claude Code writes its own notes, the output of local commands and the results of tools as `user`
lines too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from memva.domain.event import USER, Event

_COMMAND: Final = re.compile(r"<command-name>\s*(.*?)\s*</command-name>", re.DOTALL)
_ARGUMENTS: Final = re.compile(r"<command-args>\s*(.*?)\s*</command-args>", re.DOTALL)
_NOT_TYPED: Final = (
    "<command-",
    "<local-command-",
    "<system-reminder>",
    "<task-notification>",
    "<bash-",
    "[Request interrupted by user",
)


def prompt_text(event: Event) -> str | None:
    """Return what a person typed in the event, or None where it is not a person's."""
    text = _user_text(event)
    return text if text is not None and _is_typed(text) else None


def command_text(event: Event) -> str | None:
    """Return the slash command that a person gave in the event, with its arguments, or None."""
    text = _user_text(event)
    name = _COMMAND.search(text) if text is not None else None
    if text is None or name is None or not name[1]:
        return None
    arguments = _ARGUMENTS.search(text)
    return f"{name[1]} {arguments[1]}".rstrip() if arguments else name[1]


def given_in(event: Event) -> Literal["prompt", "command"] | None:
    """Tell whether `prompt_text` or `command_text` finds something in the event, or neither."""
    text = _user_text(event)
    if text is None:
        return None
    if _is_typed(text):
        return "prompt"
    name = _COMMAND.search(text)
    return "command" if name is not None and name[1] else None


def _is_typed(text: str) -> bool:
    return not text.lstrip().startswith(_NOT_TYPED)


def _user_text(event: Event) -> str | None:
    data = event.data
    if event.event_type != USER or event.is_sidechain:
        return None
    if data.get("isMeta") is True or data.get("isCompactSummary") is True:
        return None
    message = data.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, str):
        return content if content.strip() else None
    if not isinstance(content, Sequence):
        return None
    blocks = [block for block in content if isinstance(block, Mapping)]
    texts = [text for block in blocks if isinstance(text := block.get("text"), str)]
    typed = "\n".join(text for text in texts if text.strip())
    return typed or None
