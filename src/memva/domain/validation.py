"""Checks of the entities' fields and of arguments; each names what it refuses, and the value."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import attrs

from memva.domain.errors import InvalidValue
from memva.domain.text import is_storable

Validator: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def text(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Accept any text that every database can store."""
    check_text(field.name, value)


def identifier(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Accept an id or a type: storable text that is not blank."""
    check_identifier(field.name, value)


def integer(*, at_least: int | None = None) -> Validator:
    """Accept a whole number of 64 bits, not below `at_least`."""
    low = -(2**63) if at_least is None else at_least

    def check(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if type(value) is not int or not low <= value < 2**63:
            rule = "must be a whole number of 64 bits"
            if at_least is not None:
                rule += f", at least {at_least}"
            raise InvalidValue(field.name, value, rule)

    return check


def boolean(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Accept True or False."""
    if type(value) is not bool:
        raise InvalidValue(field.name, value, "must be True or False")


def one_of(*allowed: str) -> Validator:
    """Accept one of the `allowed` words."""

    def check(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if value not in allowed:
            raise InvalidValue(field.name, value, f"must be one of {', '.join(allowed)}")

    return check


def json_object(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Accept a JSON object; what it holds is checked when it is stored."""
    if not isinstance(value, dict):
        raise InvalidValue(field.name, value, "must be a JSON object (a dict)")


def positive_duration(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Accept a length of time above zero."""
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise InvalidValue(field.name, value, "must be a timedelta above zero")


def to_utc(value: datetime) -> datetime:
    """Convert an aware datetime of any zone to UTC; `time` refuses what cannot be converted."""
    if not isinstance(value, datetime) or value.tzinfo is UTC or value.utcoffset() is None:
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return value


def to_utc_or_none(value: datetime | None) -> datetime | None:
    """Convert as `to_utc` does; None stays None."""
    return None if value is None else to_utc(value)


def check_limit(limit: int | None) -> None:
    """Raise `InvalidValue` where a limit is given that no list can keep."""
    if limit is not None and not 1 <= limit < 2**63:
        raise InvalidValue("limit", limit, "must be at least 1")


def check_each(name: str, values: Collection[str], allowed: Collection[str]) -> None:
    """Raise `InvalidValue` where one of `values` is not `allowed`."""
    for value in values:
        if value not in allowed:
            raise InvalidValue(name, value, f"must be one of {', '.join(allowed)}")


def check_text(name: str, value: object) -> str:
    """Return `value`; raise `InvalidValue` where it is no text that every database can store."""
    if not isinstance(value, str):
        raise InvalidValue(name, value, "must be text")
    if not is_storable(value):
        raise InvalidValue(name, value, "must be text without NUL or lone surrogates")
    return value


def check_identifier(name: str, value: object) -> None:
    """Raise `InvalidValue` where `value` is no id or type: storable text that is not blank."""
    text = check_text(name, value)
    if not text or text.isspace():
        raise InvalidValue(name, value, "must not be blank")


def check_duration(name: str, value: object) -> None:
    """Raise `InvalidValue` where `value` is no length of time, or one below zero."""
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise InvalidValue(name, value, "must be a timedelta, not below zero")


def check_no_path(name: str, value: object) -> None:
    """Raise `InvalidValue` where a path is given in place of what reads or writes there."""
    if isinstance(value, str | os.PathLike):
        raise InvalidValue(name, value, "must be what an adapter makes of a path")


def moment(name: str, value: datetime) -> datetime:
    """Return a time given as the argument `name` in UTC.

    Raises:
        InvalidValue: It does not know its time zone.
    """
    value = to_utc(value)
    _check_time(name, value)
    return value


def moment_or_none(name: str, value: datetime | None) -> datetime | None:
    """Return a time as `moment` does; None stays None.

    Raises:
        InvalidValue: It does not know its time zone.
    """
    return None if value is None else moment(name, value)


def time(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Accept a time that `to_utc` has converted."""
    _check_time(field.name, value)


def _check_time(name: str, value: object) -> None:
    if not isinstance(value, datetime) or value.tzinfo is not UTC:
        rule = "must be a datetime that knows its time zone, in the years 1 to 9999 of UTC"
        raise InvalidValue(name, value, rule)
