"""PostgreSQL's errors as memva's, told apart by SQLSTATE, never by text."""

from __future__ import annotations

from typing import Final

import psycopg

from memva.domain.errors import (
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)

# https://www.postgresql.org/docs/current/errcodes-appendix.html: the first two characters are the
# class of an error.
_BY_STATE: Final[dict[str, type[StoreError]]] = {
    "25006": StoreReadOnly,
    "25P02": StoreUnavailable,
    "25P03": StoreUnavailable,
    "25P04": StoreUnavailable,
    "40001": StoreBusy,
    "40P01": StoreBusy,
    "42501": StoreUnavailable,
    "53200": StoreBusy,
    "53300": StoreBusy,
    "55P03": StoreBusy,
    "57014": StoreBusy,
    "XX001": StoreCorrupt,
    "XX002": StoreCorrupt,
}
_BY_CLASS: Final[dict[str, type[StoreError]]] = {
    "08": StoreUnavailable,
    "28": StoreUnavailable,
    "3D": StoreUnavailable,
    "53": StoreFull,
    "54": StoreFull,
    "57": StoreUnavailable,
    "58": StoreUnavailable,
}
_LIMIT_EXCEEDED: Final = "54000"
_TOO_LONG: Final = (
    "a value is too long: of an id, a key or a path that is looked up PostgreSQL takes some "
    "2,700 bytes"
)
_CONFLICTS: Final = frozenset({"40001", "40P01"})
# Of what is in a schema that it may not use, a role does not even see the names.
_REFUSALS: Final = frozenset({"42501", "3F000", "42P01"})


def translate(error: psycopg.Error) -> StoreError:
    """Return the `StoreError` that stands for an error of PostgreSQL's or of its driver."""
    state = error.sqlstate
    if state is None:
        # What no server says is that it could not be reached, or not any more.
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return (StoreUnavailable if lost else StoreError)(str(error))
    kind = _BY_STATE.get(state) or _BY_CLASS.get(state[:2], StoreError)
    return kind(f"{_TOO_LONG}: {error}" if state == _LIMIT_EXCEEDED else str(error))


def is_conflict(error: StoreError) -> bool:
    """Tell whether PostgreSQL undid one of two transactions that were in each other's way."""
    return _state(error) in _CONFLICTS


def is_refusal(error: StoreError) -> bool:
    """Tell whether the role was not allowed to."""
    return _state(error) in _REFUSALS


def is_foreign_key(error: StoreError) -> bool:
    """Tell whether a row referred to another that is not there."""
    return _state(error) == "23503"


def is_duplicate(error: StoreError) -> bool:
    """Tell whether a row with the same key is there already."""
    return _state(error) == "23505"


def is_division_by_zero(error: StoreError) -> bool:
    """Tell whether a statement undid itself, by dividing by zero."""
    return _state(error) == "22012"


def _state(error: StoreError) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)
