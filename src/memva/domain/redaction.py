"""Taking secrets out of events before anything is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

import attrs

from memva.domain.errors import InvalidValue
from memva.domain.event import Event
from memva.domain.job import Job
from memva.domain.json import JsonObject, JsonValue
from memva.domain.session import Session
from memva.domain.text import clean_text

Redact: TypeAlias = Callable[[str], str]
"""A host's function: given any text, of an event for one, it returns the text to store instead.

Where it is a `RedactNamed`, it is also told what a text in a JSON object is called there.
"""


@runtime_checkable
class RedactNamed(Protocol):
    """A `Redact` that goes by names too: of `{"password": "…"}` the text alone tells nothing."""

    def __call__(self, text: str, /) -> str:
        """Return the text to store instead of any text."""
        ...

    def named(self, name: str, text: str, /) -> str:
        """Return the text to store instead of the one that is the member `name` of an object."""
        ...


_Named: TypeAlias = Callable[[str, str], str]


def redacted_object(data: JsonObject, redact: Redact) -> JsonObject:
    """Return `data` with `redact` applied to every text in it, the keys of objects included.

    A text that is a member of an object is given with its name to a `RedactNamed`.

    Raises:
        InvalidValue: `data` nests deeper than Python's stack reaches.
        TypeError: `redact` returns something that is no text.
    """
    named = redact.named if isinstance(redact, RedactNamed) else None
    try:
        return _redacted_items(data, redact, named)
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


def _redacted_items(
    data: Mapping[str, JsonValue], redact: Redact, named: _Named | None
) -> JsonObject:
    return {
        _text(redact(key)): (
            _text(named(key, item))
            if named is not None and isinstance(item, str)
            else _redacted(item, redact, named)
        )
        for key, item in data.items()
    }


def _redacted(value: JsonValue, redact: Redact, named: _Named | None) -> JsonValue:
    if isinstance(value, str):
        return _text(redact(value))
    if isinstance(value, Mapping):
        return _redacted_items(value, redact, named)
    if isinstance(value, list | tuple):
        return [_redacted(item, redact, named) for item in value]
    return value


def _text(redacted: str) -> str:
    """Return what a host's function made of a text; one that forgot to would lose all of it."""
    if not isinstance(redacted, str):
        raise TypeError(f"redact must return text, not {type(redacted).__name__}")
    return redacted
