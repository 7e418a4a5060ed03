"""What an event query narrows to, as SQL on the table `events`."""

from __future__ import annotations

from typing import Final

from memva.adapters.postgres.probes import probe
from memva.domain.event_page import EventQuery

_MEMVA_SESSION: Final = "events.memva_session_id = %s"
_CLAUDE_SESSION: Final = "events.session_id = %s"
_TYPES: Final = "events.event_type = ANY(%s::text[])"
_SIDECHAIN: Final = "events.is_sidechain = %s"
_SINCE: Final = "events.timestamp >= %s"
_UNTIL: Final = "events.timestamp < %s"


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
        narrow(_TYPES, sorted(query.event_types))
    if query.is_sidechain is not None:
        narrow(_SIDECHAIN, query.is_sidechain)
    if query.since is not None:
        narrow(_SINCE, query.since)
    if query.until is not None:
        narrow(_UNTIL, query.until)
    return " AND ".join(conditions), values
