"""Searching a long history, for words that stand everywhere and for words that hardly do."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache, partial
from itertools import accumulate, count
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.grown import grow
from benchmarks.measure import Figure, Round, in_turns
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from benchmarks.workload import Conversation, Line
from memva import build_search_index, search_events
from memva.adapters.sqlite import SqliteStore
from memva.adapters.sqlite.search_index import VERSION

_COMMON: Final = ("login", "session", "database", "render", "invoice")
"""Words, each of which stands in a third of the events."""

_RARE: Final = tuple(f"rareword{number}" for number in range(20))
"""Words, each of which stands in ten events of a file."""

_TIMES_RARE: Final = 10
_VOCABULARY: Final = 20_000
_OTHER_WORDS: Final = 7
_LIMIT: Final = 50


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures: a page of 50 hits with their snippets, newest first, as a host asks."""
    many, few = sizes.searched_events, sizes.searched_events // 10
    with (
        SqliteStore.open(_searchable(place, many)) as large,
        SqliteStore.open(_searchable(place, few)) as small,
    ):
        growth = []
        for name, searched in (("common", _COMMON), ("rare", _RARE)):
            rounds = in_turns(
                lambda word: _search(large, word),
                lambda word: _search(small, word),
                (searched[number % len(searched)] for number in range(sizes.searches)),
            )
            yield _milliseconds(f"search.{name}_ms", rounds, many)
            growth.append(_growth(rounds))
    beside = f"common {growth[0]:.2f}, rare {growth[1]:.2f}: at {many:,} over at {few:,}"
    yield Figure("search.growth", max(growth), beside)


def _search(store: SqliteStore, word: str) -> None:
    assert search_events(store, word, limit=_LIMIT).hits


def _milliseconds(measure: str, rounds: Sequence[Round], many: int) -> Figure:
    seconds = sorted(one.ours for one in rounds)
    worst = seconds[len(seconds) * 99 // 100]
    beside = f"{many:,} events; 99 in 100 within {worst * 1e3:.1f} ms"
    return Figure(measure, median(seconds) * 1e3, beside)


def _growth(rounds: Sequence[Round]) -> float:
    return median(one.ours for one in rounds) / median(one.floor for one in rounds)


def _searchable(place: Place, total: int) -> Path:
    """Return a file of so many small events that is indexed to its end."""
    return place.cached(f"searchable-{VERSION}-{total}.db", partial(_make, total=total))


def _make(path: Path, *, total: int) -> None:
    chance, numbers = random.Random(total), count()
    grow(path, total=total, line=lambda one: _line(one, chance, next(numbers), total))
    with SqliteStore.open(path, durability="normal") as store:
        build_search_index(store)


def _line(conversation: Conversation, chance: random.Random, number: int, total: int) -> Line:
    line = conversation.small_line()
    said = chance.choices(_vocabulary(), cum_weights=_weights(), k=_OTHER_WORDS)
    said += [word for word in _COMMON if chance.random() < 1 / 3]
    # Each rare word a tenth of the file after its last time, no two in one event.
    number -= total // _TIMES_RARE // len(_RARE) // 2
    between = total // _TIMES_RARE // len(_RARE)
    if number % between == 0:
        said.append(_RARE[number // between % len(_RARE)])
    chance.shuffle(said)
    line["message"]["content"] = " ".join(said)
    return line


@cache
def _vocabulary() -> list[str]:
    chance = random.Random(_VOCABULARY)
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    return [
        "".join(chance.choices(syllables, k=chance.choice((1, 2, 2, 3, 4)))) for _ in _weights()
    ]


@cache
def _weights() -> list[float]:
    """Return how often each word comes, added up: as often as its rank says, as in any language."""
    return list(accumulate(1 / rank for rank in range(1, _VOCABULARY + 1)))
