"""Entities from stored values, without validating again what was valid when it was stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import attrs

_T = TypeVar("_T")


def rebuilder(entity: type[_T]) -> Callable[[Iterable[object]], _T]:
    """Return a function that makes an `entity` of its fields' values, in the fields' order.

    It is for adapters, on rows that they wrote: neither converters nor validators run.
    """
    new = object.__new__
    names = [field.name for field in attrs.fields(entity)]  # type: ignore[arg-type]  # of any attrs class
    if not hasattr(entity, "__slots__"):

        def rebuild_unslotted(values: Iterable[object]) -> _T:
            built = new(entity)
            vars(built).update(zip(names, values, strict=True))
            return built

        return rebuild_unslotted
    setters = [getattr(entity, name).__set__ for name in names]

    def rebuild(values: Iterable[object]) -> _T:
        built = new(entity)
        for set_field, value in zip(setters, values, strict=True):
            set_field(built, value)
        return built

    return rebuild
