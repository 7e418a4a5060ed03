from __future__ import annotations

from datetime import timedelta

import pytest

from memva.cli.durations import duration_text


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
