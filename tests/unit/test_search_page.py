"""Where a search goes on."""

from datetime import UTC, datetime

import pytest

from memva.domain.search_page import milliseconds


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 0, 0, 1, 2_999, tzinfo=UTC), 1_002),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (datetime.min.replace(tzinfo=UTC), -62_135_596_800_000),
        (datetime.max.replace(tzinfo=UTC), 253_402_300_799_999),
    ],
)
def test_milliseconds_are_whole_and_in_order(time: datetime, expected: int) -> None:
    assert milliseconds(time) == expected
