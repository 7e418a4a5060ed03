from __future__ import annotations

from datetime import timedelta

import click
import pytest

from memva.cli.durations import duration_text, duration_typed


def typed(text: str) -> timedelta:
    option = click.Option(["--older-than"])
    return duration_typed(click.Context(click.Command("prune")), option, text)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("0s", timedelta(0)),
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
        ("036500d", timedelta(days=36_500)),
    ],
)
def test_a_number_and_a_unit_are_a_duration(text: str, duration: timedelta) -> None:
    assert typed(text) == duration


@pytest.mark.parametrize(
    "text", ["", "5", "d", "-1d", "1.5h", "1 d", "1d ", "1D", "1y", "1h30m", "٣d", "1d\n", "\udcff"]
)
def test_anything_else_is_refused_with_what_is_taken(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not of the form 90s, 15m, 12h, 30d or 2w"):
        typed(text)


@pytest.mark.parametrize("text", ["36501d", "999999999999w"])
def test_what_may_leave_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is longer than 100 years"):
        typed(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0.0s"),
        (timedelta(seconds=-3), "0.0s"),
        (timedelta(seconds=1, milliseconds=290), "1.2s"),
        (timedelta(seconds=59.99), "59.9s"),
        (timedelta(seconds=60), "1m 0s"),
        (timedelta(seconds=3_599.9), "59m 59s"),
        (timedelta(hours=1), "1h 0m"),
        (timedelta(hours=23, minutes=59, seconds=59), "23h 59m"),
        (timedelta(days=1_234, hours=5, minutes=59), "1,234d 5h"),
    ],
)
def test_a_duration_reads_in_two_units(duration: timedelta, text: str) -> None:
    assert duration_text(duration) == text
