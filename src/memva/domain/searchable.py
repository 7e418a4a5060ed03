"""What of an event is searched: what people remember of a conversation.

That is what was typed, answered and summarised, what tools were told to do and on which files, and
the beginning and the end of what they gave back. What was only thought is left out: nobody was told
it, there is more of it than of the answers, and a hit in it could not be recognised. So is what
another line repeats (a queued prompt, a run's result), what a file held (`old_string`, `content`),
progress, snapshots, signatures, and whatever looks like encoded bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from memva.domain.event import ASSISTANT, RESULT, SYSTEM, USER, Event
from memva.domain.json import JsonObject, JsonValue
from memva.domain.text import clean_text
from memva.domain.word_rules import LONGEST_WORD

EXTRACTION_VERSION: Final = 1
"""The number of the rules for what is searched.

It is raised by one with every change after which `searchable_text`, or `words` of it, gives
something else for any event. A store keeps the number that its index was made with, and makes the
index anew where that is another.
"""

LONGEST_SAID: Final = 20_000
"""How many characters are searched of one thing that was said: a prompt, an answer, a summary."""

LONGEST_GIVEN: Final = 2_000
"""How many characters are searched of one value that a tool was given."""

LONGEST_RESULT: Final = 2_000
"""How many characters are searched of one result: three quarters of them at its beginning, and the
rest at its end, where a command says how it ended."""

LONGEST_SEARCHABLE: Final = 40_000
"""How many characters are searched of one event."""

_READ: Final = 4
"""How many times as many characters are looked at: encoded bytes may stand before what counts."""

_MOST_VALUES: Final = 100
"""How many values of one tool's input are searched."""

_TELLING: Final = (
    "description",
    "command",
    "file_path",
    "notebook_path",
    "path",
    "pattern",
    "glob",
    "query",
    "url",
    "subagent_type",
    "skill",
    "args",
    "title",
    "name",
    "subject",
    "prompt",
    "plan",
    "message",
    "text",
    "body",
)
"""What a tool is given that people remember."""

_LISTED: Final = ("todos", "questions", "options", "edits", "answers")
"""Where a tool is given several of something."""

_TELLING_WHEN_LISTED: Final = (*_TELLING, "header", "question", "label", "content")

# The fields of lines that are no messages.
_SAID_BY_TYPE: Final[Mapping[str, tuple[str, ...]]] = {
    "summary": ("summary", "content"),
    "custom-title": ("customTitle",),
    "ai-title": ("aiTitle",),
    "agent-name": ("agentName",),
    "tag": ("tag",),
    "error": ("error", "message", "content"),
}
_SILENT_SUBTYPES: Final = frozenset(
    {"init", "compact_boundary", "stop_hook_summary", "turn_duration", "status"}
)

_BYTES: Final = "[A-Za-z0-9+/_=-]"
# A run that no name is as long as, or lines of the two widths that encoders write.
_ENCODED: Final = re.compile(
    rf"(?<!{_BYTES})(?:{_BYTES}{{256,}}"
    rf"|(?:(?:{_BYTES}{{64}}|{_BYTES}{{76}})\r?\n){{2,}}(?:{_BYTES}{{1,75}}=)?)"
)
_SHORTEST_ENCODED_LINE: Final = 64
_REMINDER: Final = re.compile(r"<system-reminder>.*?(?:</system-reminder>|\Z)", re.DOTALL)
_TAG: Final = re.compile(r"</?(?:command|local-command|bash|task)-[a-z-]+>")
_OUTPUT: Final = ("<local-command-", "<bash-stdout>", "<bash-stderr>", "<task-notification>")


def searchable_text(event: Event) -> str:
    """Return the text that `event` is found by; empty where nobody would look for it.

    Its parts stand in the order of the event, each in lines of its own.
    """
    parts: list[str] = []
    room = LONGEST_SEARCHABLE
    for part in _parts(event):
        if part and room > 0:
            part = _beginning(part, room)
            parts.append(part)
            room -= len(part) + 1
    return clean_text("\n".join(parts))


def _parts(event: Event) -> Iterator[str]:
    data, kind = event.data, event.event_type
    message = data.get("message")
    if kind == ASSISTANT and isinstance(message, Mapping):
        for block in _blocks(message.get("content")):
            yield from _answered(block)
    elif kind == USER and isinstance(message, Mapping):
        # Notes that Claude Code writes to Claude; nobody sees them.
        if data.get("isMeta") is not True:
            for block in _blocks(message.get("content")):
                yield from _typed(block)
    elif kind == SYSTEM:
        subtype = data.get("subtype")
        if not (isinstance(subtype, str) and subtype in _SILENT_SUBTYPES):
            yield _result(data.get("content"))
    elif kind == RESULT:
        # A run that went well ends with its last answer, which has a line of its own.
        if data.get("is_error") is True:
            yield _result(data.get("result"))
            yield _result(data.get("errors"))
    elif kind == "attachment":
        yield from _attached(data.get("attachment"))
    elif kind in (USER, ASSISTANT):
        yield _said(data.get("content"))
    else:
        for name in _SAID_BY_TYPE.get(kind, ()):
            yield _said(data.get(name))


def _answered(block: JsonObject) -> Iterator[str]:
    match block:
        case {"type": "text", "text": text}:
            yield _said(text)
        case {"type": str(kind), "name": str(name), "input": given} if kind.endswith("tool_use"):
            yield _beginning(name, LONGEST_GIVEN)
            yield from _given(given)
        case {"type": str(kind)} if kind.endswith("tool_result"):
            yield _result(block.get("content"))


def _typed(block: JsonObject) -> Iterator[str]:
    match block:
        case {"type": "text", "text": str(text)}:
            yield _result(text) if text.lstrip().startswith(_OUTPUT) else _said(text)
        case {"type": "tool_result"}:
            yield _result(block.get("content"))
        case {"type": "document", "title": title}:
            yield _said(title)


def _attached(attachment: JsonValue) -> Iterator[str]:
    if not isinstance(attachment, Mapping):
        return
    name = attachment.get("filename")
    if isinstance(name, str):
        yield _beginning(name, LONGEST_GIVEN)
    # What was typed while Claude was at work.
    if attachment.get("type") == "queued_command":
        for block in _blocks(attachment.get("prompt")):
            yield from _typed(block)


def _given(given: JsonValue) -> Iterator[str]:
    """Yield what tells of a tool's input; of a tool that has none of it, every text."""
    if not isinstance(given, Mapping):
        return
    told = [given[name] for name in _TELLING if name in given]
    for name in _LISTED:
        listed = given.get(name)
        if isinstance(listed, list | tuple):
            for item in listed[:_MOST_VALUES]:
                if isinstance(item, str):
                    told.append(item)
                elif isinstance(item, Mapping):
                    told += [item[name] for name in _TELLING_WHEN_LISTED if name in item]
    texts = [value for value in told if isinstance(value, str)]
    if not texts:
        texts = [value for value in given.values() if isinstance(value, str)]
    for text in texts[:_MOST_VALUES]:
        yield _beginning(_without_encoded(text, LONGEST_GIVEN), LONGEST_GIVEN)


def _said(value: JsonValue) -> str:
    texts = (_without_notes(text, LONGEST_SAID) for text in _texts(value))
    return "\n".join(_beginning(text, LONGEST_SAID) for text in texts if text)


def _result(value: JsonValue) -> str:
    texts = (_without_notes(text, LONGEST_RESULT) for text in _texts(value))
    return "\n".join(_both_ends(text, LONGEST_RESULT) for text in texts if text)


def _texts(value: JsonValue) -> list[str]:
    texts = (block.get("text") for block in _blocks(value) if block.get("type") == "text")
    return [text for text in texts if isinstance(text, str)]


def _blocks(content: JsonValue) -> list[JsonObject]:
    """Return the blocks of a message's content, in which a string stands for a text."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, Sequence):
        return []
    blocks: list[JsonObject] = []
    for block in content:
        if isinstance(block, str):
            blocks.append({"type": "text", "text": block})
        elif isinstance(block, Mapping):
            blocks.append(block)
    return blocks


def _without_notes(text: str, longest: int) -> str:
    """Return a text without what Claude Code wrote around what people saw."""
    text = _without_encoded(text, longest)
    if "<" in text:
        text = _TAG.sub(" ", _REMINDER.sub(" ", text))
    return text.strip()


def _without_encoded(text: str, longest: int) -> str:
    """Return as much of a text as `longest` characters of it need, without encoded bytes."""
    if len(text) > 2 * _READ * longest:
        text = f"{_beginning(text, _READ * longest)}\n{_ending(text, _READ * longest)}"
    # Most texts have no run that long, which this tells many times quicker than the pattern.
    if max(map(len, text.split()), default=0) < _SHORTEST_ENCODED_LINE:
        return text
    return _ENCODED.sub(" ", text)


def _beginning(text: str, longest: int) -> str:
    """Return `text` up to `longest` characters, without a word that would be cut in two."""
    if len(text) <= longest:
        return text
    for end in range(longest, max(longest - LONGEST_WORD, 0), -1):
        if not (text[end - 1].isalnum() and text[end].isalnum()):
            return text[:end]
    return text[:longest]


def _ending(text: str, longest: int) -> str:
    """Return the last `longest` characters of a longer `text`, likewise."""
    first = len(text) - longest
    for start in range(first, min(first + LONGEST_WORD, len(text))):
        if not (text[start - 1].isalnum() and text[start].isalnum()):
            return text[start:]
    return text[first:]


def _both_ends(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    last = longest // 4
    return f"{_beginning(text, longest - last - 1)}\n{_ending(text, last)}"
