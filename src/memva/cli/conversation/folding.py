"""What tools were given and what they gave back, folded into one line or unfolded whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from memva.cli.output import one_line
from memva.domain.json import JsonObject, JsonValue

_LONGEST: Final = 200
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


def excerpt(text: str) -> str:
    """Return the first line of a text, and how many lines it has where that is not all of it."""
    lines = text.strip().splitlines()
    if not lines:
        return ""
    first = one_line(lines[0][:_LONGEST])
    if len(lines[0]) > _LONGEST:
        first += "…"
    return first if len(lines) == 1 else f"{first} ({len(lines):,} lines)"


def folded_input(given: JsonValue) -> str:
    """Return what tells most of a tool's input, in one line."""
    if not isinstance(given, Mapping) or not given:
        return ""
    for name in _TELLING:
        value = given.get(name)
        if isinstance(value, str):
            return excerpt(value)
    return excerpt(json.dumps(given, ensure_ascii=False))


def whole_input(given: JsonValue) -> str:
    """Return all of a tool's input, a line or more for each of its values."""
    if not isinstance(given, Mapping):
        return "" if given is None else json.dumps(given, ensure_ascii=False)
    return "\n".join(f"{name}: {_value(value)}" for name, value in given.items())


def _value(value: JsonValue) -> str:
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    lines = value.splitlines()
    return value if len(lines) < 2 else "".join(f"\n  {line}" for line in lines)


def result_text(content: JsonValue) -> str:
    """Return the text of a tool's result; what is no text is named by its type."""
    return "\n".join(_texts(content))


def _texts(content: JsonValue) -> Iterator[str]:
    for block in as_blocks(content):
        match block:
            case {"text": str(text)} | {"title": str(text)}:
                yield text
            case _:
                yield f"[{block.get('type')}]"


def as_blocks(content: JsonValue) -> list[JsonObject]:
    """Return the blocks of a message or a result, whose content may be a text alone."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if isinstance(content, Mapping):
        return [content]
    if not isinstance(content, Sequence):
        return []
    return [block for block in content if isinstance(block, Mapping)]
