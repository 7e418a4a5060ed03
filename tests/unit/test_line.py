"""How lines become events: what they lack, their uuids, their titles, and the text in them."""

import json
from datetime import timedelta
from typing import Any

import pytest

from memva import InvalidValue, Transcript
from memva.domain.ids import new_id
from memva.domain.json import decode_json, encode_json, is_nested_deeper, parse_object
from memva.domain.line import (
    Carry,
    TranscriptLine,
    content_prefix,
    derived_uuid,
    event_of_line,
    project_key,
    project_name,
    read_line,
)
from memva.domain.prompts import prompt_text
from memva.domain.redaction import redacted_event
from memva.domain.text import clean_text
from memva.domain.time import from_text, to_text
from memva.domain.titles import Title, better_title, title_in
from memva.testing import sample_event
from memva.testing.clock import START

MAIN = Transcript("-code-app", "claude-1", "")


def event_of(line: TranscriptLine, carry: Carry, transcript: Transcript = MAIN) -> Any:
    return event_of_line(
        line, transcript=transcript, number=1, uuid="u", carry=carry, memva_session_id=None
    )


def test_line_without_anything_is_kept() -> None:
    event = event_of(read_line({"x": 1}), Carry(START, "/code/app"))
    assert (event.event_type, event.timestamp, event.cwd) == ("unknown", START, "/code/app")
    assert (event.project_name, event.data) == ("app", {"x": 1})


@pytest.mark.parametrize("bad", [7, "", " ", "a\x00b", "\ud800", None, ["x"]])
def test_unusable_ids_count_as_none(bad: Any) -> None:
    line = read_line({"uuid": bad, "parentUuid": bad, "sessionId": bad, "timestamp": bad})
    assert (line.uuid, line.parent_uuid, line.session_id, line.timestamp) == (None,) * 4


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678000Z"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02T05:04:05.5+02:00", "2026-01-02T03:04:05.500000Z"),
        ("2026-01-02T03:04:05", None),
        ("yesterday", None),
        ("0001-01-01T00:00:00+01:00", None),
    ],
)
def test_times_are_read_as_utc_or_not_at_all(text: str, time: str | None) -> None:
    read = read_line({"timestamp": text}).timestamp
    assert (None if read is None else to_text(read)) == time


def test_time_text_sorts_as_time() -> None:
    times = [START.replace(year=year) + timedelta(microseconds=1) for year in (1, 999, 2026, 9999)]
    texts = [to_text(time) for time in times]
    assert texts == sorted(texts)
    assert {len(text) for text in texts} == {27}
    assert [from_text(text) for text in texts] == times


def test_line_without_time_needs_one_to_carry() -> None:
    with pytest.raises(InvalidValue):
        event_of(read_line({}), Carry())


def test_subagent_is_a_sidechain_even_if_it_does_not_say_so() -> None:
    carry = Carry(START)
    assert event_of(read_line({}), carry, MAIN._replace(subpath="subagents/a")).is_sidechain
    assert event_of(read_line({"isSidechain": True}), carry).is_sidechain
    assert not event_of(read_line({"isSidechain": "yes"}), carry).is_sidechain


def test_derived_uuid_comes_from_content_alone() -> None:
    one, other = json.loads('{"a": 1, "b": [2]}'), json.loads('{ "b":[2],"a":1 }')
    assert content_prefix(one) == content_prefix(other)
    assert content_prefix(one) != content_prefix({"a": 1, "b": [3]})
    uuid = derived_uuid(content_prefix(one), 255)
    assert len(uuid) == 36
    assert uuid[14] == "8"
    assert uuid.endswith("000000ff")


def test_new_ids_are_version_7_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert {(id_[14], id_[19] in "89ab", len(id_)) for id_ in ids} == {("7", True, 36)}
    assert [id_[:13] for id_ in ids] == sorted(id_[:13] for id_ in ids)


def test_project_names() -> None:
    assert project_key("/code/my app_2") == "-code-my-app-2"
    assert len(project_key("x" * 300)) == 200
    assert project_name("/code/app/") == "app"
    assert project_name("C:\\code\\app") == "app"
    assert project_name("") == ""


def user(content: Any, **data: Any) -> Any:
    return sample_event(data={"message": {"content": content}, **data})


@pytest.mark.parametrize(
    ("event", "typed"),
    [
        (user("Fix it"), "Fix it"),
        (user([{"type": "text", "text": "Fix"}, {"type": "image"}]), "Fix"),
        (user([{"type": "tool_result", "content": "x"}]), None),
        (user("note", isMeta=True), None),
        (user("earlier", isCompactSummary=True), None),
        (user("<command-name>/init</command-name>"), None),
        (user("  <local-command-stdout>x</local-command-stdout>"), None),
        (user("<system-reminder>x</system-reminder>"), None),
        (user("<task-notification>x</task-notification>"), None),
        (user("[Request interrupted by user]"), None),
        (user(" \n "), None),
        (user(None), None),
        (user(7), None),
        (sample_event(data={}), None),
        (sample_event(data={"message": "text"}), None),
        (sample_event(is_sidechain=True), None),
        (sample_event(event_type="assistant"), None),
    ],
)
def test_prompt_is_what_a_person_typed(event: Any, typed: str | None) -> None:
    assert prompt_text(event) == typed


@pytest.mark.parametrize(
    ("event", "title"),
    [
        (user("  Fix\n\n the   login "), Title("Fix the login", "prompt")),
        (user("a\x00b"), Title("a\ufffdb", "prompt")),
        (user("x" * 200), Title("x" * 79 + "…", "prompt")),
        (
            user("<command-name>/review</command-name> <command-args>42 </command-args>"),
            Title("/review 42", "command"),
        ),
        (user("<command-name>/init</command-name>"), Title("/init", "command")),
        (sample_event(event_type="summary", data={"summary": "S"}), Title("S", "summary")),
        (sample_event(event_type="ai-title", data={"aiTitle": "A"}), Title("A", "ai-title")),
        (
            sample_event(event_type="custom-title", data={"customTitle": "C"}),
            Title("C", "custom-title"),
        ),
        (sample_event(event_type="custom-title", data={"customTitle": 7}), None),
        (sample_event(event_type="summary", data={}), None),
        (sample_event(event_type="system"), None),
    ],
)
def test_title_in_an_event(event: Any, title: Title | None) -> None:
    assert title_in(event) == title


def test_better_title() -> None:
    first, second = Title("one", "prompt"), Title("two", "prompt")
    made, remade = Title("three", "ai-title"), Title("four", "ai-title")
    assert better_title(None, first) == first
    assert better_title(first, None) == first
    assert better_title(first, second) == first
    assert better_title(first, made) == made
    assert better_title(made, remade) == remade
    assert better_title(remade, first) == remade
    assert better_title(None, None) is None


def test_json_is_strict() -> None:
    for bad in ("NaN", "[Infinity]", "1e999", "{", "", "[" * 100_000, "9" * 5000):
        with pytest.raises(ValueError):  # noqa: PT011 - any of the ways to be no JSON
            decode_json(bad)
    for worse in (float("inf"), {"x": {1}}, {(1, 2): 3}):
        with pytest.raises(InvalidValue) as caught:
            encode_json(worse, field="data")  # type: ignore[arg-type]
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
    for bad in (b'{"x": "\xff"}', b"{", b""):
        with pytest.raises(ValueError):  # noqa: PT011 - any of the ways to be no JSON
            parse_object(bad)


def test_depth_of_json() -> None:
    assert not is_nested_deeper([[["x"]]], 3)
    assert is_nested_deeper([[["x"]]], 2)
    assert is_nested_deeper({"a": {"b": [1]}}, 2)
    assert not is_nested_deeper("x", 0)


def test_clean_text() -> None:
    assert clean_text("plain") == "plain"
    assert clean_text("é\x00\ud83d") == "é\ufffd\ufffd"
    assert clean_text("😀") == "😀"


def test_redaction_leaves_identity() -> None:
    event = sample_event(uuid="secret", data={"uuid": "secret", "n": [1, None, "a secret"]})
    kept = redacted_event(event, lambda text: text.replace("secret", "-"))
    assert kept.uuid == "secret"
    assert kept.data == {"uuid": "-", "n": [1, None, "a -"]}
