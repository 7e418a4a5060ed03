"""Durations as people type them, such as `30d`, and as they read them, such as `3m 12s`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import click

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_TYPED: Final = re.compile(rf"([0-9]{{1,12}})([{''.join(_SECONDS)}])")
_LONGEST: Final = 100 * 365 * _SECONDS["d"]
"""How many seconds are taken; further back the calendar soon ends."""


def duration_typed(_: click.Context, __: click.Parameter, typed: str) -> timedelta:
    """Return the duration that was typed as the value of an option; it is a callback of click's.

    Raises:
        BadParameter: It is none, or longer than 100 years.
    """
    form = _TYPED.fullmatch(typed)
    if form is None:
        raise click.BadParameter(f"{typed!r} is not of the form 90s, 15m, 12h, 30d or 2w.")
    seconds = int(form[1]) * _SECONDS[form[2]]
    if seconds > _LONGEST:
        raise click.BadParameter(f"{typed!r} is longer than 100 years.")
    return timedelta(seconds=seconds)


def duration_text(duration: timedelta) -> str:
    """Return a duration in its two largest units; one below zero, from clocks that differ, as 0."""
    seconds = max(duration.total_seconds(), 0.0)
    if seconds < 60:
        return f"{int(seconds * 10) / 10}s"
    minutes, whole_seconds = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {whole_seconds}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h {minutes}m"
    days, hours = divmod(hours, 24)
    return f"{days:,}d {hours}h"
