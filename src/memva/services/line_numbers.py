"""Where lines stand that come to a transcript by themselves, without a file that numbers them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Final

from memva.domain.abilities import TranscriptStore
from memva.domain.errors import EventNotFound
from memva.domain.event import Event, EventKey, Transcript
from memva.domain.line import AGENT_METADATA, TranscriptLine, content_prefix
from memva.domain.stored_transcript import LinePlace

_LAST_POSITION: Final = 2**63 - 1


def numbered(
    store: TranscriptStore, transcript: Transcript, lines: Sequence[TranscriptLine]
) -> list[tuple[int, TranscriptLine]]:
    """Return the lines that come to the end of a transcript, with their numbers.

    One whose uuid is stored keeps its number. One without a uuid is left out where it is known to
    be stored: it stands beside one that is, and what is stored there is equal. What a subagent is
    stands in no line of a file, and takes no number of its own.
    """
    known = [_stored(store, transcript, line) for line in lines]
    repeated = _repeated(store, transcript, lines, known)
    number = store.events.last_line(transcript)
    numbers: dict[str, int] = {}
    placed = []
    for index, (line, event) in enumerate(zip(lines, known, strict=True)):
        if index in repeated:
            continue
        if line.uuid is not None and line.uuid in numbers:
            at = numbers[line.uuid]
        elif event is not None:
            at = event.line
        elif line.event_type == AGENT_METADATA:
            at = max(number, 1)
        else:
            at = number = number + 1
        if line.uuid is not None:
            numbers[line.uuid] = at
        placed.append((at, line))
    return placed


def _stored(store: TranscriptStore, transcript: Transcript, line: TranscriptLine) -> Event | None:
    """Return the stored line with the uuid of this one, or None."""
    if line.uuid is None:
        return None
    try:
        event = store.events.get(EventKey(transcript, line.uuid))
    except EventNotFound:
        return None
    return event if event.line else None


def _repeated(
    store: TranscriptStore,
    transcript: Transcript,
    lines: Sequence[TranscriptLine],
    known: Sequence[Event | None],
) -> set[int]:
    """Return the indexes of lines without a uuid that are stored beside a line that is known."""
    found: set[int] = set()
    for index, event in enumerate(known):
        if event is None:
            continue
        following = _without_uuid(lines, range(index + 1, len(lines)))
        if following:
            place = LinePlace(event.line, event.position)
            stored = store.transcripts.lines(transcript, after=place, limit=len(following))
            found.update(_equal(lines, following, stored))
        preceding = _without_uuid(lines, range(index - 1, -1, -1))
        if preceding and preceding[0] not in found:
            place = LinePlace(max(0, event.line - len(preceding) - 1), _LAST_POSITION)
            stored = store.transcripts.lines(transcript, after=place, limit=2 * len(preceding) + 1)
            before = [at for at in stored if (at.line, at.position) < (event.line, event.position)]
            found.update(_equal(lines, preceding, reversed(before)))
    return found


def _without_uuid(lines: Sequence[TranscriptLine], indexes: Iterable[int]) -> list[int]:
    return list(takewhile(lambda index: lines[index].uuid is None, indexes))


def _equal(
    lines: Sequence[TranscriptLine], indexes: Sequence[int], stored: Iterable[Event]
) -> Iterable[int]:
    """Return the indexes of the lines that are stored, up to the first that is not."""
    pairs = takewhile(
        lambda pair: pair[1].uuid.startswith(content_prefix(lines[pair[0]].data)),
        zip(indexes, stored, strict=False),
    )
    return [index for index, _ in pairs]
