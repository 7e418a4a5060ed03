"""When a job that failed is tried again: policies as values, or a function of the host's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Final, TypeAlias

import attrs
from attrs import field

from memva.domain import validation
from memva.domain.errors import InvalidValue

RetryPolicy: TypeAlias = Callable[[int, Random], timedelta | None]
"""Given how many attempts were charged, the failed one included, and a source of randomness, it
returns how long to wait for the next attempt, or None to fail for good."""


@attrs.frozen
class ExponentialRetry:
    """Waits longer after each attempt, with jitter, so that what failed together returns apart.

    Attributes:
        first: How long to wait after the first attempt.
        factor: By how much the wait grows with each further attempt.
        cap: The longest wait.
        jitter: How much of a wait is left to chance: with 0.5, from half of it to all of it.

    Raises:
        InvalidValue: A field has a value that it cannot have.
    """

    first: timedelta = field(default=timedelta(seconds=5), validator=validation.positive_duration)
    factor: float = field(default=2.0, kw_only=True)
    cap: timedelta = field(
        default=timedelta(hours=1), kw_only=True, validator=validation.positive_duration
    )
    jitter: float = field(default=0.5, kw_only=True)

    @factor.validator
    def _check_factor(self, _: object, value: float) -> None:
        if not 1 <= value < float("inf"):
            raise InvalidValue("factor", value, "must be at least 1")

    @jitter.validator
    def _check_jitter(self, _: object, value: float) -> None:
        if not 0 <= value <= 1:
            raise InvalidValue("jitter", value, "must be from 0 to 1")

    def __call__(self, attempts: int, random: Random) -> timedelta:
        """Return how long to wait after `attempts` attempts."""
        try:
            wait = self.first * self.factor ** max(0, attempts - 1)
        except OverflowError:
            wait = self.cap
        return min(wait, self.cap) * (1 - self.jitter * random.random())


@attrs.frozen
class FixedRetry:
    """Waits the same time after each attempt; zero is at once.

    Raises:
        InvalidValue: `wait` is below zero.
    """

    wait: timedelta = field()

    @wait.validator
    def _check_wait(self, _: object, value: timedelta) -> None:
        if not isinstance(value, timedelta) or value < timedelta(0):
            raise InvalidValue("wait", value, "must be a timedelta, not below zero")

    def __call__(self, attempts: int, random: Random) -> timedelta:
        """Return how long to wait."""
        return self.wait


@attrs.frozen
class NoRetry:
    """Fails a job for good with its first error."""

    def __call__(self, attempts: int, random: Random) -> None:
        """Return None: there is no next attempt."""


DEFAULT_RETRY: Final = ExponentialRetry()
"""From half of 5 seconds to 5 seconds after the first attempt, then twice as long each time."""
