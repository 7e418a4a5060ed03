"""The part of a text that shows why it was found."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, NamedTuple

from memva.domain.search_query import SearchQuery
from memva.domain.text import clean_text
from memva.domain.word_rules import PlacedWord, placed_words

_ELLIPSIS: Final = "…"
# What moves a terminal's cursor has no place in one line of text, nor has a line's end.
_GAP: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


class Span(NamedTuple):
    """A part of a text.

    Attributes:
        start: The place of its first character.
        end: The place after its last character.
    """

    start: int
    end: int


class Snippet(NamedTuple):
    """A part of a text in one line, and the hits in it.

    Attributes:
        text: The part, with an ellipsis where something stands before or after it.
        hits: Where the terms of the query stand in `text`, from left to right; none overlap.
    """

    text: str
    hits: tuple[Span, ...]


class _Hit(NamedTuple):
    start: int
    end: int
    term: int


def snippet(text: str, query: SearchQuery, *, width: int = 160) -> Snippet:
    """Return the part of `text` that shows the most terms of `query`, the earliest of such parts.

    It begins and ends between words and has at most `width` characters; more only where one hit
    alone needs them. Where nothing is found it is the beginning of the text.
    """
    text = _GAP.sub(" ", clean_text(text)).strip()
    placed = list(placed_words(text))
    hits = _hits(placed, query)
    if len(text) <= width:
        return Snippet(text, _merged(hits))
    room = max(width - 2 * len(_ELLIPSIS), 1)
    shown = _fullest(hits, room)
    first, last = (shown[0].start, max(hit.end for hit in shown)) if shown else (0, 0)
    # More of what follows is shown than of what goes before: people read on.
    start = max(0, min(first - max(0, room - (last - first)) // 3, len(text) - room))
    end = max(last, min(len(text), start + room))
    start, end = _between_words(placed, text, start, end, Span(first, last))
    before = _ELLIPSIS if start > 0 else ""
    after = _ELLIPSIS if end < len(text) else ""
    moved = [
        _Hit(hit.start - start + len(before), hit.end - start + len(before), hit.term)
        for hit in hits
        if start <= hit.start and hit.end <= end
    ]
    return Snippet(f"{before}{text[start:end]}{after}", _merged(moved))


def _hits(placed: list[PlacedWord], query: SearchQuery) -> list[_Hit]:
    words = [word.word for word in placed]
    return sorted(
        _Hit(placed[place].start, placed[place + len(term.words) - 1].end, number)
        for number, term in enumerate(query.terms)
        for place in term.places(words)
    )


def _fullest(hits: list[_Hit], room: int) -> list[_Hit]:
    """Return the hits next to each other that fit into `room` and belong to the most terms."""
    best: list[_Hit] = hits[:1]
    most, first = 1, 0
    terms: Counter[int] = Counter()
    for last, hit in enumerate(hits):
        terms[hit.term] += 1
        while first < last and hit.end - hits[first].start > room:
            terms[hits[first].term] -= 1
            first += 1
        within = sum(count > 0 for count in terms.values())
        if within > most:
            most, best = within, hits[first : last + 1]
    # A longer hit may have begun among them and end beyond them.
    return [hit for hit in best if hit.end - best[0].start <= room] or best[:1]


def _between_words(
    placed: list[PlacedWord], text: str, start: int, end: int, kept: Span
) -> tuple[int, int]:
    """Return `start` and `end` moved together until neither is inside a word or at a space."""
    room = Span(start, end)
    for word in placed:
        if word.start < start < word.end:
            start = min(word.end, kept.start) if kept.end else word.end
    for word in reversed(placed):
        if word.start < end < word.end:
            end = max(word.start, kept.end)
    if start >= end:
        # One word is longer than the room; there is nothing to cut between.
        return room
    while start < end and text[start] == " ":
        start += 1
    while start < end and text[end - 1] == " ":
        end -= 1
    return start, end


def _merged(hits: list[_Hit]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for hit in hits:
        if merged and hit.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, hit.end))
        else:
            merged.append(Span(hit.start, hit.end))
    return tuple(merged)
