"""Where lines stand that come to a transcript by themselves, without a file that numbers them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from memva.domain.abilities import TranscriptStore
from memva.domain.event import Event, EventKey, Transcript
from memva.domain.json import canonical_json
from memva.domain.line import AGENT_METADATA, UNNUMBERED, TranscriptLine, content_prefix
from memva.domain.ports import Store
from memva.domain.stored_transcript import LinePlace
from memva.services.lookups import event_or_none

_NEIGHBOURS: Final = 100
"""How many lines without a uuid are looked through between two that have one."""


class Numbered(NamedTuple):
    """Lines that come to the end of a transcript.

    Attributes:
        lines: Those to store, with their numbers: new ones, and other versions of those whose uuid
            is stored, which keep theirs.
        ends_with: The stored event that the last line is, where that is known and not to store.
    """

    lines: list[tuple[int, TranscriptLine]]
    ends_with: Event | None


def numbered(
    store: TranscriptStore, transcript: Transcript, lines: Sequence[TranscriptLine]
) -> Numbered:
    """Number the lines that come to a transcript next, and find those that are stored.

    Whoever appends says each line once, but for repeated calls; an import of the same transcript
    may have been there before. A line with a uuid is known by it. One without is known by its
    content among the neighbours of the line before it: those that stand there without a uuid,
    after that which was appended last. What a subagent is takes no number of its own.
    """
    known = [stored_line(store, transcript, line.uuid) for line in lines]
    repeated = _before_first_known(store, transcript, lines, known)
    at = stored_line(store, transcript, _last_appended(store, transcript))
    number = max(store.events.last_line(transcript), UNNUMBERED)
    numbers: dict[str, int] = {}
    placed: list[tuple[int, TranscriptLine]] = []
    ends_with: Event | None = None
    for index, (line, event) in enumerate(zip(lines, known, strict=True)):
        ends_with = None
        if line.uuid is None:
            ends_with = repeated.get(index) or _found(line, _neighbours(store, transcript, at))
            if ends_with is not None:
                at = ends_with
                continue
        if line.uuid is not None and line.uuid in numbers:
            place = numbers[line.uuid]
        elif event is not None:
            at, place = event, event.line
            if _is_kept_of(line, event):
                ends_with = event
                continue
        elif line.event_type == AGENT_METADATA:
            place = number
        else:
            place = number = number + 1
        if line.uuid is not None:
            numbers[line.uuid] = place
        placed.append((place, line))
    return Numbered(placed, ends_with)


def stored_line(store: Store, transcript: Transcript, uuid: str | None) -> Event | None:
    """Return the stored line with this uuid, or None; a streamed event is none."""
    if uuid is None:
        return None
    event = event_or_none(store, EventKey(transcript, uuid))
    return event if event is not None and event.line else None


def _is_kept_of(line: TranscriptLine, event: Event) -> bool:
    """Tell whether an event is a line just as it is said again, and belongs to a session.

    What a line does not say it has from those before it, which are others where it is repeated.
    """
    return event.memva_session_id is not None and canonical_json(
        line.data, field="data"
    ) == canonical_json(event.data, field="data")


def _last_appended(store: TranscriptStore, transcript: Transcript) -> str | None:
    project_key, session_id, subpath = transcript
    found = store.transcripts.find(project_key=project_key, session_id=session_id, subpath=subpath)
    return found[0].last_appended if found else None


def _before_first_known(
    store: TranscriptStore,
    transcript: Transcript,
    lines: Sequence[TranscriptLine],
    known: Sequence[Event | None],
) -> dict[int, Event]:
    """Return, by their indexes, the stored events that the lines before the first uuid are.

    A call that is repeated begins with lines that were appended before the last one.
    """
    first = next((index for index, line in enumerate(lines) if line.uuid is not None), 0)
    event = known[first] if first else None
    if event is None:
        return {}
    since = LinePlace.at_end_of(max(0, event.line - _NEIGHBOURS))
    stored = store.transcripts.lines(transcript, after=since, limit=_NEIGHBOURS)
    before = [at for at in stored if LinePlace.of(at) < LinePlace.of(event)]
    waiting = list(takewhile(_is_without_uuid, reversed(before)))
    if len(waiting) == len(before) and since.line < UNNUMBERED < event.line:
        waiting += reversed(_imported_alone(store, transcript))
    found: dict[int, Event] = {}
    for index in range(first - 1, -1, -1):
        same = _found(lines[index], waiting)
        if same is not None:
            found[index] = same
            waiting = waiting[waiting.index(same) + 1 :]
    return found


def _imported_alone(store: TranscriptStore, transcript: Transcript) -> list[Event]:
    """Return the lines that an import found, if they are few and none of them has a uuid."""
    first = store.transcripts.lines(transcript, limit=_NEIGHBOURS)
    imported = list(takewhile(lambda event: event.line <= UNNUMBERED, first))
    is_all = len(imported) < _NEIGHBOURS and all(map(_is_without_uuid, imported))
    return imported if is_all else []


def _neighbours(
    store: TranscriptStore, transcript: Transcript, event: Event | None
) -> Iterable[Event]:
    """Return the stored lines after an event up to the next that has a uuid.

    Where nothing was appended yet they are those that an import found at the beginning, as long as
    there are no others: whoever appends after others goes on with the conversation.
    """
    after = None if event is None else LinePlace.of(event)
    following = store.transcripts.lines(transcript, after=after, limit=_NEIGHBOURS)
    found = list(takewhile(_is_without_uuid, following))
    return found if event is not None or len(found) == len(following) else ()


def _found(line: TranscriptLine, among: Iterable[Event]) -> Event | None:
    """Return the first event with the content of a line without a uuid, or None."""
    prefix = content_prefix(line.data)
    return next((event for event in among if event.uuid.startswith(prefix)), None)


def _is_without_uuid(event: Event) -> bool:
    return event.data.get("uuid") != event.uuid
