"""Rows of what is counted, as PostgreSQL keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from memva.adapters.told_rows import ToldRows


def _as_it_is(moment: datetime) -> datetime:
    return moment


ROWS: Final = ToldRows(moment=_as_it_is, moment_kept=_as_it_is, positions=list, positions_kept=list)
