"""A look at what sessions amount to, of which a part may be kept from looks before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from memva.adapters.stats_text import stats_from_text
from memva.adapters.told_rows import Row
from memva.domain.stats import SessionFacts, SessionStats, stats_of


@attrs.frozen
class Look:
    """What one look at sessions gave.

    Attributes:
        stats: What each of them amounts to.
        tokens: The token of those that were not kept, or None where they have none.
        events: How many events were gone through for those.
    """

    stats: dict[str, SessionStats]
    tokens: Mapping[str, int | None]
    events: int


def look(kept: Iterable[Row], facts: Callable[[Sequence[str]], Mapping[str, SessionFacts]]) -> Look:
    """Return what sessions amount to.

    Args:
        kept: Of each session its id, its token or None, and its kept text or None.
        facts: Returns what is to be known of the sessions of which nothing is kept.
    """
    stats: dict[str, SessionStats] = {}
    tokens: dict[str, int | None] = {}
    for session_id, token, text in kept:
        if text is None:
            tokens[session_id] = token
        else:
            stats[session_id] = stats_from_text(text)
    if not tokens:
        return Look(stats, tokens, 0)
    found = facts(list(tokens))
    stats |= {session_id: stats_of(known) for session_id, known in found.items()}
    return Look(stats, tokens, sum(sum(known.types.values()) for known in found.values()))
