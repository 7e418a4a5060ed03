"""What an event query narrows to, as SQL on the table `events`."""

from __future__ import annotations

from typing import Final

from memva.adapters.sqlite.probes import probe
from memva.domain.event_page import EventQuery
from memva.domain.json import encode_json
from memva.domain.time import to_text

_MEMVA_SESSION: Final = "events.memva_session_id = ?"
_CLAUDE_SESSION: Final = "events.session_id = ?"
_TYPES: Final = "events.event_type IN (SELECT value FROM json_each(?))"
_SIDECHAIN: Final = "events.is_sidechain = ?"
_SINCE: Final = "events.timestamp >= ?"
_UNTIL: Final = "events.timestamp < ?"


def narrowing(query: EventQuery) -> tuple[str, list[object]]:
    """Return the condition that the events of `query` meet, and its parameters in order."""
    conditions = ["TRUE"]
    values: list[object] = []

    def narrow(condition: str, value: object) -> None:
        conditions.append(condition)
        values.append(value)

    if query.memva_session_id is not None:
        narrow(_MEMVA_SESSION, probe(query.memva_session_id))
    if query.session_id is not None:
        narrow(_CLAUDE_SESSION, probe(query.session_id))
    if query.event_types is not None:
        narrow(_TYPES, encode_json(sorted(query.event_types), field="event_types"))
    if query.is_sidechain is not None:
        narrow(_SIDECHAIN, query.is_sidechain)
    if query.since is not None:
        narrow(_SINCE, to_text(query.since))
    if query.until is not None:
        narrow(_UNTIL, to_text(query.until))
    return " AND ".join(conditions), values
