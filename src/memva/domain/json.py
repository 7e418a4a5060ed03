"""JSON values, and the text that stores keep them as.

Typed read-only, plain at run time: a store gives each caller a structure of its own. The text is
strict JSON (RFC 8259): it has no NaN and no infinities. It keeps NUL and lone surrogates as
escapes, and integers of any size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias, cast

from memva.domain.errors import InvalidValue
from memva.domain.text import is_storable

if TYPE_CHECKING:
    JsonValue: TypeAlias = (
        str | int | float | bool | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None
    )
else:
    # A type that names itself cannot be resolved outside this module, which cattrs would need.
    JsonValue: TypeAlias = Any
JsonObject: TypeAlias = Mapping[str, JsonValue]

DEEPEST: Final = 400
"""JSON from outside that nests deeper is refused; Python's own stack is the limit of reading it."""

_TEXT: Final = frozenset({str})
_SCALARS: Final = frozenset({int, float, bool, type(None)})

# What contains itself ends in a RecursionError, without being looked for in every value.
_compact = partial(json.JSONEncoder, allow_nan=False, check_circular=False, separators=(",", ":"))
_readable = _compact(ensure_ascii=False).encode
_escaped = _compact(ensure_ascii=True).encode
_canonical = _compact(ensure_ascii=True, sort_keys=True).encode


class ParsedObject(dict[str, JsonValue]):
    """A JSON object with the text it was read from, in UTF-8: storing it writes none anew.

    It is not to be changed: its text would stay as it was.
    """

    __slots__ = ("content",)

    def __init__(self, values: JsonObject, *, content: bytes) -> None:
        super().__init__(values)
        self.content = content


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return value


_decode = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite).decode


def encode_json(value: JsonValue, *, field: str) -> str:
    """Return `value` as JSON text that any database takes: compact, or as it was read.

    Raises:
        InvalidValue: `value` holds something that JSON has no form for; the error names `field`.
    """
    if value is None:
        return "null"
    if type(value) is ParsedObject:
        return value.content.decode()
    try:
        text = _readable(value)
        return text if is_storable(text) else _escaped(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(field, value, f"must be JSON ({error})") from error


def canonical_json(value: JsonValue, *, field: str) -> str:
    """Return the one text that equal JSON values share: keys sorted, ASCII only.

    Raises:
        InvalidValue: As from `encode_json`.
    """
    try:
        return _canonical(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(field, value, f"must be JSON ({error})") from error


def decode_json(text: str) -> JsonValue:
    """Return the value of JSON `text`, a new structure on each call.

    Raises:
        ValueError: `text` is not JSON, nests too deep, or has a number too long to read.
    """
    try:
        return cast("JsonValue", _decode(text))
    except json.JSONDecodeError as error:
        # The text is one line; a line number would be taken for the file's.
        raise ValueError(f"{error.msg} (character {error.pos + 1})") from error
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def parse_object(content: bytes) -> ParsedObject | None:
    """Return the object of JSON in UTF-8, or None where it is another value.

    Raises:
        UnicodeDecodeError: It is not UTF-8.
        ValueError: As from `decode_json`.
    """
    value = decode_json(content.decode())
    # What was UTF-8 has no lone surrogates, and JSON has no NUL: any database takes the text.
    return ParsedObject(value, content=content.strip()) if isinstance(value, dict) else None


def read_object(content: bytes) -> ParsedObject:
    """Return the object that a line is, of a file or a stream, if it can be stored.

    Raises:
        ValueError: It is none; the error says why, for people to read, and nothing of the content.
    """
    try:
        data = parse_object(content)
    except UnicodeDecodeError as error:
        raise ValueError("is not UTF-8") from error
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from error
    if data is None:
        raise ValueError("is not a JSON object")
    brackets = content.count(b"[") + content.count(b"{")
    if brackets > DEEPEST and is_nested_deeper(data, DEEPEST):
        raise ValueError("is nested too deep")
    return data


def is_plain(value: JsonValue) -> bool:
    """Tell whether the JSON text of `value` is read as the very same.

    It is not where a text has surrogates, two of which are read as one character, nor where a type
    is one that JSON does not give. In doubt the answer is no.
    """
    values: list[Any] = [value]
    for item in values:
        kind = type(item)
        if kind is str:
            if not (item.isascii() or is_storable(item)):
                return False
        elif kind is dict:
            if not {*map(type, item)} <= _TEXT:
                return False
            values.append("".join(item))
            values.extend(item.values())
        elif kind is list:
            values.extend(item)
        elif kind not in _SCALARS:
            return False
    return True


def is_nested_deeper(value: JsonValue, depth: int) -> bool:
    """Tell whether `value` nests deeper than `depth`; what is too deep cannot be stored."""
    level: list[JsonValue] = [value]
    for _ in range(depth + 1):
        inner: list[JsonValue] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        if not inner:
            return False
        level = inner
    return True
