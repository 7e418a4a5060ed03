"""Tokens, counted once per response of the API.

Claude Code repeats a response: a content block a line, each with the same usage; on its stream with
provisional figures; in the copies that forks, resumes and sidechains make of a conversation. So a
row is kept per transcript and response, and which of the copies counts is decided when somebody
asks. It must not be decided earlier: the copy that counts may be deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import attrs
from attrs import field
from attrs.validators import instance_of, optional

from memva.domain import validation
from memva.domain.errors import InvalidValue
from memva.domain.event import ASSISTANT, Event, Transcript
from memva.domain.rebuild import rebuilder
from memva.domain.text import clean_text, is_storable
from memva.domain.versions import is_final

SYNTHETIC: Final = "<synthetic>"
"""The model of an answer that Claude Code wrote itself: an error, an interruption."""

LARGEST_COUNT: Final = 2**31 - 1
"""The largest count that is believed of one response: far beyond what any model reads at once, and
small enough for the sums of billions of responses to fit 64 bits."""


@attrs.frozen(kw_only=True)
class Usage:
    """Numbers of tokens, as the API counts them.

    Attributes:
        input_tokens: Those read, without those that the cache took or gave.
        output_tokens: Those written.
        cache_creation_tokens: Those read and put into the cache.
        cache_read_tokens: Those read from the cache.
    """

    input_tokens: int = field(default=0, validator=validation.integer(at_least=0))
    output_tokens: int = field(default=0, validator=validation.integer(at_least=0))
    cache_creation_tokens: int = field(default=0, validator=validation.integer(at_least=0))
    cache_read_tokens: int = field(default=0, validator=validation.integer(at_least=0))

    @property
    def context_tokens(self) -> int:
        """What the model was given: all that it read, from the cache or not."""
        return self.input_tokens + self.cache_creation_tokens + self.cache_read_tokens

    @property
    def total_tokens(self) -> int:
        """All four together."""
        return self.context_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        """Return the figures of both together."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_creation_tokens=self.cache_creation_tokens + other.cache_creation_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
        )


@attrs.frozen(kw_only=True)
class ResponseUsage:
    """What one response of the API used, as one transcript tells it: the row that is kept.

    Its identity is its transcript and `response_id`.

    Attributes:
        response_id: The response's `message.id`. Where it has none, its `requestId`, which its
            lines share; where it has neither, the uuid of its line, which a fork repeats.
        project_key: With `session_id` and `subpath`, the transcript that tells it.
        session_id: Claude Code's own session.
        subpath: See `project_key`.
        memva_session_id: The session that its lines are associated with, or None.
        timestamp: The earliest moment of its lines.
        line: The place of its last line in the transcript; 0 while it was only streamed.
        model: The model that answered; empty where it was not said.
        project_name: The project's name, for display.
        is_sidechain: Whether a subagent's conversation holds it.
        is_final: Whether the figures are the last word. They are not where no line of the response
            tells why it stopped: streams, and 2.1.40 for good, say one token of output then.
        usage: The tokens.
    """

    response_id: str = field(validator=validation.identifier)
    project_key: str = field(default="", validator=validation.text)
    session_id: str = field(validator=validation.identifier)
    subpath: str = field(default="", validator=validation.text)
    memva_session_id: str | None = field(default=None, validator=optional(validation.identifier))
    timestamp: datetime = field(converter=validation.to_utc, validator=validation.time)
    line: int = field(default=0, validator=validation.integer(at_least=0))
    model: str = field(default="", validator=validation.text)
    project_name: str = field(default="", validator=validation.text)
    is_sidechain: bool = field(default=False, validator=validation.boolean)
    is_final: bool = field(default=True, validator=validation.boolean)
    usage: Usage = field(validator=instance_of(Usage))

    @property
    def transcript(self) -> Transcript:
        """The transcript that tells it."""
        return Transcript(self.project_key, self.session_id, self.subpath)


def usage_in(event: Event) -> ResponseUsage | None:
    """Return what one line says of the usage of its response, or None where it says nothing.

    Nothing is said by lines that are no answer, by answers that Claude Code wrote itself, by errors
    of the API that used nothing, and where no figure can be read. A figure that is no count (text,
    a fraction, below zero, absurdly large) is taken for 0.
    """
    if event.event_type != ASSISTANT:
        return None
    message = event.data.get("message")
    if not isinstance(message, Mapping) or message.get("model") == SYNTHETIC:
        return None
    figures = message.get("usage")
    if not isinstance(figures, Mapping):
        return None
    counts = [_count(figures.get(name)) for name in _FIGURES]
    if counts == _NO_FIGURES:
        return None
    if event.data.get("isApiErrorMessage") is True and not any(counts):
        return None
    # All of it is known to be valid: this stands on the path of each append.
    return _response_usage(
        (
            response_id_in(event),
            event.project_key,
            event.session_id,
            event.subpath,
            event.memva_session_id,
            event.timestamp,
            event.line,
            model_in(event),
            event.project_name,
            event.is_sidechain,
            is_final(event),
            _usage([count or 0 for count in counts]),
        )
    )


def response_id_in(event: Event) -> str:
    """Return the `response_id` of the response that a line of an answer is of."""
    message = event.data.get("message")
    return (
        (_identifier(message.get("id")) if isinstance(message, Mapping) else None)
        or _identifier(event.data.get("requestId"))
        or event.uuid
    )


def model_in(event: Event) -> str:
    """Return the model that a line of an answer names; empty where none answered."""
    message = event.data.get("message")
    model = message.get("model") if isinstance(message, Mapping) else None
    if not isinstance(model, str) or model == SYNTHETIC or not model.strip():
        return ""
    return clean_text(model)


def merged_usage(one: ResponseUsage, other: ResponseUsage) -> ResponseUsage:
    """Return the row that stands where two lines of one transcript tell one response.

    A sidechain's copy gives way to one that is none, whole. Otherwise final figures stand before
    provisional ones, and of equals the largest, each figure for itself. The outcome depends neither
    on the order of any number of lines, nor on how often each is given.

    Raises:
        InvalidValue: They are of two responses, or of two transcripts.
    """
    if (one.transcript, one.response_id) != (other.transcript, other.response_id):
        raise InvalidValue("other", other, "must be of the same transcript and response")
    if one.is_sidechain != other.is_sidechain:
        return other if one.is_sidechain else one
    if one.is_final == other.is_final:
        usage = _largest(one.usage, other.usage)
    else:
        usage = one.usage if one.is_final else other.usage
    return attrs.evolve(
        one,
        memva_session_id=_first(one.memva_session_id, other.memva_session_id),
        timestamp=min(one.timestamp, other.timestamp),
        line=max(one.line, other.line),
        model=_first(one.model, other.model) or "",
        project_name=_first(one.project_name, other.project_name) or "",
        is_final=one.is_final or other.is_final,
        usage=usage,
    )


def counted_once(rows: Iterable[ResponseUsage]) -> tuple[ResponseUsage, ...]:
    """Return the one row of each response that counts, by time, then by `response_id`.

    Of the copies that several transcripts have, one that is no sidechain's stands before a
    sidechain's, final figures before provisional ones, larger before smaller, then the earlier;
    equal copies, which forks make, by transcript. The choice depends on nothing but the rows given:
    with a transcript's rows gone, that of another stands.
    """
    told: dict[tuple[Transcript, str], ResponseUsage] = {}
    for row in rows:
        key = (row.transcript, row.response_id)
        held = told.get(key)
        told[key] = row if held is None else merged_usage(held, row)
    counted: dict[str, ResponseUsage] = {}
    for row in told.values():
        held = counted.get(row.response_id)
        if held is None or _precedence(row) < _precedence(held):
            counted[row.response_id] = row
    return tuple(sorted(counted.values(), key=lambda row: (row.timestamp, row.response_id)))


def last_context(rows: Iterable[ResponseUsage]) -> int | None:
    """Return how many tokens the last response was given, or None where there is none.

    Subagents have contexts of their own and are left out. The last response is found as events are
    ordered: within a transcript by line, whatever the clocks said; across transcripts by the latest
    time of a response there.
    """
    # Streamed lines are a sequence of their own, beside those that have a place.
    sequences: dict[tuple[Transcript, bool], list[ResponseUsage]] = {}
    for row in rows:
        if not row.is_sidechain:
            sequences.setdefault((row.transcript, row.line > 0), []).append(row)
    if not sequences:
        return None
    _, last = max(
        ((max(row.timestamp for row in told), sequence), told)
        for sequence, told in sequences.items()
    )
    row = max(last, key=lambda row: (row.line, row.timestamp, row.response_id))
    return row.usage.context_tokens


_usage = rebuilder(Usage)
_response_usage = rebuilder(ResponseUsage)

_FIGURES: Final = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
)
_NO_FIGURES: Final = [None] * len(_FIGURES)


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= LARGEST_COUNT else None


def _identifier(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() and is_storable(value) else None


def _first(one: str | None, other: str | None) -> str | None:
    return min(filter(None, (one, other)), default=None)


def _largest(one: Usage, other: Usage) -> Usage:
    return Usage(
        input_tokens=max(one.input_tokens, other.input_tokens),
        output_tokens=max(one.output_tokens, other.output_tokens),
        cache_creation_tokens=max(one.cache_creation_tokens, other.cache_creation_tokens),
        cache_read_tokens=max(one.cache_read_tokens, other.cache_read_tokens),
    )


def _precedence(row: ResponseUsage) -> tuple[object, ...]:
    usage = row.usage
    return (
        row.is_sidechain,
        not row.is_final,
        -usage.total_tokens,
        -usage.output_tokens,
        row.timestamp,
        row.transcript,
    )
