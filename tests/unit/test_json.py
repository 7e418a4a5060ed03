"""JSON is strict, keeps its text, and says what it refuses."""

from typing import Any

import pytest

from memva import InvalidValue
from memva.domain.json import (
    canonical_json,
    decode_json,
    encode_json,
    is_nested_deeper,
    is_plain,
    parse_object,
    read_object,
)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("NaN", "NaN is not JSON"),
        ("[Infinity]", "Infinity is not JSON"),
        ("1e999", "a number is too large"),
        ("{", "Expecting property name"),
        ("", "Expecting value"),
        ("[" * 100_000, "nested too deep"),
        ("9" * 5_000, "4300 digits"),
    ],
)
def test_what_is_no_json_is_refused(bad: str, reason: str) -> None:
    for refuse in (decode_json, lambda text: parse_object(text.encode())):
        with pytest.raises(ValueError, match=reason):
            refuse(bad)


@pytest.mark.parametrize("bad", [float("inf"), {"x": {1}}, {(1, 2): 3}])
def test_what_json_cannot_say_is_refused_by_name(bad: Any) -> None:
    for write in (encode_json, canonical_json):
        with pytest.raises(InvalidValue) as caught:
            write(bad, field="data")
        assert caught.value.field == "data"


def test_json_text_is_readable_where_it_can_be() -> None:
    assert encode_json({"é": "日本"}, field="data") == '{"é":"日本"}'
    assert encode_json("é\ud800", field="data") == '"\\u00e9\\ud800"'


def test_parsed_object_keeps_its_text() -> None:
    text = b'{ "n": 1.10, "half": "\\ud800", "n": 1e2 }'
    parsed = parse_object(b" \t" + text + b"\r\n")
    assert parsed == {"n": 100.0, "half": "\ud800"}
    assert parsed is not None
    assert encode_json(parsed, field="data") == text.decode()
    assert parse_object(b"[]") is None
    with pytest.raises(UnicodeDecodeError):
        parse_object(b'{"x": "\xff"}')


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff{}", "is not UTF-8"),
        (b"{", "is not JSON: Expecting property name"),
        (b"[1]", "is not a JSON object"),
        (b'{"x": ' + b"[" * 401 + b"]" * 401 + b"}", "is nested too deep"),
    ],
)
def test_line_that_is_no_object_says_why(line: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}"):
        read_object(line)


def test_line_that_is_an_object_is_read() -> None:
    brackets = "[" * 1_000
    assert read_object(b'{"x": "' + brackets.encode() + b'"}\r\n') == {"x": brackets}
    assert read_object(b'{"x": ' + b"[" * 398 + b"]" * 398 + b"}")


def test_depth_of_json() -> None:
    assert not is_nested_deeper([[["x"]]], 3)
    assert is_nested_deeper([[["x"]]], 2)
    assert is_nested_deeper({"a": {"b": [1]}}, 2)
    assert not is_nested_deeper("x", 0)


@pytest.mark.parametrize("value", ["é", 1, 1.5, True, None, [], {"é": [{"b": ["c", 2**70]}]}])
def test_plain_values_are_read_as_they_were(value: Any) -> None:
    assert is_plain(value)
    assert repr(decode_json(encode_json(value, field="data"))) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        "\ud840\udc00",
        {"\ud840\udc00": 1},
        {1: "a", "1": "b"},
        {"a": [(1, 2)]},
        [{"b": {None: 1}}],
    ],
)
def test_values_that_are_read_as_others_are_not_plain(value: Any) -> None:
    assert not is_plain(value)
