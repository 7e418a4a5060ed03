"""The columns of a row of the TypeScript Memva's, taken one by one; what is left is kept too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Final, cast

from memva.domain.errors import InvalidValue
from memva.domain.json import DEEPEST, JsonObject, JsonValue, decode_json, is_nested_deeper
from memva.domain.text import clean_text, is_storable
from memva.domain.time import from_text
from memva.domain.typescript_memva.database import Cell

KEPT_UNDER: Final = "typescript_memva"
"""The key, in an event's or a job's `data` and in a session's `metadata`, under which stands what
has no field of its own: the column's name, and what it held."""


class Columns:
    """A row's columns: a field takes those that fit it, and the others stay.

    What a field can hold only with a change stays as well.
    """

    def __init__(self, columns: Mapping[str, Cell]) -> None:
        self._left: dict[str, JsonValue] = {
            clean_text(name): _plain(value) for name, value in columns.items() if value is not None
        }
        self.problems: list[str] = []

    def text(self, name: str) -> str | None:
        """Take a text, cleaned; None where the column has none."""
        value = self._left.get(name)
        if not isinstance(value, str):
            return None
        if is_storable(value):
            del self._left[name]
        return clean_text(value)

    def identifier(self, name: str) -> str | None:
        """Take an id or a type; None where the column has none, or a blank one."""
        value = self._left.get(name)
        if value is None or not is_identifier(value):
            if isinstance(value, str) and not value.strip():
                del self._left[name]
            return None
        del self._left[name]
        return str(value)

    def required(self, name: str) -> str:
        """Take an id or a type.

        Raises:
            InvalidValue: The column has none.
        """
        held = self._left.get(name)
        value = self.identifier(name)
        if value is None:
            raise InvalidValue(name, held, "must be text that is not blank, without NUL")
        return value

    def one_of(self, name: str, *allowed: str) -> str | None:
        """Take one of the words that are allowed; None where the column has another."""
        value = self._left.get(name)
        if value not in allowed:
            return None
        del self._left[name]
        return str(value)

    def moment(self, name: str) -> datetime | None:
        """Take a time; None where the column has none. One without a zone is of UTC."""
        moment = moment_of(self._left.get(name))
        if moment is not None:
            del self._left[name]
        return moment

    def number(self, name: str, *, at_least: int) -> int | None:
        """Take a whole number; None where the column has none, or one too small."""
        value = self._left.get(name)
        if type(value) is not int or value < at_least:
            return None
        del self._left[name]
        return value

    def json(self, name: str) -> JsonValue:
        """Take the value of JSON text; text that is no JSON is taken as it is, and told of."""
        value = self._left.pop(name, None)
        if not isinstance(value, str):
            return value
        try:
            return _parsed(value)
        except ValueError as error:
            self.problems.append(f"{name} is not JSON: {error}; it is kept as text")
            return value

    def left(self) -> dict[str, JsonValue]:
        """Return what was not taken, by column."""
        return dict(self._left)


def with_kept(value: JsonValue, kept: JsonObject, *, column: str) -> JsonValue:
    """Return the JSON of a column, with what has no field of its own under `KEPT_UNDER`.

    Where nothing is kept it is returned as it is. A value that is no object, or has such a key
    already, stands among what is kept, under its column's name.
    """
    if not kept:
        return value
    if value is None:
        return {KEPT_UNDER: kept}
    if isinstance(value, dict) and KEPT_UNDER not in value:
        return {**value, KEPT_UNDER: kept}
    return {KEPT_UNDER: {**kept, column: value}}


def object_with_kept(value: JsonValue, kept: JsonObject, *, column: str) -> JsonObject | None:
    """Return the same as `with_kept`, for a field that takes an object alone, or None."""
    if value is None or isinstance(value, dict):
        return cast("JsonObject | None", with_kept(value, kept, column=column))
    return {KEPT_UNDER: {**kept, column: value}}


def is_identifier(value: object) -> bool:
    """Tell whether a value can be an id or a type."""
    return isinstance(value, str) and bool(value.strip()) and is_storable(value)


def moment_of(value: object) -> datetime | None:
    """Return the moment that a text tells, or None; one without a zone is of UTC."""
    if not isinstance(value, str):
        return None
    try:
        return from_text(value)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else None


def times_of(columns: Columns) -> tuple[datetime, datetime]:
    """Take when a row was created and last updated; one of both is enough."""
    held = columns.left().get("created_at")
    created, updated = columns.moment("created_at"), columns.moment("updated_at")
    if created is None and updated is None:
        raise InvalidValue("created_at", held, "must be a time")
    return cast("datetime", created or updated), cast("datetime", updated or created)


def _parsed(text: str) -> JsonValue:
    value = decode_json(text)
    if text.count("[") + text.count("{") > DEEPEST and is_nested_deeper(value, DEEPEST):
        raise ValueError("nested too deep")
    return value


def _plain(value: Cell) -> JsonValue:
    return str(value) if isinstance(value, float) and not isfinite(value) else value
