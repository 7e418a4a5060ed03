"""Values to look for, which may be such as no row can hold."""

from __future__ import annotations

from collections.abc import Iterable

from memva.domain.json import encode_json
from memva.domain.text import is_storable


def probe(text: str) -> str | bytes:
    """Return `text` as a value to look for.

    Text that no row can hold becomes a blob: SQLite takes it, and it equals no text.
    """
    return text if is_storable(text) else text.encode("utf-8", "surrogatepass")


def probes(texts: Iterable[str], *, field: str) -> str:
    """Return `texts` as a JSON array of values to look for, without those that no row can hold.

    Older versions of SQLite take a NUL in JSON for the end of a text, and would find another.
    """
    return encode_json([text for text in texts if is_storable(text)], field=field)
