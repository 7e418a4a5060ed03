"""What a check tells of a search index that is behind, whatever store it is of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from memva.domain.finding import Finding

MOST_ARREARS: Final = 10_000
"""With more events than this left to index, searches wait noticeably."""


def arrears(*, is_of_other_rules: bool, behind: int) -> Iterator[Finding]:
    """Yield a finding where the next search has to wait for the index."""
    told = None
    if is_of_other_rules:
        told = "It was made by other rules, and the next search makes it anew, which takes time."
    elif behind > MOST_ARREARS:
        told = f"{behind:,} events are not in it yet, and the next search waits for them."
    if told is not None:
        yield Finding(
            kind="search_index",
            severity="note",
            subject="search index",
            problem=told,
            advice='Run "memva search" with any word, or call build_search_index, at a quiet time.',
        )
