"""Durations as people read them, such as `3m 12s`."""

from __future__ import annotations

from datetime import timedelta


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
