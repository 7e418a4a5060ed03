"""Taking secrets out of events before anything is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs

from memva.domain.errors import InvalidValue
from memva.domain.event import Event
from memva.domain.job import Job
from memva.domain.json import JsonObject, JsonValue
from memva.domain.session import Session
from memva.domain.text import clean_text

Redact: TypeAlias = Callable[[str], str]
"""A host's function: given any text, of an event for one, it returns the text to store instead."""


def redacted_object(data: JsonObject, redact: Redact) -> JsonObject:
    """Return `data` with `redact` applied to every text in it, the keys of objects included.

    Raises:
        InvalidValue: `data` nests deeper than Python's stack reaches.
    """
    try:
        return _redacted_items(data, redact)
    except RecursionError as error:
        raise InvalidValue("data", data, "must not nest so deep") from error


def redacted_event(event: Event, redact: Redact) -> Event:
    """Return `event` with `redact` applied to its data, folder and project name.

    Its ids, type and transcript are its identity and stay.
    """
    return attrs.evolve(
        event,
        cwd=clean_text(redact(event.cwd)),
        project_name=clean_text(redact(event.project_name)),
        data=redacted_object(event.data, redact),
    )


def redacted_session(session: Session, redact: Redact) -> Session:
    """Return `session` with `redact` applied to its title, folder and metadata."""
    metadata = session.metadata
    return attrs.evolve(
        session,
        title=None if session.title is None else clean_text(redact(session.title)),
        project_path=clean_text(redact(session.project_path)),
        metadata=None if metadata is None else redacted_object(metadata, redact),
    )


def redacted_job(job: Job, redact: Redact) -> Job:
    """Return `job` with `redact` applied to its data, result and error."""
    [data] = redacted_object({"": job.data}, redact).values()
    [result] = redacted_object({"": job.result}, redact).values()
    error = None if job.error is None else clean_text(redact(job.error))
    return attrs.evolve(job, data=data, result=result, error=error)


def _redacted_items(data: Mapping[str, JsonValue], redact: Redact) -> JsonObject:
    return {redact(key): _redacted(item, redact) for key, item in data.items()}


def _redacted(value: JsonValue, redact: Redact) -> JsonValue:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return _redacted_items(value, redact)
    if isinstance(value, list | tuple):
        return [_redacted(item, redact) for item in value]
    return value
