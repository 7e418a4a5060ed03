"""Days and moments as people type them, in the time zone they live in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import click

from memva.cli.durations import duration_typed


class LocalZone(tzinfo):
    """The time zone of this machine, with what it was in summer and winter of every year.

    The fixed offset that `datetime.astimezone()` gives holds for one moment alone.
    """

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        """Return how far the local time was ahead of UTC."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, moment: datetime | None) -> timedelta | None:
        """Return None: which part of the offset is summer time is not known."""
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        """Return the name of the zone at that moment."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime) -> datetime:
        """Return a moment, given in UTC, as the local clock showed it."""
        return moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=self)


def moment_typed(
    context: click.Context, parameter: click.Parameter, typed: str | None
) -> datetime | None:
    """Return the moment that was typed as the value of an option; it is a callback of click's.

    A date is its first moment here; a duration such as `7d` is that long ago.

    Raises:
        BadParameter: It is neither.
    """
    if typed is None:
        return None
    try:
        return datetime.fromisoformat(typed).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    try:
        return datetime.now(UTC) - duration_typed(context, parameter, typed)
    except (click.BadParameter, OverflowError):
        raise click.BadParameter(
            f"{typed!r} is neither a date such as 2026-01-31 nor a duration such as 12h, 7d or 2w."
        ) from None


def since_and_until(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options `--since` and `--until`, each a moment or None."""
    since = click.option(
        "--since",
        callback=moment_typed,
        metavar="WHEN",
        help="From a date on, such as 2026-01-31, or from a while ago, such as 7d.",
    )
    until = click.option(
        "--until", callback=moment_typed, metavar="WHEN", help="Up to a date or a while ago."
    )
    return since(until(command))
