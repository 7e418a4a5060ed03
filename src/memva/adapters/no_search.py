"""What stands for the search of a store that was opened without."""

from __future__ import annotations

from typing import NoReturn

from memva.domain.errors import SearchUnavailable


class NoSearch:
    """Refuses every search, as `memva.domain.abilities.SearchRepository` says."""

    def find(self, *_: object, **__: object) -> NoReturn:
        """Raise `SearchUnavailable`."""
        raise SearchUnavailable("the store was opened with search=False")

    find_best = build = find
