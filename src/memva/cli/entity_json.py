"""Entities as JSON, for other programs to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from memva.domain.time import to_text


def as_object(entity: attrs.AttrsInstance) -> dict[str, Any]:
    """Return every field of an entity: times as text in UTC, durations in seconds."""
    return attrs.asdict(entity, recurse=False, value_serializer=_plain)


def json_line(fields: Mapping[str, Any]) -> str:
    """Return an object as one line of JSON."""
    # ASCII alone: every encoding has it, and no terminal is steered by it.
    return json.dumps(fields)


def _plain(_: object, field: object, value: Any) -> Any:
    if isinstance(value, datetime):
        return to_text(value)
    return value.total_seconds() if isinstance(value, timedelta) else value
