"""Retry policies: how long they wait, given how often and a source of chance."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from memva import DEFAULT_RETRY, ExponentialRetry, FixedRetry, InvalidValue, NoRetry
from memva.domain.retry import RetryPolicy

SECOND = timedelta(seconds=1)


class Always(Random):
    """Gives the same number for ever."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def random(self) -> float:
        return self.number


def test_exponential_wait_doubles_up_to_its_cap() -> None:
    policy = ExponentialRetry(SECOND, factor=2, cap=10 * SECOND, jitter=0)
    waits = [policy(attempts, Random(1)) for attempts in (1, 2, 3, 4, 5, 100, 100_000)]
    assert [wait // SECOND for wait in waits] == [1, 2, 4, 8, 10, 10, 10]


def test_jitter_takes_away_its_share_at_most() -> None:
    policy = ExponentialRetry(8 * SECOND, jitter=0.5)
    assert policy(1, Always(0.0)) == 8 * SECOND
    assert policy(1, Always(0.5)) == 6 * SECOND
    assert policy(1, Always(1.0)) == 4 * SECOND
    chance = Random(7)
    waits = {policy(1, chance) for _ in range(100)}
    assert len(waits) > 90


def test_same_chance_same_wait() -> None:
    assert DEFAULT_RETRY(3, Random(7)) == DEFAULT_RETRY(3, Random(7))


def test_fixed_and_none() -> None:
    assert FixedRetry(SECOND)(9, Random()) == SECOND
    assert FixedRetry(timedelta(0))(1, Random()) == timedelta(0)
    policy: RetryPolicy = NoRetry()
    assert policy(1, Random()) is None


def test_policies_are_values() -> None:
    assert ExponentialRetry(SECOND) == ExponentialRetry(SECOND)
    assert len({FixedRetry(SECOND), FixedRetry(SECOND), FixedRetry(2 * SECOND)}) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first", timedelta(0)),
        ("cap", -SECOND),
        ("factor", 0.5),
        ("factor", float("inf")),
        ("jitter", -0.1),
        ("jitter", 1.1),
    ],
)
def test_policy_refuses_what_makes_no_sense(field: str, value: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        ExponentialRetry(**{field: value})
    assert caught.value.field == field


def test_fixed_wait_is_not_negative() -> None:
    with pytest.raises(InvalidValue):
        FixedRetry(-SECOND)
