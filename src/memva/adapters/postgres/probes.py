"""Values to look for, which may be such as no row can hold."""

from __future__ import annotations

from collections.abc import Iterable

from memva.domain.text import is_storable


def probe(text: str) -> str | None:
    """Return `text` as a value to look for; text that no row can hold becomes NULL.

    PostgreSQL refuses such text, and nothing equals NULL.
    """
    return text if is_storable(text) else None


def probes(texts: Iterable[str]) -> list[str]:
    """Return `texts` as values to look for, without those that no row can hold."""
    return [text for text in texts if is_storable(text)]
