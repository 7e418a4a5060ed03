"""What a person typed: not every `user` line is a person's.

Claude Code writes its own notes, the output of local commands and the results of tools as `user`
lines too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from memva.domain.event import USER, Event

_NOT_TYPED: Final = (
    "<command-",
    "<local-command-",
    "<system-reminder>",
    "<task-notification>",
    "<bash-",
    "[Request interrupted by user",
)

_NOTES: Final = ("isMeta", "isCompactSummary", "isSynthetic")
"""What marks a note that Claude Code writes itself; the last is how the stream says it."""


def prompt_text(event: Event) -> str | None:
    """Return what a person typed in the event, or None where it is not a person's."""
    text = _user_text(event)
    return text if text is not None and _is_typed(text) else None


def command_text(event: Event) -> str | None:
    """Return the slash command that a person gave in the event, with its arguments, or None."""
    text = _user_text(event)
    name = _between_tags(text, "command-name") if text is not None else ""
    if text is None or not name:
        return None
    return f"{name} {_between_tags(text, 'command-args')}".rstrip()


def given_in(event: Event) -> Literal["prompt", "command"] | None:
    """Tell whether `prompt_text` or `command_text` finds something in the event, or neither."""
    text = _user_text(event)
    if text is None:
        return None
    if _is_typed(text):
        return "prompt"
    return "command" if _between_tags(text, "command-name") else None


def _between_tags(text: str, tag: str) -> str:
    """Return what stands between the first two tags, without spaces around; empty without both."""
    # A pattern would begin anew at each tag that is not closed.
    _, _, after = text.partition(f"<{tag}>")
    inside, closed, _ = after.partition(f"</{tag}>")
    return inside.strip() if closed else ""


def _is_typed(text: str) -> bool:
    return not text.lstrip().startswith(_NOT_TYPED)


def _user_text(event: Event) -> str | None:
    data = event.data
    if event.event_type != USER or event.is_sidechain:
        return None
    if any(data.get(mark) is True for mark in _NOTES):
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
