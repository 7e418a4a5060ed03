"""Rows of what is counted, as SQLite keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from memva.adapters.told_rows import ToldRows
from memva.domain.json import decode_json
from memva.domain.time import from_text, to_text


def _positions_text(positions: Sequence[int]) -> str:
    return f"[{','.join(map(str, positions))}]"


def _positions_in(text: str) -> list[int]:
    positions: Any = decode_json(text)
    return list(positions)


ROWS: Final = ToldRows(
    moment=to_text,
    moment_kept=from_text,
    positions=_positions_text,
    positions_kept=_positions_in,
)
