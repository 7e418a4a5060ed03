"""How lines become events: what they lack, and their uuids."""

import json
from typing import Any

import pytest

from memva import InvalidValue, Transcript
from memva.domain.line import (
    Carry,
    TranscriptLine,
    content_prefix,
    derived_uuid,
    event_of_line,
    project_key,
    project_name,
    read_line,
    read_message,
)
from memva.domain.time import to_text
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

    message = read_message(
        {"uuid": bad, "session_id": bad, "timestamp": bad, "parent_tool_use_id": bad}
    )
    assert (message.uuid, message.session_id, message.timestamp) == (None,) * 3
    assert not message.is_sidechain


def test_message_of_the_stream_is_spelt_in_snake_case() -> None:
    data = {"type": "user", "uuid": "u", "session_id": "c", "parent_tool_use_id": "toolu_1"}
    message = read_message({**data, "sessionId": "x", "parentUuid": "p", "isSidechain": False})
    assert (message.uuid, message.session_id, message.parent_uuid) == ("u", "c", None)
    assert message.is_sidechain
    assert read_message(data, redact=str.upper).data["TYPE"] == "USER"


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


def test_project_names() -> None:
    assert project_key("/code/my app_2") == "-code-my-app-2"
    assert len(project_key("x" * 300)) == 200
    assert project_name("/code/app/") == "app"
    assert project_name("C:\\code\\app") == "app"
    assert project_name("") == ""
