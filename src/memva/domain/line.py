"""How a line of a Claude Code transcript, or a message of its stream, becomes an event.

Nothing a line says is needed for it to be kept: what it lacks comes from the line before it.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from datetime import datetime
from typing import Final, NamedTuple

import attrs

from memva.domain.event import Event, Transcript
from memva.domain.ids import format_uuid
from memva.domain.json import JsonObject, JsonValue, canonical_json, read_object
from memva.domain.redaction import Redact, redacted_object
from memva.domain.text import clean_text, is_storable
from memva.domain.time import from_text
from memva.domain.transcript_ports import SourceLine

UNKNOWN_TYPE: Final = "unknown"
"""The type of a line that names none."""

UNNUMBERED: Final = 1_000_000_000
"""After which number lines are counted that come without the file that they stand in. The file's
own numbers are lower, and take their place once it is imported."""

AGENT_METADATA: Final = "agent_metadata"
"""The type of what a subagent is. To a session store of the Agent SDK's it comes as a line of the
subagent's transcript; in a folder it is the content of `agent-….meta.json` beside it, without the
type."""


@attrs.frozen
class Carry:
    """What a line leaves to the lines after it that say nothing of their own.

    Attributes:
        timestamp: The time of the last line that had one; None before the first.
        cwd: The folder of the last line that named one.
    """

    timestamp: datetime | None = None
    cwd: str = ""


class TranscriptLine(NamedTuple):
    """What a line, or a message, says of itself; None where it says nothing that can be used.

    Attributes:
        uuid: Its uuid, or None where one must be derived.
        parent_uuid: The uuid of the line it follows.
        session_id: The Claude session it names.
        event_type: Its type.
        timestamp: Its time, in UTC.
        is_sidechain: Whether it says that it is a subagent's.
        cwd: The folder it names.
        data: The whole line, without what was redacted.
    """

    uuid: str | None
    parent_uuid: str | None
    session_id: str | None
    event_type: str | None
    timestamp: datetime | None
    is_sidechain: bool
    cwd: str | None
    data: JsonObject


def line_object(line: SourceLine) -> JsonObject | None:
    """Return the object that a line of a source is, or None where it is blank.

    Raises:
        ValueError: It is none; the error says why, for people to read, and nothing of the content.
    """
    content = line.content.removeprefix(BOM_UTF8) if line.number == 1 else line.content
    return None if not content or content.isspace() else read_object(content)


def read_line(data: JsonObject, *, redact: Redact | None = None) -> TranscriptLine:
    """Return what the line `data` says of itself.

    Ids, type and time are its identity and are read first; then `redact` goes over every text, and
    the rest is taken from what it leaves.
    """
    return _read(
        data,
        redact,
        session_id=data.get("sessionId"),
        parent_uuid=data.get("parentUuid"),
        is_sidechain=data.get("isSidechain") is True,
    )


def read_message(data: JsonObject, *, redact: Redact | None = None) -> TranscriptLine:
    """Return what the message `data` of the stream says of itself, as `read_line` does.

    A subagent's names the call that started it; none says what it follows.
    """
    return _read(
        data,
        redact,
        session_id=data.get("session_id"),
        parent_uuid=None,
        is_sidechain=_identifier(data.get("parent_tool_use_id")) is not None,
    )


def _read(
    data: JsonObject,
    redact: Redact | None,
    *,
    session_id: JsonValue,
    parent_uuid: JsonValue,
    is_sidechain: bool,
) -> TranscriptLine:
    event_type = data.get("type")
    kept = data if redact is None else redacted_object(data, redact)
    cwd = kept.get("cwd")
    return TranscriptLine(
        uuid=_identifier(data.get("uuid")),
        parent_uuid=_identifier(parent_uuid),
        session_id=_identifier(session_id),
        event_type=(
            clean_text(event_type) if isinstance(event_type, str) and event_type.strip() else None
        ),
        timestamp=_time(data.get("timestamp")),
        is_sidechain=is_sidechain,
        cwd=clean_text(cwd) if isinstance(cwd, str) and cwd else None,
        data=kept,
    )


def carried(carry: Carry, line: TranscriptLine) -> Carry:
    """Return what is left to the lines after `line`."""
    return Carry(line.timestamp or carry.timestamp, line.cwd or carry.cwd)


def event_of_line(
    line: TranscriptLine,
    *,
    transcript: Transcript,
    number: int,
    uuid: str,
    carry: Carry,
    memva_session_id: str | None,
) -> Event:
    """Return the event of a line; what the line does not say is taken from `carry`.

    Raises:
        InvalidValue: Neither the line nor `carry` has a time.
    """
    carry = carried(carry, line)
    return Event(
        uuid=uuid,
        session_id=transcript.session_id,
        event_type=line.event_type or UNKNOWN_TYPE,
        timestamp=carry.timestamp,  # type: ignore[arg-type]  # the validator refuses None
        is_sidechain=line.is_sidechain or transcript.subpath != "",
        parent_uuid=line.parent_uuid,
        cwd=carry.cwd,
        project_name=project_name(carry.cwd),
        data=line.data,
        memva_session_id=memva_session_id,
        project_key=transcript.project_key,
        subpath=transcript.subpath,
        line=number,
    )


def content_prefix(data: JsonObject) -> str:
    """Return the part that the derived uuids of all lines with this content share.

    Derived uuids are of version 8 (RFC 9562): a hash of the line's canonical JSON, then a count.
    Lines with equal content differ in the last eight digits alone.
    """
    # Loaded when first used, so that importing memva stays quick.
    import hashlib

    digest = hashlib.blake2b(canonical_json(data, field="data").encode(), digest_size=12).digest()
    value = int.from_bytes(digest) << 32
    value = value & ~(0xF << 76) | 8 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return format_uuid(value)[:-8]


def derived_uuid(prefix: str, equal_before: int) -> str:
    """Return the uuid of a line without one: `equal_before` equal lines stand before it."""
    return f"{prefix}{equal_before:08x}"


def project_name(path: str) -> str:
    """Return the last part of a project's path, on any system: what a list shows for it."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def project_key(path: str) -> str:
    """Return the name of the folder that Claude Code keeps the project at `path` under.

    Every character outside `[A-Za-z0-9]` becomes `-`. Claude Code cuts a name past 200 characters
    and adds a hash that differs between its versions; here such a name is only cut.
    """
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in path)[:200]


def _identifier(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() and is_storable(value) else None


def _time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return from_text(text)
    except ValueError:
        return None
