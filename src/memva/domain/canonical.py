"""What an entity says, field by field, as texts that only equal values share."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from types import NoneType
from typing import Any, Final, cast

import attrs

from memva.domain.json import JsonValue, ParsedObject, canonical_json
from memva.domain.time import to_text

_MICROSECOND: Final = timedelta(microseconds=1)
_JSON_TYPES: Final = frozenset({str, int, float, bool, NoneType, dict, list, ParsedObject})


def canonical_fields(entity: object, *, leave_out: Collection[str] = ()) -> dict[str, str]:
    """Return the fields of an entity, by name, each as canonical JSON on one line.

    Unlike `==` these tell 1 from 1.0 and from True, as JSON does; the order of keys is none.
    """
    return {
        name: canonical_json(_json(getattr(entity, name)), field=name)
        for name in _names(type(entity))
        if name not in leave_out
    }


def _json(value: Any) -> JsonValue:
    if type(value) in _JSON_TYPES:
        return cast("JsonValue", value)
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    if isinstance(value, tuple):
        return [_json(item) for item in value]
    return [_json(getattr(value, name)) for name in _names(type(value))]


def _names(kind: type[Any]) -> tuple[str, ...]:
    """Return the names of the fields of an attrs class or of a named tuple."""
    return tuple(field.name for field in attrs.fields(kind)) if attrs.has(kind) else kind._fields
