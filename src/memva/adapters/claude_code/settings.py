"""What Claude Code's own settings say."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Final

from memva.adapters.claude_code.files import default_projects_folder

_DEFAULT_DAYS: Final = 30


def cleanup_period(projects: str | os.PathLike[str] | None = None) -> timedelta:
    """Return how long after the last write to them Claude Code keeps transcripts.

    That is `cleanupPeriodDays` of the `settings.json` beside the folder `projects`, or of the
    user's own where there is none there; 30 days where neither says it.
    """
    own = default_projects_folder()
    beside = own if projects is None else Path(projects)
    for folder in dict.fromkeys((beside.parent, own.parent)):
        days = _days(folder / "settings.json")
        if days is not None:
            return _period(days)
    return _period(_DEFAULT_DAYS)


def _days(settings: Path) -> float | None:
    try:
        content = json.loads(settings.read_bytes())
    except (OSError, ValueError, RecursionError):
        # Claude Code goes by its defaults then, too.
        return None
    days = content.get("cleanupPeriodDays") if isinstance(content, dict) else None
    if isinstance(days, bool) or not isinstance(days, int | float) or not days >= 0:
        return None
    return days


def _period(days: float) -> timedelta:
    try:
        return timedelta(days=days)
    except OverflowError:
        return timedelta.max
