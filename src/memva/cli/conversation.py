"""A conversation's events as lines for people to read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from memva.cli.output import local_time, one_line
from memva.domain.event import ASSISTANT, USER, Event
from memva.domain.json import JsonValue
from memva.domain.prompts import command_text, prompt_text

_Block: TypeAlias = Mapping[str, JsonValue]

_PERSON: Final = "you"
_CLAUDE: Final = "claude"
_STYLES: Final = {_PERSON: "bold cyan", _CLAUDE: "bold green"}
_SUBAGENT_INDENT: Final = 4
_TEXT_INDENT: Final = 2

_LONGEST_EXCERPT: Final = 200
_TELLING: Final = (
    "command",
    "file_path",
    "notebook_path",
    "path",
    "pattern",
    "url",
    "query",
    "skill",
    "description",
    "prompt",
)
"""What a tool is given that tells most of its call, the most telling first."""


class Line(NamedTuple):
    """A line of output.

    Attributes:
        text: What it says; not cleaned yet.
        style: How a terminal shows it.
        indent: How far it is moved in.
        cut: Whether a terminal shows only what fits into one line.
    """

    text: str = ""
    style: str = ""
    indent: int = 0
    cut: bool = False


class _Part(NamedTuple):
    """Something that was said, or done, by `who`."""

    who: str
    text: str
    style: str = ""
    cut: bool = False


def conversation(events: Iterable[Event]) -> Iterator[Line]:
    """Yield the lines that show `events`; what is no part of the conversation is folded."""
    heading: tuple[str, str] | None = None
    others: Counter[str] = Counter()
    for event in events:
        parts = list(_parts(event))
        if not parts:
            others[_kind(event)] += 1
            continue
        if others:
            yield from _folded(others, first=heading is None)
            others.clear()
        indent = _SUBAGENT_INDENT if event.is_sidechain else 0
        for part in parts:
            if heading != (part.who, event.subpath):
                heading = (part.who, event.subpath)
                time = local_time(event.timestamp, timespec="seconds")
                yield Line()
                yield Line(f"{part.who}  {time}", _STYLES.get(part.who, "bold"), indent, cut=True)
            for text in part.text.strip().splitlines():
                yield Line(text, part.style, indent + _TEXT_INDENT, part.cut)
    if others:
        yield from _folded(others, first=heading is None)


def _folded(others: Counter[str], *, first: bool) -> Iterator[Line]:
    """Yield one line for events that stand together and are no part of the conversation."""
    if first:
        yield Line()
    kinds = (kind if number == 1 else f"{kind} ({number:,})" for kind, number in others.items())
    yield Line(f"· {', '.join(kinds)}", "dim", cut=True)


def _kind(event: Event) -> str:
    if event.event_type == USER:
        return "note"
    subtype = event.data.get("subtype")
    kind = f"{event.event_type} {subtype}" if isinstance(subtype, str) else event.event_type
    return one_line(kind)


def _parts(event: Event) -> Iterator[_Part]:
    """Yield what an event adds to the conversation; nothing where it is no part of it."""
    if event.event_type == ASSISTANT:
        for block in _blocks(event):
            yield from _claudes(block, _agent(event))
    elif event.event_type == USER:
        yield from _users(event)


def _claudes(block: _Block, who: str) -> Iterator[_Part]:
    match block:
        case {"type": "text", "text": str(text)}:
            if text.strip():
                yield _Part(who, text)
        case {"type": "thinking", "thinking": str(text)}:
            if text.strip():
                yield _Part(who, f"(thinking) {_excerpt(text)}", "dim italic", cut=True)
        case {"name": str(name), "input": given}:
            yield _Part(who, f"→ {one_line(name)} {_argument(given)}", "yellow", cut=True)
        case {"type": str(kind)}:
            yield _Part(who, f"[{one_line(kind)}]", "dim", cut=True)


def _users(event: Event) -> Iterator[_Part]:
    """Yield what a person typed or attached, and what tools gave back."""
    agent, texts = _agent(event), []
    person = f"to {agent}" if event.is_sidechain else _PERSON
    for block in _blocks(event):
        match block:
            case {"type": "tool_result"}:
                failed = block.get("is_error") is True
                text = _excerpt(_result(block.get("content")))
                mark, style = ("✗", "red") if failed else ("←", "dim")
                yield _Part(agent, f"{mark} {text or '(nothing)'}", style, cut=True)
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "image" | "document" as kind}:
                yield _Part(person, f"[{kind}]", "dim")
    typed = "\n".join(texts) if event.is_sidechain else prompt_text(event) or command_text(event)
    if typed and typed.strip():
        yield _Part(person, typed)


def _agent(event: Event) -> str:
    """Return who answers in the event's conversation."""
    if not event.is_sidechain:
        return _CLAUDE
    name = event.subpath.rpartition("/")[2].removeprefix("agent-")
    return one_line(f"subagent {name}")


def _blocks(event: Event) -> list[_Block]:
    message = event.data.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    return _as_blocks(content)


def _as_blocks(content: JsonValue) -> list[_Block]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, Sequence):
        return []
    return [block for block in content if isinstance(block, Mapping)]


def _result(content: JsonValue) -> str:
    texts = []
    for block in _as_blocks(content):
        text = block.get("text")
        texts.append(text if isinstance(text, str) else f"[{block.get('type')}]")
    return "\n".join(texts)


def _argument(given: JsonValue) -> str:
    """Return what tells most of a tool's input, in one line."""
    if not isinstance(given, Mapping) or not given:
        return ""
    for name in _TELLING:
        value = given.get(name)
        if isinstance(value, str):
            return _excerpt(value)
    return _excerpt(json.dumps(given, ensure_ascii=False))


def _excerpt(text: str) -> str:
    """Return the first line of a text, and how many lines it has where that is not all of it."""
    lines = text.strip().splitlines()
    if not lines:
        return ""
    first = one_line(lines[0][:_LONGEST_EXCERPT])
    if len(lines[0]) > _LONGEST_EXCERPT:
        first += "…"
    return first if len(lines) == 1 else f"{first} ({len(lines):,} lines)"
