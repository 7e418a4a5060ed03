"""What the Agent SDK hands to its host, as the objects of `stream-json` that it was made of.

The SDK's messages are dataclasses, known here by their names and fields alone, so that nobody needs
the SDK to read this. What it left out of a message is lost; what it did not, stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, cast

from memva.domain.errors import InvalidValue
from memva.domain.json import JsonObject

_SPELT: Final = {"model_usage": "modelUsage"}
"""Fields that the stream spells another way."""

_BLOCKS: Final = {"ServerToolResultBlock": "advisor_tool_result"}
"""Blocks whose type is not what their name says."""

_IN_MESSAGE: Final = ("message_id", "model", "content", "stop_reason", "usage")
_NEW_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")


def message_object(message: object) -> JsonObject:
    """Return a message of Claude Code's as an object of `stream-json`.

    `message` is such an object already, or a message of the Agent SDK. Of a dataclass that is not
    known every field is kept, under the type that its name says.

    Raises:
        InvalidValue: It is neither, or it names no type.
    """
    if isinstance(message, Mapping):
        data = message if isinstance(message, dict) else dict(message)
    elif is_dataclass(message) and not isinstance(message, type):
        try:
            data = _object(message)
        except RecursionError as error:
            raise InvalidValue("message", message, "must not nest so deep") from error
    else:
        rule = "must be a message of the Agent SDK, or an object of stream-json"
        raise InvalidValue("message", message, rule)
    kind = data.get("type")
    if not isinstance(kind, str) or not kind.strip():
        raise InvalidValue("type", kind, "must name the type of the message")
    return cast("JsonObject", data)


def _object(message: Any) -> dict[str, Any]:
    given = {field.name: getattr(message, field.name) for field in fields(message)}
    names = {kind.__name__ for kind in type(message).__mro__}
    if "SystemMessage" in names:
        data = given.pop("data", None)
        whole = dict(data) if isinstance(data, Mapping) else {}
        # The SDK keeps all that came; what a host makes itself may say no more than the fields.
        return whole if "type" in whole else {"type": "system", **_said(given), **whole}
    if "UserMessage" in names:
        said = {"role": "user", "content": _plain(given.pop("content", None))}
        return {"type": "user", "message": said, **_outside(given)}
    if "AssistantMessage" in names:
        inside = _said({name: given.pop(name, None) for name in _IN_MESSAGE})
        if "message_id" in inside:
            inside = {"id": inside.pop("message_id"), **inside}
        said = {"type": "message", "role": "assistant", "stop_reason": None, **inside}
        return {"type": "assistant", "message": said, **_outside(given)}
    return {"type": _type(type(message).__name__.removesuffix("Message")), **_said(given)}


def _outside(given: dict[str, Any]) -> dict[str, Any]:
    """Return what stands beside the message that is said."""
    return {"parent_tool_use_id": given.pop("parent_tool_use_id", None), **_said(given)}


def _said(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the stream said: the SDK has None for the others."""
    return {
        _SPELT.get(name, name): _plain(value) for name, value in given.items() if value is not None
    }


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if not is_dataclass(value) or isinstance(value, type):
        return value
    given = {field.name: getattr(value, field.name) for field in fields(value)}
    raw = given.pop("raw", None)
    if raw:
        return _plain(raw)
    name = type(value).__name__
    if name.endswith("Block"):
        kind = _BLOCKS.get(name) or _type(name.removesuffix("Block"))
        return {"type": kind, **_said(given)}
    return _said(given)


def _type(name: str) -> str:
    return _NEW_WORD.sub("_", name).lower()
