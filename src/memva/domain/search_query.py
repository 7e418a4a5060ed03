"""What a person types to search, and which texts it finds.

A query is words, phrases in quotes, and beginnings of words, marked with `*`. There is nothing else
in it, so there is nothing that could be written wrongly: `AND`, `-` and `:` mean no more than they
do in a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import attrs

from memva.domain.word_rules import placed_words

MOST_WORDS: Final = 64
"""How many words of a query are looked for; what a person pastes beyond them is left out."""

# What repeats itself is no further word; this bounds how long it is read for.
_MOST_PARTS: Final = 1_000
# The customary weights of BM25, and how many words an event usually has.
_SATURATION: Final = 1.2
_LENGTH_COUNTS: Final = 0.75
_USUAL_LENGTH: Final = 100
_QUOTES: Final = str.maketrans(dict.fromkeys("“”„‟«»", '"'))
_PART: Final = re.compile(r'"(?P<phrase>[^"]*)(?:"(?P<star>\*?))?|[^\s"]+')


@attrs.frozen
class SearchTerm:
    """Words that must stand next to each other, in this order.

    Attributes:
        words: The words, as `words` gives them; at least one.
        prefix: Whether the last one is only the beginning of a word.
    """

    words: tuple[str, ...]
    prefix: bool = False

    def places(self, words: Sequence[str]) -> Iterator[int]:
        """Yield each place in a text's `words` where the term begins."""
        size = len(self.words)
        *before, last = self.words
        for place in range(len(words) - size + 1):
            ending = words[place + size - 1]
            if (ending.startswith(last) if self.prefix else ending == last) and (
                list(words[place : place + size - 1]) == before
            ):
                yield place


@attrs.frozen
class SearchQuery:
    """What is searched for: a text is found where every term stands in it.

    Attributes:
        terms: The terms, each once. Where there are none, nothing is found.
    """

    terms: tuple[SearchTerm, ...] = ()


def parse_query(text: str) -> SearchQuery:
    """Return the query that `text` is; every text is one.

    What stands between quotes is a phrase, up to the end where the second quote is missing. What
    stands between spaces is one too: `login.py` finds `login` with `py` after it. A `*` right
    after the last word of either makes that word a beginning.
    """
    terms: dict[SearchTerm, None] = {}
    room = MOST_WORDS
    for part in islice(_PART.finditer(text.translate(_QUOTES)), _MOST_PARTS):
        content = part[0] if part["phrase"] is None else part["phrase"] + (part["star"] or "")
        placed = list(islice(placed_words(content), room))
        if not placed:
            continue
        term = SearchTerm(
            words=tuple(word.word for word in placed),
            prefix=content.startswith("*", placed[-1].end),
        )
        if term not in terms:
            terms[term] = None
            room -= len(placed)
    return SearchQuery(tuple(terms))


def matches(query: SearchQuery, words: Sequence[str]) -> bool:
    """Tell whether `query` finds a text with these `words`.

    This is what finding means. A store with an index of its own finds the same.
    """
    return bool(query.terms) and all(
        next(term.places(words), None) is not None for term in query.terms
    )


def relevance(query: SearchQuery, words: Sequence[str]) -> float:
    """Return how much a text with these `words` is about `query`; more is better.

    More of it is said where it is said more often, and where less else is said. A store with an
    index of its own may weigh that otherwise, rare words more than common ones for one.
    """
    length = 1 - _LENGTH_COUNTS + _LENGTH_COUNTS * len(words) / _USUAL_LENGTH
    often = (sum(1 for _ in term.places(words)) for term in query.terms)
    return sum(count / (count + _SATURATION * length) for count in often)
