"""The problems of an import or an export: told as they are met, and kept for the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

_Problem = TypeVar("_Problem")

PROBLEMS_KEPT: Final = 1_000
"""How many problems a report holds; the others are counted, and told to `on_problem`."""


class Problems(Generic[_Problem]):
    """Gathers problems, and tells the host of each.

    Attributes:
        first: The first of them, `PROBLEMS_KEPT` at most.
        count: How many there are.
    """

    def __init__(self, on_problem: Callable[[_Problem], None] | None) -> None:
        self.first: tuple[_Problem, ...] = ()
        self.count = 0
        self._on_problem = on_problem

    def add(self, problem: _Problem) -> None:
        """Count a problem, keep it if it is one of the first, and tell the host."""
        self.count += 1
        if len(self.first) < PROBLEMS_KEPT:
            self.first = (*self.first, problem)
        if self._on_problem is not None:
            self._on_problem(problem)
